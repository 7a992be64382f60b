#ifndef MORO_TOOLS_BENCH_PLACEMENT_H
#define MORO_TOOLS_BENCH_PLACEMENT_H

/*
 * Which CPUs the processes of a round sat on. Waking a process on another,
 * idle CPU costs more than all the code between, and processes that share one
 * take turns: figures compare only within one placement.
 */

#include <stdint.h>
#include <sys/types.h>

#define PLACEMENT_PIDS 8 /* processes that are looked at */

enum placement {
	PLACEMENT_ONE, /* all on one CPU, nearly all the time */
	PLACEMENT_MANY, /* on several */
	/* on several, in detail: who was on the client's CPU */
	PLACEMENT_RELAY_AND_SOME, /* the relay, and some of the workers */
	PLACEMENT_RELAY, /* the relay alone */
	PLACEMENT_ALL, /* all of the workers */
	PLACEMENT_SOME, /* some of the workers */
	PLACEMENT_NONE, /* nobody */
	PLACEMENT_MIXED, /* now this, now that */
	PLACEMENT_N,
};

struct placement_watch {
	int n; /* processes, this one apart */
	int stat_fd[PLACEMENT_PIDS];
	int sched_fd[PLACEMENT_PIDS];
	uint64_t
	    slices[PLACEMENT_PIDS]; /* times it had run, at the last look */
	uint64_t next_ns; /* when to look again */
	unsigned int looks;
	unsigned int seen[PLACEMENT_N]; /* looks by what they found in detail */
};

/*
 * Begins to watch processes and this one, the client; the first of them is the
 * relay or the dispatcher, the others are workers.
 */
void placement_init(struct placement_watch *w, const pid_t *pids, int n);
void placement_clear(struct placement_watch *w);

/* Forgets what was seen: the measurement begins now. */
void placement_begin(struct placement_watch *w);

/* Looks, if it is time; true when it did, which takes a while. */
int placement_look(struct placement_watch *w, uint64_t now);

/* What it came to: one CPU, several, or mixed. */
enum placement placement_seen(const struct placement_watch *w);

/*
 * The same in detail, and less strict: what most looks found. For rates, which
 * are means over the round.
 */
enum placement placement_detail(const struct placement_watch *w);

const char *placement_name(enum placement placement);

#endif

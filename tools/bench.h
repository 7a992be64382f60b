#ifndef MORO_TOOLS_BENCH_H
#define MORO_TOOLS_BENCH_H

/* What all scenarios of moro-bench share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/bench-report.h"
#include "tools/bench-samples.h"
#include "tools/bench-server.h"

#define BENCH_CURVES 12 /* latency distributions for the plot */

/* The latencies of all rounds of one kind. */
struct curve {
	const char *name; /* static */
	struct samples us; /* owned */
};

struct bench {
	int rounds;
	int workers;
	double seconds; /* measured in each round and side */
	const char *socket; /* of a morod that runs already, or NULL */
	const char *type; /* that echoes there, or NULL */
	const char *modules; /* for morods of our own, or NULL */
	int n_names; /* of what is wanted; 0: all */
	char **names;
	bool json;
	const char *plot; /* file, or NULL */
	double wall_s; /* how long all took */
	double others; /* CPUs that other processes have kept busy meanwhile */
	struct report report;
	int n_curves;
	struct curve curves[BENCH_CURVES];
};

/* A scenario; the table ends where name is NULL. */
struct scenario {
	const char *name;
	const char *about; /* one line */
	bool own; /* needs a morod of its own */
	void (*run)(struct bench *b);
	/* what it can measure alone, by number; or NULL */
	const char *(*part)(size_t i);
};

extern const struct scenario bench_scenarios[];

/*
 * Whether a part of a scenario is wanted: no name was given, or the scenario's,
 * or "SCENARIO.PATTERN" with a shell's pattern for the part or its first names.
 */
bool bench_wants(const struct bench *b, const char *scenario, const char *part);

/* How long a phase is measured, and warmed up before, in ns. */
uint64_t bench_run_ns(const struct bench *b);
uint64_t bench_warm_ns(const struct bench *b);

/* Keeps latencies for the plot, under a name. */
void bench_curve(struct bench *b, const char *name, const struct samples *us);

/* Starts morod for a round, or takes the one that was given. */
void bench_server(const struct bench *b, struct server *s,
    const char *const *args);

#endif

#include "tools/bench-placement.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/bench-clock.h"

#define PLACEMENT_EVERY_NS (10 * CLOCK_NS_PER_MS)
#define PLACEMENT_TEXT 512
#define PLACEMENT_PATH 64
#define PLACEMENT_CPU_FIELD 37 /* spaces behind the name, up to `processor` */
#define PLACEMENT_MOST 0.9 /* share of the looks that counts as always */
#define PLACEMENT_MAIN 0.65 /* in detail: that outweighs the others */

/* Opens a file of a process, or gives -1. */
static int
placement_open(pid_t pid, const char *name)
{
	char path[PLACEMENT_PATH];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void
placement_init(struct placement_watch *w, const pid_t *pids, int n)
{
	memset(w, 0, sizeof *w);
	for (; w->n < n && w->n < PLACEMENT_PIDS; w->n++) {
		w->stat_fd[w->n] = placement_open(pids[w->n], "stat");
		w->sched_fd[w->n] = placement_open(pids[w->n], "schedstat");
	}
}

void
placement_clear(struct placement_watch *w)
{
	for (int i = 0; i < w->n; i++) {
		close(w->stat_fd[i]);
		close(w->sched_fd[i]);
	}
	w->n = 0;
}

void
placement_begin(struct placement_watch *w)
{
	w->looks = 0;
	memset(w->seen, 0, sizeof w->seen);
}

/* Reads a small file from its beginning; false when it is gone. */
static bool
placement_read(int fd, char *text)
{
	ssize_t n = pread(fd, text, PLACEMENT_TEXT - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* Whether a process has run since the last look: else it sits nowhere. */
static bool
placement_ran(struct placement_watch *w, int i)
{
	char text[PLACEMENT_TEXT];
	unsigned long long slices;

	if (!placement_read(w->sched_fd[i], text) ||
	    sscanf(text, "%*u %*u %llu", &slices) != 1)
		return true; /* a kernel without schedstat */
	if (slices == w->slices[i])
		return false;
	w->slices[i] = slices;
	return true;
}

/* The CPU that a process is on, or ran on last; -1: not known. */
static int
placement_cpu(int fd)
{
	char text[PLACEMENT_TEXT];
	const char *p;

	if (!placement_read(fd, text))
		return -1;
	p = strrchr(text, ')');
	for (int i = 0; p != NULL && i < PLACEMENT_CPU_FIELD; i++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	return p != NULL ? atoi(p) : -1;
}

/* What is found now; who has not run since the last look does not count. */
static enum placement
placement_now(struct placement_watch *w)
{
	int own = sched_getcpu(), with[2] = {0, 0}, apart[2] = {0, 0};

	for (int i = 0; i < w->n; i++) {
		if (!placement_ran(w, i))
			continue;
		if (placement_cpu(w->stat_fd[i]) == own)
			with[i > 0]++; /* 0: the relay, 1: workers */
		else
			apart[i > 0]++;
	}
	if (apart[0] == 0 && apart[1] == 0)
		return PLACEMENT_ONE;
	if (apart[0] == 0)
		return with[1] > 0 ? PLACEMENT_RELAY_AND_SOME : PLACEMENT_RELAY;
	if (with[1] == 0)
		return PLACEMENT_NONE;
	return apart[1] > 0 ? PLACEMENT_SOME : PLACEMENT_ALL;
}

int
placement_look(struct placement_watch *w, uint64_t now)
{
	if (now < w->next_ns)
		return 0;
	w->next_ns = now + PLACEMENT_EVERY_NS;
	w->looks++;
	w->seen[placement_now(w)]++;
	return 1;
}

/* The share of the looks that found a placement. */
static double
placement_share(const struct placement_watch *w, enum placement placement)
{
	return w->looks > 0 ? (double)w->seen[placement] / w->looks : 0;
}

enum placement
placement_seen(const struct placement_watch *w)
{
	double share = placement_share(w, PLACEMENT_ONE);

	if (share >= PLACEMENT_MOST)
		return PLACEMENT_ONE;
	return share <= 1 - PLACEMENT_MOST ? PLACEMENT_MANY : PLACEMENT_MIXED;
}

enum placement
placement_detail(const struct placement_watch *w)
{
	for (int i = PLACEMENT_ONE; i < PLACEMENT_MIXED; i++) {
		if (placement_share(w, (enum placement)i) >= PLACEMENT_MAIN)
			return (enum placement)i;
	}
	return PLACEMENT_MIXED;
}

const char *
placement_name(enum placement placement)
{
	static const char *const names[PLACEMENT_N] = {
	    [PLACEMENT_ONE] = "one CPU",
	    [PLACEMENT_MANY] = "several CPUs",
	    [PLACEMENT_RELAY_AND_SOME] = "client + relay + some workers",
	    [PLACEMENT_RELAY] = "client + relay",
	    [PLACEMENT_ALL] = "client + workers",
	    [PLACEMENT_SOME] = "client + some workers",
	    [PLACEMENT_NONE] = "client alone",
	    [PLACEMENT_MIXED] = "mixed",
	};

	return placement < PLACEMENT_N ? names[placement] : "unknown";
}

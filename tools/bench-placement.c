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
	w->together = 0;
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

int
placement_look(struct placement_watch *w, uint64_t now)
{
	bool together = true;
	int own;

	if (now < w->next_ns)
		return 0;
	own = sched_getcpu();
	w->next_ns = now + PLACEMENT_EVERY_NS;
	for (int i = 0; i < w->n; i++) {
		if (placement_ran(w, i) && placement_cpu(w->stat_fd[i]) != own)
			together = false;
	}
	w->looks++;
	w->together += together;
	return 1;
}

enum placement
placement_seen(const struct placement_watch *w)
{
	double share = w->looks > 0 ? (double)w->together / w->looks : 0;

	if (share >= PLACEMENT_MOST)
		return PLACEMENT_ONE;
	return share <= 1 - PLACEMENT_MOST ? PLACEMENT_MANY : PLACEMENT_MIXED;
}

const char *
placement_name(enum placement placement)
{
	static const char *const names[PLACEMENT_N] = {
	    [PLACEMENT_ONE] = "one CPU",
	    [PLACEMENT_MANY] = "several CPUs",
	    [PLACEMENT_MIXED] = "mixed",
	};

	return placement < PLACEMENT_N ? names[placement] : "unknown";
}

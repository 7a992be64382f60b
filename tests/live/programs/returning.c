/*
 * Submits tasks of the type t:note to the morod whose socket is argv[1], until
 * its standard input ends, and comes back to it whenever it is gone. Every
 * second task may run twice. Prints a line for each: its number, how often it
 * ended, and with what.
 */

#undef NDEBUG
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moro.h>

#define WINDOW 64 /* requests at a time */
#define MOST 65536 /* in all: a number has two bytes */
#define FIRST_MS 2
#define MAX_MS 50
#define LIMIT_MS 60000 /* longer than any restart takes */

struct task {
	int endings;
	char code[32];
	char reason[32];
};

static void
ended_cb(struct moro *m, struct moro_reply *r, void *user)
{
	struct task *t = user;

	(void)m;
	t->endings++;
	snprintf(t->code, sizeof t->code, "%s", moro_reply_code_name(r));
	snprintf(t->reason, sizeof t->reason, "%s", moro_reply_reason(r));
	moro_reply_free(r);
}

/* Submits task i, whose data is its number. */
static void
submit(struct moro *m, struct task *tasks, int i, struct moro_options *twice)
{
	unsigned char data[] = {0xcd, (unsigned char)(i >> 8),
	    (unsigned char)i};

	assert(moro_submit(m, "t:note", data, sizeof data,
		   i % 2 == 0 ? twice : NULL, ended_cb, &tasks[i]) != 0);
}

/* Waits as an event loop does. Returns whether to go on. */
static int
turn(struct moro *m)
{
	struct pollfd p[] = {{.fd = moro_fd(m)}, {.events = POLLIN}};
	int events = moro_events(m);

	p[0].events = (short)((events & MORO_READ ? POLLIN : 0) |
			      (events & MORO_WRITE ? POLLOUT : 0));
	poll(p, 2, (int)moro_next_ms(m));
	if (moro_dispatch(m) == -1) {
		fprintf(stderr, "%s\n", moro_errstr(m));
		exit(1);
	}
	return p[1].revents == 0;
}

int
main(int argc, char **argv)
{
	struct task *tasks = calloc(MOST, sizeof *tasks);
	struct moro_options *twice = moro_options_new();
	struct moro *m = moro_new();
	int n = 0, on = 1;

	assert(argc == 2);
	moro_options_set_idempotent(twice, 1);
	assert(moro_set_reconnect(m, FIRST_MS, MAX_MS, LIMIT_MS) == 0);
	assert(moro_start(m, argv[1]) == 0);
	while (on || moro_outstanding(m) > 0) {
		while (on && n < MOST && moro_outstanding(m) < WINDOW)
			submit(m, tasks, n++, twice);
		on &= turn(m);
	}
	for (int i = 0; i < n; i++)
		printf("%d %d %s %s\n", i, tasks[i].endings, tasks[i].code,
		    tasks[i].reason[0] == '\0' ? "-" : tasks[i].reason);
	moro_free(m);
	moro_options_free(twice);
	free(tasks);
	return 0;
}

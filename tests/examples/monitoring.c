/*
 * The guide's "Monitor Worker Health": looks at the server now and then, and
 * warns.
 *
 *	monitoring [ROUNDS [SECONDS [QUEUE]]]
 *
 * ROUNDS times (6), each SECONDS (10); a queue of more than QUEUE (500) is worth
 * a warning. A program with an event loop is told by the server instead: see
 * backpressure.c.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <moro.h>

/* The server answers at once, however busy its workers are. */
#define ANSWER_MS 5000

/* The guide's getStats(), and what it warns of. */
static void
look(const struct moro_reply *stats, int64_t most)
{
	int64_t workers = 0, queue = 0, active = 0;

	moro_reply_number(stats, "workers", &workers);
	moro_reply_number(stats, "queueSize", &queue);
	moro_reply_number(stats, "activeTasks", &active);
	printf("workers %" PRId64 ", queueSize %" PRId64
	       ", activeTasks %" PRId64 "\n",
	    workers, queue, active);
	if (queue > most)
		printf("warning: the queue is getting long\n");
	if (active >= workers)
		printf("warning: all workers are busy\n");
	/* Crashed workers are replaced. This is when that is no use. */
	if (workers == 0)
		printf("warning: workers die as soon as they start\n");
	if (moro_reply_true(stats, "isDraining"))
		printf("warning: the server takes no new tasks\n");
}

/* Looks once, on a new connection if the old one was lost. */
static void
look_again(struct moro *m, int64_t most)
{
	struct moro_reply *r;

	if (!moro_connected(m))
		moro_connect(m, NULL);
	r = moro_stats(m);
	if (moro_reply_ok(r))
		look(r, most);
	else
		printf("warning: the server does not answer: %s\n",
		    moro_reply_message(r));
	moro_reply_free(r);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 6;
	double seconds = argc > 2 ? atof(argv[2]) : 10;
	int64_t most = argc > 3 ? atoi(argv[3]) : 500;
	struct moro *m = moro_new();

	moro_set_name(m, "monitoring");
	moro_set_wait_ms(m, ANSWER_MS);
	look_again(m, most);
	while (--rounds > 0) {
		poll(NULL, 0, (int)(seconds * 1000));
		look_again(m, most);
	}
	moro_free(m);
	return 0;
}

/*
 * The guide's "Queue is 80% full - implement backpressure", and two better ways:
 * to be told by the server, and to have it wait.
 *
 * For root and the server's own user, because moro_pause() is, which is here so
 * that a queue fills in any case.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <moro.h>

#define WORK "heavy:computation"

/* What came of the tasks that were submitted. */
struct tally {
	int64_t done, refused, failed;
};

/* Ends the program when a reply is an error; frees it. */
static void
check_free(struct moro_reply *r)
{
	if (!moro_reply_ok(r)) {
		fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
		    moro_reply_message(r));
		exit(1);
	}
	moro_reply_free(r);
}

/* A number of the statistics. */
static int64_t
stat_number(struct moro *m, const char *name)
{
	struct moro_reply *r = moro_stats(m);
	int64_t n = 0;

	moro_reply_number(r, name, &n);
	check_free(r);
	return n;
}

static void
answer_cb(struct moro *m, struct moro_reply *r, void *user)
{
	struct tally *t = user;

	(void)m;
	if (moro_reply_ok(r))
		t->done++;
	else if (moro_reply_code(r) == MORO_QUEUE_FULL)
		t->refused++;
	else
		t->failed++;
	moro_reply_free(r);
}

/* Submits n tasks. */
static void
submit(struct moro *m, int64_t n, const struct moro_options *options,
    struct tally *t)
{
	struct moro_map *data = moro_map_new(), *params = moro_map_new();

	moro_map_number(params, "n", 50000);
	moro_map_text(data, "operation", "fibonacci");
	moro_map_map(data, "params", params);
	while (n-- > 0)
		if (moro_submit(m, WORK, moro_map_data(data),
			moro_map_size(data), options, answer_cb, t) == 0)
			t->failed++;
	moro_map_free(params);
	moro_map_free(data);
}

/* Waits until something happens on the connection, and takes it. */
static void
take_news(struct moro *m)
{
	struct pollfd p = {.fd = moro_fd(m)};
	int events = moro_events(m);

	p.events = (short)((events & MORO_READ ? POLLIN : 0) |
			   (events & MORO_WRITE ? POLLOUT : 0));
	poll(&p, 1, -1);
	moro_dispatch(m);
}

static void
finish(struct moro *m, const char *how, const struct tally *t)
{
	while (moro_outstanding(m) > 0)
		take_news(m);
	printf("%s: done %" PRId64 ", refused %" PRId64 ", failed %" PRId64
	       "\n",
	    how, t->done, t->refused, t->failed);
}

/*
 * As in the guide: looks before each submit. It costs a round trip each time,
 * and others may submit in between: QUEUE_FULL can come nevertheless.
 */
static void
look_first(struct moro *m, int64_t limit)
{
	struct tally t = {0};

	check_free(moro_pause(m, WORK));
	while (stat_number(m, "queueSize") < limit * 80 / 100)
		submit(m, 1, NULL, &t);
	printf("503 Service busy, retry after 60 s\n");
	check_free(moro_resume(m, WORK));
	finish(m, "looked first", &t);
}

static void
pressure_cb(struct moro *m, const char *pool, int high, uint64_t queued,
    uint64_t limit, void *user)
{
	int *highs = user;

	(void)m;
	(void)pool;
	(void)queued;
	(void)limit;
	*highs += high;
}

/*
 * Is told when the queue is 80% full, and when it has emptied to 50% (morod's
 * --queue-high-mark and --queue-low-mark). A tenth of the queue goes at a time,
 * and a ping behind it: its answer has the news from before it.
 */
static void
be_told(struct moro *m, int64_t limit)
{
	struct tally t = {0};
	int highs = 0;
	int64_t sent;

	moro_on_backpressure(m, pressure_cb, &highs);
	check_free(moro_subscribe(m, "backpressure"));
	check_free(moro_pause(m, WORK));
	for (sent = 0; sent < 2 * limit; sent += limit / 10) {
		submit(m, limit / 10, NULL, &t);
		check_free(moro_ping(m));
		if (moro_backpressure(m) == 1)
			check_free(moro_resume(m, WORK));
		while (moro_backpressure(m) == 1)
			take_news(m);
	}
	finish(m, "told", &t);
	printf("the queue was high: %s\n", highs > 0 ? "yes" : "no");
	check_free(moro_unsubscribe(m, "backpressure"));
	moro_on_backpressure(m, NULL, NULL);
}

/*
 * The server takes what finds no room nevertheless, and reads nothing more from
 * this program until there is some. Nothing is refused, and no time is lost.
 */
static void
have_it_wait(struct moro *m, int64_t limit)
{
	struct moro_options *patient = moro_options_new();
	struct tally t = {0};

	moro_options_set_wait_when_full(patient, 1);
	submit(m, 3 * limit, patient, &t);
	finish(m, "waited", &t);
	moro_options_free(patient);
}

int
main(void)
{
	struct moro *m = moro_new();
	int64_t limit;

	moro_connect(m, NULL);
	limit = stat_number(m, "maxQueueSize");
	look_first(m, limit);
	be_told(m, limit);
	have_it_wait(m, limit);
	moro_free(m);
	return 0;
}

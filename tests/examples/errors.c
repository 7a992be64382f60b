/*
 * The guide's "Error Handling": one error of each kind, told apart by its code.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moro.h>

#define ZEROS 1000000
#define MORE_THAN_FIT 50

/* What a program does about a reply. */
static void
handle(const struct moro_reply *r)
{
	const char *name = moro_reply_code_name(r);
	const char *message = moro_reply_message(r);
	int64_t after = 0;

	switch (moro_reply_code(r)) {
	case MORO_OK:
		printf("no error\n");
		break;
	case MORO_WORKER_ERROR: /* the reason: failed, crashed, memory, ... */
		printf("%s: the task %s: %s\n", name, moro_reply_reason(r),
		    message);
		break;
	case MORO_TIMEOUT: /* the guide looks for the word in the message */
		printf("%s: 504 Processing %s: %s\n", name,
		    strstr(message, "timeout") != NULL ? "timeout" : "?",
		    message);
		break;
	case MORO_QUEUE_FULL:
		moro_reply_detail_number(r, "retryAfterMs", &after);
		printf("%s: 503 Service busy, retry after %" PRId64 " s\n",
		    name, (after + 999) / 1000);
		break;
	case MORO_CANCELLED:
		printf("%s: nobody wants the result any more\n", name);
		break;
	case MORO_UNKNOWN_TASK:
		printf("%s: an older server? %s\n", name, message);
		break;
	case MORO_INVALID_ARGUMENT:
	case MORO_TOO_LARGE:
		printf("%s: 400 Bad Request: %s\n", name, message);
		break;
	case MORO_NO_SERVER:
	case MORO_LOST:
		printf("%s: 503, is morod running?\n", name);
		break;
	default: /* codes may be added */
		printf("%s: %s%s\n", name, message,
		    moro_reply_retryable(r) ? " (later it may work)" : "");
	}
}

/* The same, and frees it. */
static void
handle_free(struct moro_reply *r)
{
	handle(r);
	moro_reply_free(r);
}

/* Data of heavy:computation that takes longer than anybody waits. */
static struct moro_map *
make_long_task(void)
{
	struct moro_map *data = moro_map_new(), *params = moro_map_new();

	moro_map_number(params, "samples", 10000000000);
	moro_map_text(data, "operation", "monte-carlo-pi");
	moro_map_map(data, "params", params);
	moro_map_free(params);
	return data;
}

static void
show_timeout(struct moro *m, const struct moro_map *data)
{
	handle_free(
	    moro_execute_task(m, NULL, "heavy:computation", moro_map_data(data),
		moro_map_size(data), MORO_PRIORITY_DEFAULT, 200));
}

/* A bomb: a million bytes of the same, where a thousand are allowed. */
static void
show_too_large(struct moro *m)
{
	static char zeros[ZEROS];
	struct moro_reply *bomb;
	const char *bytes;
	size_t len = 0;

	bomb = moro_compress_data(m, zeros, sizeof zeros, "zstd",
	    MORO_LEVEL_DEFAULT, NULL);
	bytes = moro_reply_text(bomb, &len);
	handle_free(moro_decompress_data(m, bytes, len, NULL, 1000, NULL));
	moro_reply_free(bomb);
}

/* A task that is cancelled has an answer as any other. */
static void
show_cancelled(struct moro *m, const struct moro_map *data)
{
	uint64_t number = moro_submit(m, "heavy:computation",
	    moro_map_data(data), moro_map_size(data), NULL, NULL, NULL);

	moro_reply_free(moro_cancel(m, number));
	handle_free(moro_wait(m, number, MORO_WAIT_DEFAULT));
}

static void
show_no_server(void)
{
	struct moro *m = moro_new();

	/* No need to look at what moro_connect() returns. */
	moro_connect(m, "/nonexistent/moro.sock");
	handle_free(moro_ping(m));
	moro_free(m);
}

/* Submits more tasks than may wait; those that find no room are told at once. */
static void
show_queue_full(struct moro *m, const struct moro_map *data)
{
	struct moro_reply *r = moro_stats(m);
	int64_t i, limit = 0;

	moro_reply_number(r, "maxQueueSize", &limit);
	moro_reply_free(r);
	for (i = 0; i < limit + MORE_THAN_FIT; i++)
		moro_submit(m, "heavy:computation", moro_map_data(data),
		    moro_map_size(data), NULL, NULL, NULL);
	handle_free(moro_wait_any(m, NULL, MORO_WAIT_DEFAULT));
	/* Without its connection a task is stopped. */
	moro_close(m);
}

int
main(void)
{
	struct moro *m = moro_new();
	struct moro_map *task = make_long_task(), *empty = moro_map_new();

	moro_connect(m, NULL);
	handle_free(
	    moro_decompress_data(m, "not compressed", 14, NULL, 0, NULL));
	show_timeout(m, task);
	handle_free(moro_call(m, "no:such", moro_map_data(empty),
	    moro_map_size(empty), NULL));
	handle_free(moro_call(m, "crypto:hash", moro_map_data(empty),
	    moro_map_size(empty), NULL));
	show_no_server();
	show_too_large(m);
	show_cancelled(m, task);
	show_queue_full(m, task);
	moro_map_free(empty);
	moro_map_free(task);
	moro_free(m);
	return 0;
}

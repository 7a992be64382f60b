/*
 * The guide's "Dynamic Worker Scaling": as many workers as the load asks for.
 *
 *	scaling [MOST]
 *
 * MOST is the largest number of workers; without, one less than processors.
 *
 * A program need not do this: moro_scale(m, NULL, 1, 8), or morod --workers
 * 1:8, has the server itself choose, by how long tasks wait. It is for those
 * who know of load before it is there. For root and the server's own user.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <moro.h>

#define TASKS 250
#define TASKS_PER_WORKER 100
#define LOOK_MS 50
#define WORK "heavy:computation"

/* Ends the program when a reply is an error. */
static void
check(const struct moro_reply *r)
{
	if (moro_reply_ok(r))
		return;
	fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
	    moro_reply_message(r));
	exit(1);
}

/* The same, and frees it. */
static void
check_free(struct moro_reply *r)
{
	check(r);
	moro_reply_free(r);
}

/*
 * A number of the statistics. The server itself answers them, also when all
 * workers are busy.
 */
static int64_t
stat_number(struct moro *m, const char *name)
{
	struct moro_reply *r = moro_stats(m);
	int64_t n = 0;

	check(r);
	moro_reply_number(r, name, &n);
	moro_reply_free(r);
	return n;
}

/* Tasks that wait and run. */
static int64_t
load(struct moro *m)
{
	return stat_number(m, "queueSize") + stat_number(m, "activeTasks");
}

/* How many workers the pool may have: "min" or "max". */
static uint32_t
bound(struct moro *m, const char *filter)
{
	struct moro_reply *stats = moro_stats(m), *r;
	const void *result;
	int64_t n = 1;
	size_t len;

	check(stats);
	result = moro_reply_result(stats, &len);
	r = moro_transform_json(m, result, len, filter, 0, NULL);
	check(r);
	moro_reply_number(r, NULL, &n);
	moro_reply_free(r);
	moro_reply_free(stats);
	return (uint32_t)n;
}

/* The guide's adjustWorkers(): a worker for each 100 tasks, 1 to most. */
static void
adjust_workers(struct moro *m, int64_t tasks, int64_t most)
{
	int64_t workers = (tasks + TASKS_PER_WORKER - 1) / TASKS_PER_WORKER;

	if (workers > most)
		workers = most;
	if (workers < 1)
		workers = 1;
	check_free(moro_scale(m, NULL, (uint32_t)workers, (uint32_t)workers));
	while (stat_number(m, "workers") != workers)
		poll(NULL, 0, LOOK_MS);
	printf("load %" PRId64 ": workers %" PRId64 "\n", tasks, workers);
}

/* Submits many tasks at once. */
static void
submit_tasks(struct moro *m)
{
	struct moro_map *data = moro_map_new(), *params = moro_map_new();
	int i;

	moro_map_number(params, "n", 50000);
	moro_map_text(data, "operation", "fibonacci");
	moro_map_map(data, "params", params);
	for (i = 0; i < TASKS; i++)
		moro_submit(m, WORK, moro_map_data(data), moro_map_size(data),
		    NULL, NULL, NULL);
	moro_map_free(params);
	moro_map_free(data);
}

/* Waits for all answers. Returns how many are results. */
static int
take_answers(struct moro *m)
{
	struct moro_reply *r;
	int done = 0;

	while ((r = moro_wait_any(m, NULL, MORO_WAIT_DEFAULT)) != NULL) {
		done += moro_reply_ok(r);
		moro_reply_free(r);
	}
	return done;
}

int
main(int argc, char **argv)
{
	struct moro *m = moro_new();
	int64_t most =
	    argc > 1 ? atoi(argv[1]) : sysconf(_SC_NPROCESSORS_ONLN) - 1;
	uint32_t min, max;

	moro_connect(m, NULL);
	min = bound(m, ".pools[0].min");
	max = bound(m, ".pools[0].max");
	/*
	 * Tasks are held back until the load was looked at, so that this
	 * example shows the same on every machine.
	 */
	check_free(moro_pause(m, WORK));
	submit_tasks(m);
	adjust_workers(m, load(m), most);
	check_free(moro_resume(m, WORK));
	printf("answers: %d\n", take_answers(m));
	adjust_workers(m, load(m), most);
	check_free(moro_scale(m, NULL, min, max));
	moro_free(m);
	return 0;
}

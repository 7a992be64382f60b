/* stats: what the server does, at a glance, in 80 columns. */

#include <inttypes.h>
#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/moroctl-openmetrics.h"
#include "tools/moroctl.h"
#include "tools/rows.h"
#include "tools/view.h"

#define STATS_NAME 17 /* columns of a type's name in a table of times */
#define STATS_WORKERS 32 /* that are shown of a pool */
#define STATS_REASONS 56 /* columns of the reasons of an end */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One line: state of the whole. */
static void
stats_head(FILE *out, struct ctl *c, value stats)
{
	const char *version = moro_server_version(c->moro);
	char up[VIEW_WORDS], data[VIEW_WORDS], unread[VIEW_WORDS];

	fprintf(out, "morod %s, up %s, clients %" PRIu64 "%s\n",
	    version != NULL ? version : "", view_ms_of(up, stats, "uptimeMs"),
	    view_number(stats, "clients"),
	    view_true(stats, "isShuttingDown") ? ", SHUTTING DOWN" : "");
	fprintf(out,
	    "workers %" PRIu64 ", running %" PRIu64 ", queued %" PRIu64
	    " of %" PRIu64 ", delayed %" PRIu64 ", data %s, unread %s\n",
	    view_number(stats, "workers"), view_number(stats, "activeTasks"),
	    view_number(stats, "queueSize"), view_number(stats, "maxQueueSize"),
	    view_number(stats, "delayedTasks"),
	    view_size_of(data, stats, "queuedBytes"),
	    view_size_of(unread, stats, "unreadBytes"));
}

/* What is wrong with a pool. */
static void
stats_pool_troubles(FILE *out, value pool)
{
	value queue = view_field(pool, "queue");
	uint64_t waits =
	    view_number(queue, "high") + view_number(queue, "normal") +
	    view_number(queue, "low") + view_number(pool, "parked");
	uint64_t room = view_number(pool, "maxQueueSize");
	char name[VIEW_TEXT], state[VIEW_TEXT];

	view_text(name, pool, "name");
	if (view_is(pool, "state", "down"))
		fprintf(out,
		    "! pool %.40s is down: its workers die, and tasks are "
		    "refused\n",
		    name);
	else if (view_is(pool, "state", "half-open"))
		fprintf(out, "! pool %.40s was down, and tries one task\n",
		    name);
	else if (view_field(pool, "state") != NULL &&
		 !view_is(pool, "state", "up") && !view_true(pool, "paused"))
		fprintf(out, "! pool %.40s is %.30s\n", name,
		    view_text(state, pool, "state"));
	if (view_true(pool, "paused"))
		fprintf(out, "! pool %.40s is paused: its tasks wait\n", name);
	if (room > 0 && waits >= room)
		fprintf(out, "! pool %.40s: the queue is full\n", name);
	else if (view_is(pool, "pressure", "high"))
		fprintf(out, "! pool %.40s: the queue fills up\n", name);
}

/* What is wrong, in words, a line each. */
static void
stats_troubles(FILE *out, value stats)
{
	const msgpack_object_array *pools =
	    view_array(view_field(stats, "pools"));
	const msgpack_object_array *types =
	    view_array(view_field(stats, "types"));
	char name[VIEW_TEXT];

	if (view_true(stats, "isShuttingDown"))
		fputs("! it finishes what it has, and ends\n", out);
	else if (view_true(stats, "isDraining"))
		fputs("! it is drained: no new tasks are taken\n", out);
	for (uint32_t i = 0; i < pools->size; i++)
		stats_pool_troubles(out, &pools->ptr[i]);
	for (uint32_t i = 0; i < types->size; i++) {
		if (view_true(&types->ptr[i], "paused"))
			fprintf(out, "! %.40s is paused: its tasks wait\n",
			    view_text(name, &types->ptr[i], "type"));
	}
}

/* The reasons of an end, as far as they fit. */
static void
stats_reasons(FILE *out, value reasons)
{
	int columns = STATS_REASONS;

	if (reasons == NULL || reasons->type != MSGPACK_OBJECT_MAP)
		return;
	for (uint32_t i = 0; i < reasons->via.map.size; i++) {
		const msgpack_object_kv *kv = &reasons->via.map.ptr[i];
		char text[VIEW_TEXT], n[VIEW_WORDS];
		int len;

		if (kv->key.type != MSGPACK_OBJECT_STR)
			continue;
		len = snprintf(text, sizeof text, "%s%.*s %s",
		    i > 0 ? ", " : "", (int)kv->key.via.str.size,
		    kv->key.via.str.ptr, view_count(n, kv->val.via.u64));
		columns -= len;
		if (columns < (int)strlen(", ...")) {
			fputs(", ...", out);
			return;
		}
		fputs(text, out);
	}
}

/* How tasks ended. */
static void
stats_ends(FILE *out, value stats)
{
	static const struct {
		const char *field;
		const char *label;
	} rows[] = {
	    {"completed", "completed"},
	    {"failed", "failed"},
	    {"timedOut", "timed out"},
	    {"cancelled", "cancelled"},
	    {"refused", "refused"},
	    {"retried", "run again"},
	};
	value outcomes = view_field(stats, "outcomes");

	fprintf(out, "\nsubmitted %12" PRIu64 "\n",
	    view_number(stats, "submitted"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		value why = view_field(outcomes, rows[i].field);

		fprintf(out, "%-10s%12" PRIu64, rows[i].label,
		    view_number(stats, rows[i].field));
		if (why != NULL && why->type == MSGPACK_OBJECT_MAP &&
		    why->via.map.size > 0)
			fputs("  ", out);
		stats_reasons(out, why);
		fputc('\n', out);
	}
}

/* Four times of one kind. */
static void
stats_times(FILE *out, value times)
{
	static const char *const names[] = {"p50", "p90", "p99", "max"};
	bool any = view_number(times, "count") > 0;
	char words[VIEW_WORDS];

	for (size_t i = 0; i < COUNT(names); i++)
		fprintf(out, "%7s",
		    any ? view_us(words, view_real(times, names[i])) : "-");
}

/* A line of the table: its name has STATS_NAME columns. */
static void
stats_line(FILE *out, const char *name, value of, const char *span)
{
	value wait = view_field(view_field(of, "waitUs"), span);
	value run = view_field(view_field(of, "runUs"), span);
	char n[VIEW_WORDS];

	fprintf(out, "%s%7s", name, view_count(n, view_number(run, "count")));
	stats_times(out, wait);
	stats_times(out, run);
	fputc('\n', out);
}

/* The lines of a list; those without a task in that time are left out. */
static void
stats_lines(FILE *out, value list, const char *name, const char *span)
{
	const msgpack_object_array *rows = view_array(list);
	char text[VIEW_TEXT];

	for (uint32_t i = 0; i < rows->size; i++) {
		value of = &rows->ptr[i];
		value wait = view_field(view_field(of, "waitUs"), span);
		value run = view_field(view_field(of, "runUs"), span);

		if (view_number(run, "count") + view_number(wait, "count") > 0)
			stats_line(out, view_fit(text, of, name, STATS_NAME),
			    of, span);
	}
}

/* The table of times. */
static void
stats_table(FILE *out, struct ctl *c, value stats)
{
	bool all = ctl_has(c, CTL_SINCE_START);
	const char *span = all ? "sinceStart" : "lastMinute";
	char name[STATS_NAME + 1];

	if (view_field(stats, "runUs") == NULL)
		return; /* an older server */
	fprintf(out, "\n%-*s%7s%28s%28s\n", STATS_NAME,
	    all ? "since the start" : "last minute", "",
	    "waiting ---------------", "running ---------------");
	fprintf(out, "%-*s%7s%7s%7s%7s%7s%7s%7s%7s%7s\n", STATS_NAME, "",
	    "tasks", "p50", "p90", "p99", "max", "p50", "p90", "p99", "max");
	snprintf(name, sizeof name, "%-*s", STATS_NAME, "all");
	stats_line(out, name, stats, span);
	stats_lines(out, view_field(stats, "priorities"), "priority", span);
	stats_lines(out, view_field(stats, "types"), "type", span);
}

/* A pool: its queue and its workers. */
static void
stats_pool(FILE *out, value pool)
{
	const msgpack_object_array *workers =
	    view_array(view_field(pool, "workers"));
	value queue = view_field(pool, "queue");
	char name[VIEW_TEXT];
	uint32_t n = workers->size;

	fprintf(out, "\npool %.20s, workers %" PRIu64 " to %" PRIu64,
	    view_text(name, pool, "name"), view_number(pool, "min"),
	    view_number(pool, "max"));
	fprintf(out,
	    ", queued high %" PRIu64 ", normal %" PRIu64 ", low %" PRIu64 "\n",
	    view_number(queue, "high"), view_number(queue, "normal"),
	    view_number(queue, "low"));
	fputs(ROWS_WORKER_HEAD "\n", out);
	if (n > STATS_WORKERS)
		n = STATS_WORKERS;
	for (uint32_t i = 0; i < n; i++)
		rows_worker(out, &workers->ptr[i]);
	if (workers->size > n)
		fprintf(out, "and %" PRIu32 " more: --json shows them all\n",
		    workers->size - n);
}

/* Prints the statistics for people. */
static int
stats_show(struct ctl *c, struct moro_reply *reply)
{
	value stats = moro_reply_object(reply);
	const msgpack_object_array *pools =
	    view_array(view_field(stats, "pools"));
	char *text = NULL;
	size_t len = 0;
	FILE *out = view_open(&text, &len);

	if (out == NULL)
		return EXIT_REFUSED;
	stats_head(out, c, stats);
	stats_troubles(out, stats);
	stats_ends(out, stats);
	stats_table(out, c, stats);
	for (uint32_t i = 0; i < pools->size; i++)
		stats_pool(out, &pools->ptr[i]);
	return view_done(out, &text, &len);
}

/* Prints them for a collector. */
static int
stats_collect(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int rc;

	moro_map_flag(map, "buckets", 1);
	rc = ctl_call_map(c, "stats", map, &reply);
	if (rc != EXIT_DONE)
		return rc;
	out = view_open(&text, &len);
	if (out == NULL) {
		moro_reply_free(reply);
		return EXIT_REFUSED;
	}
	openmetrics_write(out, moro_reply_object(reply));
	moro_reply_free(reply);
	return view_done(out, &text, &len);
}

int
ctl_stats(struct ctl *c)
{
	const char *format = c->values[CTL_FORMAT];
	struct moro_reply *reply;
	int rc;

	if (format != NULL && strcmp(format, "openmetrics") == 0)
		return stats_collect(c);
	if (format != NULL)
		return complain_usage("--format of stats takes openmetrics, "
				      "not %s",
		    format);
	rc = ctl_call(c, "stats", NULL, 0, &reply);
	if (rc != EXIT_DONE)
		return rc;
	rc = ctl_has(c, CTL_JSON) ? ctl_put_json(c, reply)
				  : stats_show(c, reply);
	moro_reply_free(reply);
	return rc;
}

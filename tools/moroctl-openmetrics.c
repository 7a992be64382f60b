#include "tools/moroctl-openmetrics.h"

#include <inttypes.h>
#include <string.h>

#define US_PER_S 1000000.0
#define MS_PER_S 1000.0
#define METRICS_NUMBER 40 /* bytes of a number */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Begins a family. A unit ends its name, as the format wants it. */
static void
metrics_family(FILE *out, const char *name, const char *type, const char *unit,
    const char *help)
{
	fprintf(out, "# TYPE moro_%s %s\n", name, type);
	if (unit != NULL)
		fprintf(out, "# UNIT moro_%s %s\n", name, unit);
	fprintf(out, "# HELP moro_%s %s\n", name, help);
}

/* Writes a text that stands between quotes. */
static void
metrics_escape(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* Writes one label. */
static void
metrics_label(FILE *out, const char *name, const char *text)
{
	fprintf(out, "%s=\"", name);
	metrics_escape(out, text);
	fputc('"', out);
}

/* A number as the format has it: whole ones with a point, too. */
static const char *
metrics_real(char text[METRICS_NUMBER], double n)
{
	snprintf(text, METRICS_NUMBER, "%.12g", n);
	if (strpbrk(text, ".e") == NULL)
		snprintf(text, METRICS_NUMBER, "%.1f", n);
	return text;
}

/* One number of the whole. */
struct metrics_row {
	const char *name;
	const char *type;
	const char *field;
	const char *help;
};

/* Those that are numbers in stats. */
static void
metrics_numbers(FILE *out, value stats)
{
	static const struct metrics_row rows[] = {
	    {"clients", "gauge", "clients", "Connections."},
	    {"running_tasks", "gauge", "activeTasks",
		"Tasks in the hands of workers."},
	    {"delayed_tasks", "gauge", "delayedTasks",
		"Tasks that wait to be run again."},
	    {"tasks_submitted", "counter", "submitted",
		"Tasks that came, accepted or not."},
	    {"notifications_ignored", "counter", "notificationsIgnored",
		"Notifications that were unknown, wrong or refused."},
	    {"clients_accepted", "counter", "clientsAccepted",
		"Connections that were taken."},
	    {"clients_dropped", "counter", "clientsDropped",
		"Connections that were closed for taking no answers."},
	    {"clients_refused", "counter", "clientsRefused",
		"Connections that were turned away."},
	    {"denied", "counter", "denied",
		"Requests that who sent them may not send."},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool counter = strcmp(rows[i].type, "counter") == 0;

		metrics_family(out, rows[i].name, rows[i].type, NULL,
		    rows[i].help);
		fprintf(out, "moro_%s%s %" PRIu64 "\n", rows[i].name,
		    counter ? "_total" : "", view_number(stats, rows[i].field));
	}
}

/* Those that have a unit. */
static void
metrics_measures(FILE *out, value stats)
{
	char text[METRICS_NUMBER];

	metrics_family(out, "data_bytes", "gauge", "bytes",
	    "Data of all unfinished tasks.");
	fprintf(out, "moro_data_bytes %" PRIu64 "\n",
	    view_number(stats, "queuedBytes"));
	metrics_family(out, "unread_bytes", "gauge", "bytes",
	    "Answers and tasks that are not sent yet.");
	fprintf(out, "moro_unread_bytes %" PRIu64 "\n",
	    view_number(stats, "unreadBytes"));
	metrics_family(out, "uptime_seconds", "gauge", "seconds",
	    "Time since the dispatcher started.");
	fprintf(out, "moro_uptime_seconds %s\n",
	    metrics_real(text, view_real(stats, "uptimeMs") / MS_PER_S));
	metrics_family(out, "draining", "gauge", NULL,
	    "1 while no new tasks are taken.");
	fprintf(out, "moro_draining %d\n",
	    view_true(stats, "isDraining") ||
		view_true(stats, "isShuttingDown"));
}

/* Writes one sample of a pool. */
static void
metrics_pool_sample(FILE *out, const char *name, value pool, uint64_t n)
{
	char text[VIEW_TEXT];

	fprintf(out, "moro_%s{", name);
	metrics_label(out, "pool", view_text(text, pool, "name"));
	fprintf(out, "} %" PRIu64 "\n", n);
}

/* Workers of a pool that have answered and live. */
static uint64_t
metrics_alive(value pool)
{
	const msgpack_object_array *workers =
	    view_array(view_field(pool, "workers"));
	uint64_t n = 0;

	for (uint32_t i = 0; i < workers->size; i++)
		n += view_is(&workers->ptr[i], "state", "idle") ||
		     view_is(&workers->ptr[i], "state", "busy");
	return n;
}

static uint64_t
metrics_target(value pool)
{
	return view_number(pool, "target");
}

static uint64_t
metrics_up(value pool)
{
	return view_is(pool, "state", "up") || view_is(pool, "state", "paused");
}

static uint64_t
metrics_paused(value pool)
{
	return view_true(pool, "paused");
}

static uint64_t
metrics_room(value pool)
{
	return view_number(pool, "maxQueueSize");
}

static uint64_t
metrics_parked(value pool)
{
	return view_number(pool, "parked");
}

/* Tasks that wait, by priority. */
static void
metrics_queues(FILE *out, const msgpack_object_array *pools)
{
	static const char *const names[] = {"high", "normal", "low"};
	char text[VIEW_TEXT];

	metrics_family(out, "queued_tasks", "gauge", NULL, "Tasks that wait.");
	for (uint32_t i = 0; i < pools->size; i++) {
		value pool = &pools->ptr[i];

		for (size_t k = 0; k < COUNT(names); k++) {
			fputs("moro_queued_tasks{", out);
			metrics_label(out, "pool",
			    view_text(text, pool, "name"));
			fprintf(out, ",priority=\"%s\"} %" PRIu64 "\n",
			    names[k],
			    view_number(view_field(pool, "queue"), names[k]));
		}
	}
}

static void
metrics_pools(FILE *out, value stats)
{
	static const struct {
		const char *name;
		uint64_t (*get)(value pool);
		const char *help;
	} rows[] = {
	    {"workers", metrics_alive, "Workers that live."},
	    {"workers_target", metrics_target, "Workers that there should be."},
	    {"pool_up", metrics_up, "1 while the pool does tasks."},
	    {"pool_paused", metrics_paused, "1 while no tasks are handed out."},
	    {"queue_limit", metrics_room, "Tasks that may wait."},
	    {"parked_tasks", metrics_parked,
		"Tasks of types that may run no more now."},
	};
	const msgpack_object_array *pools =
	    view_array(view_field(stats, "pools"));

	for (size_t i = 0; i < COUNT(rows); i++) {
		metrics_family(out, rows[i].name, "gauge", NULL, rows[i].help);
		for (uint32_t k = 0; k < pools->size; k++)
			metrics_pool_sample(out, rows[i].name, &pools->ptr[k],
			    rows[i].get(&pools->ptr[k]));
	}
	metrics_queues(out, pools);
}

/* Writes a sample of each worker for which the field is known. */
static void
metrics_workers_of(FILE *out, value pool, const char *name, const char *field,
    double scale)
{
	const msgpack_object_array *workers =
	    view_array(view_field(pool, "workers"));
	char text[VIEW_TEXT], number[METRICS_NUMBER];

	for (uint32_t i = 0; i < workers->size; i++) {
		value w = &workers->ptr[i];

		if (!view_has_number(w, field))
			continue;
		fprintf(out, "moro_%s{", name);
		metrics_label(out, "pool", view_text(text, pool, "name"));
		fprintf(out, ",slot=\"%" PRIu64 "\"} %s\n",
		    view_number(w, "slot"),
		    metrics_real(number, view_real(w, field) / scale));
	}
}

static void
metrics_workers(FILE *out, value stats)
{
	static const struct {
		const char *name;
		const char *sample;
		const char *type;
		const char *unit;
		const char *field;
		double scale;
		const char *help;
	} rows[] = {
	    {"worker_resident_memory_bytes", "worker_resident_memory_bytes",
		"gauge", "bytes", "rss", 1, "Memory of a worker."},
	    {"worker_cpu_seconds", "worker_cpu_seconds_total", "counter",
		"seconds", "cpuMs", MS_PER_S, "CPU time of a worker."},
	    {"worker_age_seconds", "worker_age_seconds", "gauge", "seconds",
		"ageMs", MS_PER_S, "Age of a worker."},
	    {"worker_tasks", "worker_tasks_total", "counter", NULL, "tasksDone",
		1, "Tasks that workers of the slot answered."},
	    {"worker_restarts", "worker_restarts_total", "counter", NULL,
		"restarts", 1, "Deaths of workers that nobody asked for."},
	};
	const msgpack_object_array *pools =
	    view_array(view_field(stats, "pools"));

	for (size_t i = 0; i < COUNT(rows); i++) {
		metrics_family(out, rows[i].name, rows[i].type, rows[i].unit,
		    rows[i].help);
		for (uint32_t k = 0; k < pools->size; k++)
			metrics_workers_of(out, &pools->ptr[k], rows[i].sample,
			    rows[i].field, rows[i].scale);
	}
}

/* Writes the labels of a series, without the closing brace. */
static void
metrics_series_labels(FILE *out, value series)
{
	char text[VIEW_TEXT];

	fputc('{', out);
	metrics_label(out, "type", view_text(text, series, "type"));
	fputc(',', out);
	metrics_label(out, "priority", view_text(text, series, "priority"));
}

/* Writes the counts of one outcome, by reason, of one series. */
static void
metrics_reasons(FILE *out, value series, const char *field, const char *outcome)
{
	value why = view_field(view_field(series, "outcomes"), field);

	if (why == NULL || why->type != MSGPACK_OBJECT_MAP)
		return;
	for (uint32_t i = 0; i < why->via.map.size; i++) {
		const msgpack_object_kv *kv = &why->via.map.ptr[i];
		char reason[VIEW_TEXT];

		if (kv->key.type != MSGPACK_OBJECT_STR)
			continue;
		snprintf(reason, sizeof reason, "%.*s",
		    (int)kv->key.via.str.size, kv->key.via.str.ptr);
		fputs("moro_tasks_ended_total", out);
		metrics_series_labels(out, series);
		fprintf(out, ",outcome=\"%s\",", outcome);
		metrics_label(out, "reason", reason);
		fprintf(out, "} %" PRIu64 "\n", kv->val.via.u64);
	}
}

/* Writes how tasks ended. */
static void
metrics_ends(FILE *out, value stats)
{
	static const struct {
		const char *field;
		const char *outcome;
	} rows[] = {
	    {"failed", "failed"},
	    {"timedOut", "timed_out"},
	    {"cancelled", "cancelled"},
	    {"retried", "retried"},
	};
	const msgpack_object_array *series =
	    view_array(view_field(stats, "series"));

	metrics_family(out, "tasks_ended", "counter", NULL,
	    "How tasks ended, and attempts that were followed by another.");
	for (uint32_t i = 0; i < series->size; i++) {
		value s = &series->ptr[i];

		fputs("moro_tasks_ended_total", out);
		metrics_series_labels(out, s);
		fprintf(out,
		    ",outcome=\"completed\",reason=\"completed\"} %" PRIu64
		    "\n",
		    view_number(view_field(s, "outcomes"), "completed"));
		for (size_t k = 0; k < COUNT(rows); k++)
			metrics_reasons(out, s, rows[k].field, rows[k].outcome);
	}
}

/* Writes why tasks were refused; some of them had no type. */
static void
metrics_refusals(FILE *out, value stats)
{
	value why = view_field(view_field(stats, "outcomes"), "refused");

	metrics_family(out, "tasks_refused", "counter", NULL,
	    "Tasks that were not accepted.");
	if (why == NULL || why->type != MSGPACK_OBJECT_MAP)
		return;
	for (uint32_t i = 0; i < why->via.map.size; i++) {
		const msgpack_object_kv *kv = &why->via.map.ptr[i];
		char reason[VIEW_TEXT];

		if (kv->key.type != MSGPACK_OBJECT_STR)
			continue;
		snprintf(reason, sizeof reason, "%.*s",
		    (int)kv->key.via.str.size, kv->key.via.str.ptr);
		fputs("moro_tasks_refused_total{", out);
		metrics_label(out, "reason", reason);
		fprintf(out, "} %" PRIu64 "\n", kv->val.via.u64);
	}
}

/* Writes one bucket. */
static void
metrics_bucket(FILE *out, const char *name, value series, const char *le,
    uint64_t n)
{
	fprintf(out, "moro_%s_bucket", name);
	metrics_series_labels(out, series);
	fprintf(out, ",le=\"%s\"} %" PRIu64 "\n", le, n);
}

/* Writes one histogram of a series. */
static void
metrics_histogram_of(FILE *out, const char *name, value series, value h,
    const msgpack_object_array *bounds)
{
	const msgpack_object_array *below = view_array(view_field(h, "below"));
	char text[METRICS_NUMBER];

	for (uint32_t i = 0; i < below->size && i < bounds->size; i++)
		metrics_bucket(out, name, series,
		    metrics_real(text,
			(double)bounds->ptr[i].via.u64 / US_PER_S),
		    below->ptr[i].via.u64);
	metrics_bucket(out, name, series, "+Inf", view_number(h, "count"));
	fprintf(out, "moro_%s_count", name);
	metrics_series_labels(out, series);
	fprintf(out, "} %" PRIu64 "\n", view_number(h, "count"));
	fprintf(out, "moro_%s_sum", name);
	metrics_series_labels(out, series);
	fprintf(out, "} %s\n",
	    metrics_real(text, view_real(h, "sum") / US_PER_S));
}

static void
metrics_histograms(FILE *out, value stats)
{
	static const struct {
		const char *name;
		const char *field;
		const char *help;
	} rows[] = {
	    {"task_wait_seconds", "waitUs",
		"From a task's acceptance until a worker had it."},
	    {"task_run_seconds", "runUs", "What tasks took in their workers."},
	};
	const msgpack_object_array *series =
	    view_array(view_field(stats, "series"));
	const msgpack_object_array *bounds =
	    view_array(view_field(stats, "bucketsUs"));

	for (size_t i = 0; i < COUNT(rows); i++) {
		metrics_family(out, rows[i].name, "histogram", "seconds",
		    rows[i].help);
		for (uint32_t k = 0; k < series->size; k++)
			metrics_histogram_of(out, rows[i].name, &series->ptr[k],
			    view_field(&series->ptr[k], rows[i].field), bounds);
	}
}

void
openmetrics_write(FILE *out, value stats)
{
	metrics_numbers(out, stats);
	metrics_measures(out, stats);
	metrics_pools(out, stats);
	metrics_workers(out, stats);
	metrics_ends(out, stats);
	metrics_refusals(out, stats);
	metrics_histograms(out, stats);
	fputs("# EOF\n", out);
}

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/moroctl.h"
#include "tools/sink.h"

/*
 * Statistics and types for people, in 80 columns. What a newer server adds is
 * passed over, what an older one lacks is shown as 0 or not at all.
 */

#define SHOW_NAME 22 /* columns of a task type's name */
#define SHOW_TIME 48 /* bytes of a time in words */
#define MS_PER_S 1000u

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef const msgpack_object *value;

/* The field of a map, or NULL. */
static value
show_field(value map, const char *name)
{
	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		value key = &map->via.map.ptr[i].key;

		if (key->type == MSGPACK_OBJECT_STR &&
		    key->via.str.size == strlen(name) &&
		    memcmp(key->via.str.ptr, name, strlen(name)) == 0)
			return &map->via.map.ptr[i].val;
	}
	return NULL;
}

/* The number in a field; 0: none. */
static uint64_t
show_number(value map, const char *name)
{
	value v = show_field(map, name);

	if (v == NULL || v->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return 0;
	return v->via.u64;
}

/* Whether a field is true. */
static bool
show_true(value map, const char *name)
{
	value v = show_field(map, name);

	return v != NULL && v->type == MSGPACK_OBJECT_BOOLEAN && v->via.boolean;
}

/* Prints the text in a field in at least `width` columns, at most `max`. */
static void
show_text(FILE *out, value map, const char *name, int width, int max)
{
	value v = show_field(map, name);
	bool text = v != NULL && v->type == MSGPACK_OBJECT_STR;
	int len = text ? (int)v->via.str.size : 1;

	fprintf(out, "%-*.*s", width, len < max ? len : max,
	    text ? v->via.str.ptr : "-");
}

/* The elements of an array in a field; none: an empty one. */
static const msgpack_object_array *
show_array(value v)
{
	static const msgpack_object_array empty;

	return v != NULL && v->type == MSGPACK_OBJECT_ARRAY ? &v->via.array
							    : &empty;
}

/* Writes a time in its two largest units: "3d 4h", "12ms". */
static void
show_time(char out[SHOW_TIME], uint64_t ms)
{
	static const struct {
		const char *name;
		uint64_t s;
	} units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
	uint64_t s = ms / MS_PER_S;
	size_t i = 0;

	if (s == 0) {
		snprintf(out, SHOW_TIME, "%" PRIu64 "ms", ms);
		return;
	}
	while (s < units[i].s)
		i++;
	if (i + 1 == COUNT(units))
		snprintf(out, SHOW_TIME, "%" PRIu64 "s", s);
	else
		snprintf(out, SHOW_TIME, "%" PRIu64 "%s %" PRIu64 "%s",
		    s / units[i].s, units[i].name,
		    s % units[i].s / units[i + 1].s, units[i + 1].name);
}

/* One line: state of the whole. */
static void
show_head(FILE *out, struct ctl *c, value stats)
{
	const char *version = moro_server_version(c->moro);
	char up[SHOW_TIME];

	show_time(up, show_number(stats, "uptimeMs"));
	fprintf(out, "morod %s, up %s, clients %" PRIu64 "%s\n",
	    version != NULL ? version : "", up, show_number(stats, "clients"),
	    show_true(stats, "isShuttingDown") ? ", SHUTTING DOWN" : "");
	fprintf(out,
	    "workers %" PRIu64 ", running %" PRIu64 ", queued %" PRIu64
	    " of %" PRIu64 "\n\n",
	    show_number(stats, "workers"), show_number(stats, "activeTasks"),
	    show_number(stats, "queueSize"),
	    show_number(stats, "maxQueueSize"));
}

/* The counters, three to a line. */
static void
show_counters(FILE *out, value stats)
{
	static const struct {
		const char *field;
		const char *label;
	} rows[] = {
	    {"submitted", "submitted"},
	    {"completed", "completed"},
	    {"failed", "failed"},
	    {"timedOut", "timed out"},
	    {"refused", "refused"},
	    {"cancelled", "cancelled"},
	};
	const size_t per_line = 3;

	for (size_t i = 0; i < COUNT(rows); i++)
		fprintf(out, "%-10s%12" PRIu64 "%s", rows[i].label,
		    show_number(stats, rows[i].field),
		    (i + 1) % per_line == 0 ? "\n" : "    ");
}

/* One line: a worker. */
static void
show_worker(FILE *out, value worker)
{
	char since[SHOW_TIME] = "-";

	if (show_field(worker, "sinceMs") != NULL &&
	    show_field(worker, "sinceMs")->type != MSGPACK_OBJECT_NIL)
		show_time(since, show_number(worker, "sinceMs"));
	fprintf(out, "%4" PRIu64 "%9" PRIu64 "  ", show_number(worker, "slot"),
	    show_number(worker, "pid"));
	show_text(out, worker, "state", 9, 9);
	fputc(' ', out);
	show_text(out, worker, "task", SHOW_NAME, SHOW_NAME);
	fprintf(out, "%9s%12" PRIu64 "%9" PRIu64 "\n", since,
	    show_number(worker, "tasksDone"), show_number(worker, "restarts"));
}

/* A pool: its queue and its workers. */
static void
show_pool(FILE *out, value pool)
{
	const msgpack_object_array *workers =
	    show_array(show_field(pool, "workers"));
	value queue = show_field(pool, "queue");

	fputs("\npool ", out);
	show_text(out, pool, "name", 0, SHOW_NAME);
	fprintf(out,
	    ", queued high %" PRIu64 ", normal %" PRIu64 ", low %" PRIu64 "\n",
	    show_number(queue, "high"), show_number(queue, "normal"),
	    show_number(queue, "low"));
	fprintf(out, "slot      pid  %-9s %-*s%9s%12s%9s\n", "state", SHOW_NAME,
	    "task", "for", "done", "restarts");
	for (uint32_t i = 0; i < workers->size; i++)
		show_worker(out, &workers->ptr[i]);
}

/* Writes what a memory stream gathered, and frees it. */
static int
show_done(FILE *out, char **text, size_t *len)
{
	int rc;

	if (fclose(out) != 0)
		rc = complain_output("the result", errno);
	else
		rc = sink_write(NULL, *text, *len, false);
	free(*text);
	return rc;
}

/* Opens one; complains when there is no memory. */
static FILE *
show_open(char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (out == NULL)
		complain("NO_MEMORY", "out of memory");
	return out;
}

int
ctl_show_stats(struct ctl *c, struct moro_reply *reply)
{
	value stats = moro_reply_object(reply);
	const msgpack_object_array *pools =
	    show_array(show_field(stats, "pools"));
	char *text = NULL;
	size_t len = 0;
	FILE *out = show_open(&text, &len);

	if (out == NULL)
		return EXIT_REFUSED;
	show_head(out, c, stats);
	show_counters(out, stats);
	for (uint32_t i = 0; i < pools->size; i++)
		show_pool(out, &pools->ptr[i]);
	return show_done(out, &text, &len);
}

/* Prints text from a field, or nothing. */
static void
show_words(FILE *out, value map, const char *name, const char *label)
{
	value v = show_field(map, name);

	if (v != NULL && v->type == MSGPACK_OBJECT_STR)
		fprintf(out, "%s%.*s", label, (int)v->via.str.size,
		    v->via.str.ptr);
}

/* Prints a field of a type's data, and the fields inside it. */
static void
show_data_field(FILE *out, value field, int indent)
{
	const msgpack_object_array *inner =
	    show_array(show_field(field, "fields"));

	fprintf(out, "%*s", indent, "");
	show_text(out, field, "name", 0, SHOW_NAME);
	show_words(out, field, "alias", " or ");
	show_words(out, field, "takes", ": ");
	if (show_true(field, "required"))
		fputs(", required", out);
	show_words(out, field, "default", ", default ");
	fputc('\n', out);
	if (show_field(field, "about") != NULL) {
		fprintf(out, "%*s", indent + 4, "");
		show_words(out, field, "about", "");
		fputc('\n', out);
	}
	for (uint32_t i = 0; i < inner->size; i++)
		show_data_field(out, &inner->ptr[i], indent + 4);
}

/* Prints what a server has laid down for tasks of a type. */
static void
show_rules(FILE *out, value type)
{
	static const struct {
		const char *key, *label;
	} limits[] = {
	    {"timeout", "timeout (ms)"},
	    {"runTimeout", "run timeout (ms)"},
	    {"queueTimeout", "queue timeout (ms)"},
	    {"maxRunning", "at most running"},
	    {"maxQueued", "at most queued"},
	};

	if (show_field(type, "priority") == NULL)
		return; /* an older server */
	fputs("here\n", out);
	show_words(out, type, "priority", "  priority ");
	show_words(out, type, "pool", ", pool ");
	fputc('\n', out);
	for (size_t i = 0; i < COUNT(limits); i++) {
		value v = show_field(type, limits[i].key);

		if (v != NULL && v->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
			fprintf(out, "  %s %" PRIu64 "\n", limits[i].label,
			    v->via.u64);
	}
}

/* Describes one type. */
static void
show_type(FILE *out, value type)
{
	const msgpack_object_array *fields =
	    show_array(show_field(type, "fields"));

	show_words(out, type, "type", "");
	show_words(out, type, "about", "\n  ");
	show_words(out, type, "result", "\nresult\n  ");
	fputs("\ndata\n", out);
	for (uint32_t i = 0; i < fields->size; i++)
		show_data_field(out, &fields->ptr[i], 2);
	show_words(out, type, "example", "example\n  ");
	fputc('\n', out);
	show_rules(out, type);
}

/* Lists one type. */
static void
show_type_line(FILE *out, value type)
{
	show_text(out, type, "type", SHOW_NAME, SHOW_NAME);
	show_words(out, type, "about", "");
	fputc('\n', out);
}

int
ctl_show_types(struct ctl *c, struct moro_reply *reply)
{
	const msgpack_object_array *types =
	    show_array(moro_reply_object(reply));
	char *text = NULL;
	size_t len = 0;
	FILE *out = show_open(&text, &len);

	if (out == NULL)
		return EXIT_REFUSED;
	for (uint32_t i = 0; i < types->size; i++) {
		if (c->n_args > 0)
			show_type(out, &types->ptr[i]);
		else
			show_type_line(out, &types->ptr[i]);
	}
	return show_done(out, &text, &len);
}

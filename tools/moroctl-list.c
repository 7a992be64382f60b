/* ls, slow, clients, keys, poison: tables of what is there, and of what was. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/moroctl.h"
#include "tools/rows.h"
#include "tools/view.h"

/* What one list looks like. */
struct list {
	const char *head; /* NULL: it has none */
	void (*row)(FILE *out, value row);
	const char *empty;
};

static void
list_slow(FILE *out, value t)
{
	char client[ROWS_NUMBER], msgid[ROWS_NUMBER], slot[ROWS_NUMBER];
	char outcome[VIEW_TEXT], type[VIEW_TEXT];
	char wait[VIEW_WORDS], run[VIEW_WORDS], ago[VIEW_WORDS];

	fprintf(out, "%7s%8s  %s %s%7s%9s%5s%7s", view_ms_of(run, t, "runMs"),
	    view_ms_of(wait, t, "waitMs"), view_fit(outcome, t, "outcome", 10),
	    view_fit(type, t, "type", 16), rows_number(client, t, "client"),
	    rows_number(msgid, t, "msgid"), rows_number(slot, t, "slot"),
	    view_ms_of(ago, t, "endedAgoMs"));
	rows_id(out, t, 7);
}

static void
list_client(FILE *out, value c)
{
	char number[ROWS_NUMBER], pid[ROWS_NUMBER], uid[ROWS_NUMBER];
	char name[VIEW_TEXT], bytes[VIEW_WORDS], age[VIEW_WORDS];
	char unfinished[VIEW_WORDS], accepted[VIEW_WORDS], refused[VIEW_WORDS];

	fprintf(out, "%6s%8s%7s  %s%11s%7s%9s%8s%7s\n",
	    rows_number(number, c, "client"), rows_number(pid, c, "pid"),
	    rows_number(uid, c, "uid"), view_fit(name, c, "name", 15),
	    view_count(unfinished, view_number(c, "unfinished")),
	    view_size_of(bytes, c, "bytes"),
	    view_count(accepted, view_number(c, "accepted")),
	    view_count(refused, view_number(c, "refused")),
	    view_ms_of(age, c, "ageMs"));
}

/* The last lines that a worker wrote, each after a bar. */
static void
list_lines(FILE *out, value lines)
{
	const msgpack_object_array *all = view_array(lines);
	char text[VIEW_TEXT];

	for (uint32_t i = 0; i < all->size; i++) {
		const msgpack_object *line = &all->ptr[i];

		if (line->type == MSGPACK_OBJECT_ARRAY) {
			list_lines(out, line); /* those of one attempt */
			continue;
		}
		if (line->type != MSGPACK_OBJECT_STR)
			continue;
		view_clean(text, line->via.str.ptr, line->via.str.size);
		fprintf(out, "  | %s\n", text);
	}
}

/* Adds the words of a list behind a label. */
static void
list_words(FILE *out, value map, const char *field, const char *label)
{
	const msgpack_object_array *all = view_array(view_field(map, field));
	char text[VIEW_TEXT];

	for (uint32_t i = 0; i < all->size; i++) {
		const msgpack_object *word = &all->ptr[i];

		if (word->type != MSGPACK_OBJECT_STR)
			continue;
		view_clean(text, word->via.str.ptr, word->via.str.size);
		fprintf(out, "%s%s", i == 0 ? label : " ", text);
	}
}

static void
list_key(FILE *out, value k)
{
	char name[VIEW_TEXT];

	fputs(view_text(name, k, "name"), out);
	list_words(out, k, "versions", ": ");
	list_words(out, k, "types", ", for ");
	fputc('\n', out);
}

static void
list_poison(FILE *out, value t)
{
	char type[VIEW_TEXT], cause[VIEW_TEXT], id[VIEW_TEXT];
	char size[VIEW_WORDS], ago[VIEW_WORDS];
	char client[ROWS_NUMBER], msgid[ROWS_NUMBER], status[ROWS_NUMBER];
	bool killed = view_field(t, "signal") != NULL;
	char tries[ROWS_NUMBER * 2] = "its only attempt";

	if (view_number(t, "attempts") > 1)
		snprintf(tries, sizeof tries, "all %" PRIu64 " attempts",
		    view_number(t, "attempts"));
	fprintf(out, "%s, %s bytes, crashed in %s, %s ago\n",
	    view_text(type, t, "type"), view_size_of(size, t, "size"), tries,
	    view_ms_of(ago, t, "endedAgoMs"));
	fprintf(out, "  %s %s, worker %" PRIu64 " (pid %" PRIu64 ")",
	    killed ? "signal" : "exit status",
	    killed ? view_text(cause, t, "signal")
		   : rows_number(status, t, "exitCode"),
	    view_number(t, "slot"), view_number(t, "pid"));
	fprintf(out, ", client %s, msgid %s", rows_number(client, t, "client"),
	    rows_number(msgid, t, "msgid"));
	if (view_field(t, "id") != NULL)
		fprintf(out, ", id %s", view_text(id, t, "id"));
	fputc('\n', out);
	list_lines(out, view_field(t, "stderr"));
}

/* Prints an array as a table, or as JSON. */
static int
list_put(struct ctl *c, struct moro_reply *reply, const struct list *list)
{
	const msgpack_object_array *rows = view_array(moro_reply_object(reply));
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (ctl_has(c, CTL_JSON))
		return ctl_put_json(c, reply);
	out = view_open(&text, &len);
	if (out == NULL)
		return EXIT_REFUSED;
	if (rows->size == 0)
		fprintf(out, "%s\n", list->empty);
	else if (list->head != NULL)
		fprintf(out, "%s\n", list->head);
	for (uint32_t i = 0; i < rows->size; i++)
		list->row(out, &rows->ptr[i]);
	return view_done(out, &text, &len);
}

/* Reads a whole number from 1. */
static int
list_parse(const char *text, const char *what, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	if (errno == 0 && *end == '\0' && end != text && text[0] != '-' &&
	    *n >= 1 && *n <= INT64_MAX)
		return EXIT_DONE;
	return complain_usage("%s takes a whole number from 1, not %s", what,
	    text);
}

/* Adds an option's number to the map, if it is given. */
static int
list_add_number(struct ctl *c, struct moro_map *map, enum ctl_option option,
    const char *key)
{
	char name[ROWS_NUMBER];
	uint64_t n;
	int rc;

	if (!ctl_has(c, option))
		return EXIT_DONE;
	snprintf(name, sizeof name, "--%s", key);
	rc = list_parse(c->values[option], name, &n);
	if (rc == EXIT_DONE)
		moro_map_number(map, key, (int64_t)n);
	return rc;
}

/* Calls a method that takes a map to narrow its list, and prints that. */
static int
list_call(struct ctl *c, const char *method, const struct list *list)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;
	int rc = list_add_number(c, map, CTL_CLIENT, "client");

	if (rc == EXIT_DONE)
		rc = list_add_number(c, map, CTL_LIMIT, "limit");
	if (rc != EXIT_DONE) {
		moro_map_free(map);
		return rc;
	}
	if (ctl_has(c, CTL_STATE))
		moro_map_text(map, "state", c->values[CTL_STATE]);
	if (ctl_has(c, CTL_TYPE))
		moro_map_text(map, "type", c->values[CTL_TYPE]);
	rc = ctl_call_map(c, method, map, &reply);
	if (rc != EXIT_DONE)
		return rc;
	rc = list_put(c, reply, list);
	moro_reply_free(reply);
	return rc;
}

int
ctl_ls(struct ctl *c)
{
	static const struct list list = {
	    ROWS_TASK_HEAD,
	    rows_task,
	    "no tasks",
	};

	return list_call(c, "ls", &list);
}

int
ctl_clients(struct ctl *c)
{
	static const struct list list = {
	    "client     pid    uid  name            unfinished  bytes "
	    "accepted refused    age",
	    list_client,
	    "no clients",
	};

	return list_call(c, "clients", &list);
}

int
ctl_slow(struct ctl *c)
{
	static const struct list list = {
	    "    run    wait  outcome    type             client    msgid slot"
	    "  ended id",
	    list_slow,
	    "no slow tasks",
	};
	struct moro_reply *reply;
	msgpack_sbuffer bytes;
	msgpack_packer pk;
	uint64_t n = 0;
	int rc = EXIT_DONE;

	if (c->n_args > 0)
		rc = list_parse(c->args[0], "slow", &n);
	if (rc != EXIT_DONE)
		return rc;
	msgpack_sbuffer_init(&bytes);
	msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
	msgpack_pack_uint64(&pk, n);
	rc = ctl_call(c, "slow", n > 0 ? bytes.data : NULL, bytes.size, &reply);
	msgpack_sbuffer_destroy(&bytes);
	if (rc != EXIT_DONE)
		return rc;
	rc = list_put(c, reply, &list);
	moro_reply_free(reply);
	return rc;
}

int
ctl_keys(struct ctl *c)
{
	static const struct list list = {NULL, list_key, "no named keys"};
	struct moro_reply *reply;
	int rc = ctl_call(c, "keys", NULL, 0, &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = list_put(c, reply, &list);
	moro_reply_free(reply);
	return rc;
}

int
ctl_poison(struct ctl *c)
{
	static const struct list list = {NULL, list_poison, "no poison tasks"};
	struct moro_reply *reply;
	int rc = ctl_call(c, "poison", NULL, 0, &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = list_put(c, reply, &list);
	moro_reply_free(reply);
	return rc;
}

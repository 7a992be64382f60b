#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/moroctl.h"
#include "tools/view.h"

/* Task types for people, in 80 columns. */

#define SHOW_NAME 22 /* columns of a task type's name */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Prints the text in a field in at least `width` columns, at most `max`. */
static void
show_text(FILE *out, value map, const char *name, int width, int max)
{
	value v = view_field(map, name);
	bool text = v != NULL && v->type == MSGPACK_OBJECT_STR;
	int len = text ? (int)v->via.str.size : 1;

	fprintf(out, "%-*.*s", width, len < max ? len : max,
	    text ? v->via.str.ptr : "-");
}

/* Prints text from a field, or nothing. */
static void
show_words(FILE *out, value map, const char *name, const char *label)
{
	value v = view_field(map, name);

	if (v != NULL && v->type == MSGPACK_OBJECT_STR)
		fprintf(out, "%s%.*s", label, (int)v->via.str.size,
		    v->via.str.ptr);
}

/* Prints a field of a type's data, and the fields inside it. */
static void
show_data_field(FILE *out, value field, int indent)
{
	const msgpack_object_array *inner =
	    view_array(view_field(field, "fields"));

	fprintf(out, "%*s", indent, "");
	show_text(out, field, "name", 0, SHOW_NAME);
	show_words(out, field, "alias", " or ");
	show_words(out, field, "takes", ": ");
	if (view_true(field, "required"))
		fputs(", required", out);
	show_words(out, field, "default", ", default ");
	fputc('\n', out);
	if (view_field(field, "about") != NULL) {
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

	if (view_field(type, "priority") == NULL)
		return; /* an older server */
	fputs("here\n", out);
	show_words(out, type, "priority", "  priority ");
	show_words(out, type, "pool", ", pool ");
	fputc('\n', out);
	for (size_t i = 0; i < COUNT(limits); i++) {
		value v = view_field(type, limits[i].key);

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
	    view_array(view_field(type, "fields"));

	show_words(out, type, "type", "");
	show_words(out, type, "alias", " or ");
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
	    view_array(moro_reply_object(reply));
	char *text = NULL;
	size_t len = 0;
	FILE *out = view_open(&text, &len);

	if (out == NULL)
		return EXIT_REFUSED;
	for (uint32_t i = 0; i < types->size; i++) {
		if (c->n_args > 0)
			show_type(out, &types->ptr[i]);
		else
			show_type_line(out, &types->ptr[i]);
	}
	return view_done(out, &text, &len);
}

/* moroctl jq and analytics: JSON in, JSON out. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/moroctl-tasks.h"
#include "tools/sink.h"

static const struct ctl_field jq_fields[] = {
    {CTL_EACH, FORM_TRUE, "each"},
    {CTL_ARGS, FORM_JSON, "args"},
    {CTL_MEMORY, FORM_SIZE, "maxMemory"},
    {.name = NULL},
};

/* Adds the input, whose text the server reads. */
static int
jq_add_input(struct ctl *c, struct moro_map *map)
{
	struct source in = {NULL, 0};
	const char *path = c->n_args > 1 ? c->args[1] : c->values[CTL_INPUT];
	int rc;

	if (c->n_args > 1 && ctl_has(c, CTL_INPUT))
		return complain_usage("jq takes a file as its argument or by "
				      "--input, not both");
	rc = source_read(&in, path, ctl_input_max(c));
	if (rc == EXIT_DONE)
		moro_map_bytes(map, "json", in.bytes, in.len);
	source_clear(&in);
	return rc;
}

/* Prints outputs that are text as they are, others as JSON. 0, or -1. */
static int
jq_print_raw(FILE *out, const msgpack_object_array *outputs,
    char error[CONVERT_ERROR])
{
	for (uint32_t i = 0; i < outputs->size; i++) {
		const msgpack_object *one = &outputs->ptr[i];

		if (one->type == MSGPACK_OBJECT_STR)
			fwrite(one->via.str.ptr, 1, one->via.str.size, out);
		else if (convert_to_json(out, one, error) == -1)
			return -1;
		fputc('\n', out);
	}
	return 0;
}

/* Fails, because what answers is no morod, or one of another version. */
static int
jq_refuse_answer(const char *wanted)
{
	complain("OUTPUT", "the answer is no %s", wanted);
	return EXIT_FAILED;
}

static int
jq_put_raw(struct ctl *c, struct moro_reply *reply)
{
	const msgpack_object *all = moro_reply_object(reply);
	char error[CONVERT_ERROR];
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (all == NULL || all->type != MSGPACK_OBJECT_ARRAY)
		return jq_refuse_answer("array");
	out = open_memstream(&text, &len);
	if (out == NULL)
		return complain_output("the result", errno);
	if (jq_print_raw(out, &all->via.array, error) == 0)
		return ctl_put_stream(c->values[CTL_OUTPUT], out, &text, &len);
	complain("OUTPUT", "%s", error);
	fclose(out);
	free(text);
	return EXIT_FAILED;
}

/* Writes lines as they are. */
static int
jq_put_lines(struct ctl *c, struct moro_reply *reply)
{
	size_t len;
	const char *text = moro_reply_text(reply, &len);

	if (text == NULL)
		return jq_refuse_answer("text");
	return sink_write(c->values[CTL_OUTPUT], text, len,
	    len > 0 && text[len - 1] != '\n');
}

/* Writes what the program gave, an output a line. */
static int
jq_finish(struct ctl *c, struct moro_map *map, bool values)
{
	struct moro_reply *reply;
	int rc = ctl_call_map(c, "json:transform", map, &reply);

	if (rc != EXIT_DONE)
		return rc;
	if (ctl_has(c, CTL_JSON))
		rc = ctl_put_json(c, reply);
	else if (values)
		rc = jq_put_raw(c, reply);
	else
		rc = jq_put_lines(c, reply);
	moro_reply_free(reply);
	return rc;
}

int
ctl_jq(struct ctl *c)
{
	/* --json wants them as one array */
	bool values = ctl_has(c, CTL_RAW) || ctl_has(c, CTL_JSON);
	struct moro_map *map;
	int rc;

	if (c->n_args == 0)
		return complain_usage("jq takes a program: moroctl jq '.[]'");
	map = moro_map_new();
	moro_map_text(map, "filter", c->args[0]);
	moro_map_text(map, "format", values ? "value" : "lines");
	moro_map_text(map, "outputs", "all");
	rc = fields_add(c, map, jq_fields);
	if (rc == EXIT_DONE)
		rc = jq_add_input(c, map);
	if (rc == EXIT_DONE)
		return jq_finish(c, map, values);
	moro_map_free(map);
	return rc;
}

static const struct ctl_field analytics_fields[] = {
    {CTL_GROUP_BY, FORM_WORDS, "groupBy"},
    {CTL_METRICS, FORM_WORDS, "metrics"},
    {CTL_BUCKETS, FORM_TEXT, "interval"},
    {CTL_TIME_FIELD, FORM_TEXT, "timeField"},
    {CTL_TIME_UNIT, FORM_TEXT, "timeUnit"},
    {CTL_SKIP_INVALID, FORM_TRUE, "skipInvalid"},
    {CTL_PARTIAL, FORM_TRUE, "partial"},
    {.name = NULL},
};

int
ctl_analytics(struct ctl *c)
{
	const char *field = ctl_has(c, CTL_MERGE) ? "merge" : "events";
	struct moro_map *map = moro_map_new();
	struct source in = {NULL, 0};
	int rc = fields_add(c, map, analytics_fields);

	if (rc == EXIT_DONE)
		rc = tasks_input(c, &in, 0);
	if (rc == EXIT_DONE)
		rc = fields_add_json(map, field, "the input", in.bytes, in.len);
	source_clear(&in);
	if (rc == EXIT_DONE)
		return tasks_run_json(c, "analytics:process", map);
	moro_map_free(map);
	return rc;
}

#include "worker/tasks/transform.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jq.h>

#include "worker/call.h"
#include "worker/quota.h"
#include "worker/tasks/transform-filter.h"
#include "worker/tasks/transform-text.h"
#include "worker/tasks/transform-value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Bytes that a call may take in addition to what its worker has. */
#define TRANSFORM_MEMORY ((int64_t)256 << 20)
#define TRANSFORM_MEMORY_MIN ((int64_t)16 << 20)
#define TRANSFORM_MEMORY_MAX ((int64_t)1 << 30)
#define TRANSFORM_PLACE 32 /* bytes of "data[4294967295]" and its NUL */

enum transform_field {
	TRANSFORM_DATA,
	TRANSFORM_JSON,
	TRANSFORM_FILTER,
	TRANSFORM_ARGS,
	TRANSFORM_EACH,
	TRANSFORM_OUTPUTS,
	TRANSFORM_FORMAT,
	TRANSFORM_MAX_MEMORY,
};

static const char *const transform_outputs[] = {"one", "first", "all", NULL};
static const char *const transform_formats[] = {"value", "json", "lines", NULL};

static const struct field transform_fields[] = {
    [TRANSFORM_DATA] = {.name = "data",
	.kinds = FIELD_ANY,
	.about = "The filter's input; or give json."},
    [TRANSFORM_JSON] = {.name = "json",
	.kinds = FIELD_TEXT,
	.about = "The input as one JSON text, at most 256 deep."},
    [TRANSFORM_FILTER] = {.name = "filter",
	.kinds = FIELD_STR,
	.required = true,
	.min = 1,
	.max = TRANSFORM_FILTER_MAX,
	.about = "A jq program, without import, include and module."},
    [TRANSFORM_ARGS] = {.name = "args",
	.kinds = FIELD_MAP,
	.about = "Values that the program sees as $NAME, at most 32."},
    [TRANSFORM_EACH] = {.name = "each",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Apply the filter to each element of the input, an array."},
    [TRANSFORM_OUTPUTS] = {.name = "outputs",
	.kinds = FIELD_STR,
	.allowed = transform_outputs,
	.fallback = "one; with each or lines all",
	.about = "How many outputs are wanted of each run; one: any other "
		 "number is an error; all: an array."},
    [TRANSFORM_FORMAT] = {.name = "format",
	.kinds = FIELD_STR,
	.allowed = transform_formats,
	.fallback = "value",
	.about = "json: the result as JSON text; lines: a line of JSON for "
		 "each output."},
    [TRANSFORM_MAX_MEMORY] = {.name = "maxMemory",
	.kinds = FIELD_INT,
	.min = TRANSFORM_MEMORY_MIN,
	.max = TRANSFORM_MEMORY_MAX,
	.fallback = "268435456",
	.about = "Bytes that the call may take; more costs the worker."},
    {.name = NULL},
};

/* One call. Values are owned until they are taken. */
struct transform {
	struct call *call;
	jq_state *jq;
	jv args; /* an array of their values, in their order */
	jv results; /* an array */
	const char *input; /* the input's field: data or json */
	bool only_one; /* more or less than one output is an error */
	bool first; /* of each run the first output counts */
};

/* Fails with what a program has raised, which is taken. */
static int
transform_raised(struct transform *t, const char *place, jv error)
{
	jv text = jv_get_kind(error) == JV_KIND_STRING
		      ? error
		      : jv_dump_string(error, 0);

	call_fail(t->call, CODE_WORKER_ERROR, "jq: error%s%s: %s",
	    place[0] != '\0' ? " at " : "", place, jv_string_value(text));
	jv_free(text);
	return -1;
}

/* Fails, because a run has none, or more than the one that is wanted. */
static int
transform_count_wrong(struct transform *t, const char *place, int n)
{
	return call_fail(t->call, CODE_WORKER_ERROR,
	    n == 0 ? "the filter gave no output%s%s; with outputs \"all\" it "
		     "may"
		   : "the filter gave more than one output%s%s; with outputs "
		     "\"first\" or \"all\" it may",
	    place[0] != '\0' ? " at " : "", place);
}

/* What ends a run: nothing more, an error, or halt. Takes `end`. */
static int
transform_end(struct transform *t, const char *place, jv end)
{
	jv raised = jv_invalid_get_msg(end);

	if (jv_get_kind(raised) != JV_KIND_NULL)
		return transform_raised(t, place, raised);
	jv_free(raised);
	if (!jq_halted(t->jq))
		return 0;
	raised = jq_get_error_message(t->jq);
	if (jv_is_valid(raised))
		return transform_raised(t, place, raised);
	return 0; /* halt, and not halt_error */
}

/* What a program is started with: the input, which is taken, and the args. */
static jv
transform_start(const struct transform *t, jv input)
{
	if (jv_array_length(jv_copy(t->args)) == 0)
		return input;
	return jv_array_append(jv_copy(t->args), input);
}

/*
 * Runs the filter on an input, which is taken, and adds the outputs to the
 * results. `place` is the input's in errors, or "".
 */
static int
transform_once(struct transform *t, jv input, const char *place)
{
	int n = 0;
	jv out;

	jq_start(t->jq, transform_start(t, input), 0);
	while (jv_is_valid(out = jq_next(t->jq))) {
		if (++n > 1 && t->only_one) {
			jv_free(out);
			return transform_count_wrong(t, place, n);
		}
		t->results = jv_array_append(t->results, out);
		if (t->first)
			return 0;
	}
	if (transform_end(t, place, out) < 0)
		return -1;
	return n == 0 && t->only_one ? transform_count_wrong(t, place, n) : 0;
}

/* Runs the filter on each element of an array, which is taken. */
static int
transform_each(struct transform *t, jv input)
{
	int n, rc = 0;
	char place[TRANSFORM_PLACE];

	if (jv_get_kind(input) != JV_KIND_ARRAY) {
		call_invalid(t->call, t->input,
		    "%s takes an array, because each is true, not %s", t->input,
		    jv_kind_name(jv_get_kind(input)));
		jv_free(input);
		return -1;
	}
	n = jv_array_length(jv_copy(input));
	for (int i = 0; i < n && rc == 0; i++) {
		snprintf(place, sizeof place, "%s[%d]", t->input, i);
		rc = transform_once(t, jv_array_get(jv_copy(input), i), place);
		call_progress(t->call, i + 1, n, NULL);
		if (jq_halted(t->jq))
			break;
	}
	jv_free(input);
	return rc;
}

/* Takes the values of the arguments, in the order of their names. */
static int
transform_take_args(struct transform *t, const msgpack_object *args)
{
	jv values;

	t->args = jv_array();
	if (args == NULL)
		return 0;
	values = transform_value_from(t->call, "args", args);
	if (!jv_is_valid(values))
		return -1;
	for (uint32_t i = 0; i < args->via.map.size; i++) {
		const msgpack_object_str *name =
		    &args->via.map.ptr[i].key.via.str;

		t->args = jv_array_append(t->args,
		    jv_object_get(jv_copy(values),
			jv_string_sized(name->ptr, (int)name->size)));
	}
	jv_free(values);
	return 0;
}

/* Makes the input. Invalid with the call's error set. */
static jv
transform_input(const struct transform *t)
{
	struct call *call = t->call;

	if (call->args[TRANSFORM_JSON] != NULL)
		return transform_text_parse(call, t->input,
		    call->args[TRANSFORM_JSON]);
	return transform_value_from(call, t->input, call->args[TRANSFORM_DATA]);
}

/* Takes the one result out of its array. */
static jv
transform_take_result(struct transform *t)
{
	jv results = t->results;

	t->results = jv_null();
	return jv_array_get(results, 0);
}

/* Packs a text, which is taken, or fails if it is invalid. */
static int
transform_pack_text(struct call *call, jv text)
{
	size_t len;
	uint8_t *place;

	if (!jv_is_valid(text))
		return -1;
	len = (size_t)jv_string_length_bytes(jv_copy(text));
	place = call_place(call, len, true);
	if (place != NULL && len > 0)
		memcpy(place, jv_string_value(text), len);
	jv_free(text);
	return place != NULL ? 0 : -1;
}

/* Makes a line of each result. Invalid with the call's error set. */
static jv
transform_lines(struct transform *t)
{
	int n = jv_array_length(jv_copy(t->results));
	jv lines = jv_string(""), line;

	for (int i = 0; i < n; i++) {
		line = transform_text_dump(t->call,
		    jv_array_get(jv_copy(t->results), i));
		if (!jv_is_valid(line)) {
			jv_free(lines);
			return line;
		}
		lines = jv_string_concat(lines, line);
		lines = jv_string_append_buf(lines, "\n", 1);
		if ((size_t)jv_string_length_bytes(jv_copy(lines)) >
		    t->call->result_max) {
			jv_free(lines);
			call_too_large(t->call, "result", t->call->result_max);
			return jv_invalid();
		}
	}
	return lines;
}

/* Packs the results as they were asked for. */
static int
transform_pack(struct transform *t, bool is_array)
{
	const msgpack_object *format = t->call->args[TRANSFORM_FORMAT];
	jv result;
	int rc;

	if (call_is(format, "lines"))
		return transform_pack_text(t->call, transform_lines(t));
	result = is_array ? jv_copy(t->results) : transform_take_result(t);
	if (call_is(format, "json"))
		return transform_pack_text(t->call,
		    transform_text_dump(t->call, result));
	rc = transform_value_pack(t->call, result);
	jv_free(result);
	return rc;
}

/* Runs the filter on the input and packs the results. */
static int
transform_apply(struct transform *t)
{
	jv input = transform_input(t);
	const msgpack_object *outputs = t->call->args[TRANSFORM_OUTPUTS];
	bool each = call_bool(t->call->args[TRANSFORM_EACH], false);
	bool many = each || call_is(t->call->args[TRANSFORM_FORMAT], "lines");
	int rc;

	if (!jv_is_valid(input))
		return -1;
	t->first = call_is(outputs, "first");
	t->only_one = call_is(outputs, "one") || (outputs == NULL && !many);
	rc = each ? transform_each(t, input) : transform_once(t, input, "");
	transform_filter_end(t->jq);
	if (rc < 0)
		return -1;
	if (t->first && !many && jv_array_length(jv_copy(t->results)) == 0)
		return transform_count_wrong(t, "", 0);
	return transform_pack(t, each || !(t->first || t->only_one));
}

/*
 * Does the work, within the memory that there is. The program comes first: only
 * then libjq knows whom to tell when there is no memory.
 */
static int
transform_work(struct call *call)
{
	struct transform t = {.call = call,
	    .jq = transform_filter_get(call, call->args[TRANSFORM_FILTER],
		call->args[TRANSFORM_ARGS]),
	    .input = call->args[TRANSFORM_JSON] != NULL ? "json" : "data"};
	int rc;

	if (t.jq == NULL)
		return -1;
	t.results = jv_array();
	rc = transform_take_args(&t, call->args[TRANSFORM_ARGS]);
	if (rc == 0)
		rc = transform_apply(&t);
	jv_free(t.args);
	jv_free(t.results);
	return rc;
}

/* Checks the fields that depend on each other. */
static int
transform_check(struct call *call)
{
	const msgpack_object *data = call->args[TRANSFORM_DATA];
	const msgpack_object *json = call->args[TRANSFORM_JSON];

	if (data == NULL && json == NULL)
		return call_refuse(call, "data",
		    "any value; or give json, a JSON text", NULL);
	if (data != NULL && json != NULL)
		return call_invalid(call, "json",
		    "json and data exclude each other: give one");
	return transform_filter_check(call, call->args[TRANSFORM_ARGS]);
}

static int
transform_run(struct call *call)
{
	int64_t memory =
	    call_int(call->args[TRANSFORM_MAX_MEMORY], TRANSFORM_MEMORY);
	int rc;

	if (transform_check(call) < 0)
		return -1;
	if (quota_allow((uint64_t)memory) == -1)
		return call_fail(call, CODE_WORKER_ERROR,
		    "the memory cannot be bounded");
	rc = transform_work(call);
	quota_restore();
	return rc;
}

const struct task_type transform_type = {
    .name = "json:transform",
    .about = "Runs a jq program on a value or a JSON text.",
    .result = "What the program gives: a value, or a string of JSON.",
    .example = "{\"data\": {\"a\": [1, 2]}, \"filter\": \".a | add\"}",
    .timeout_ms = 15000,
    .flags = TYPE_PROGRESS,
    .fields = transform_fields,
    .run = transform_run,
};

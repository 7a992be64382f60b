#include "worker/tasks/transform-text.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "worker/tasks/transform-flaw.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What versions of libjq write in the place of what is too deep for them. */
static const char *const text_marks[] = {"<stripped: exceeds max depth>",
    "<skipped: too deep>"};

static int text_check_value(struct call *call, jv value, int left);

/* Whether it has bytes that are not ASCII. */
static bool
text_is_wide(const char *text, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)text[i];
	return all > SCHAR_MAX;
}

jv
transform_text_string(const char *text, size_t len)
{
	jv string;

	if (len == 0)
		return jv_string("");
	string = jv_string_sized(text, (int)len);
	if ((size_t)jv_string_length_bytes(jv_copy(string)) == len &&
	    memcmp(jv_string_value(string), text, len) == 0)
		return string;
	jv_free(string);
	return jv_invalid();
}

bool
transform_text_is_utf8(const char *text, size_t len)
{
	jv string;
	bool is;

	if (!text_is_wide(text, len))
		return true;
	string = transform_text_string(text, len);
	is = jv_is_valid(string);
	jv_free(string);
	return is;
}

/* Refuses a text with the parser's own words. */
static jv
text_refuse(struct call *call, const char *field, jv error)
{
	jv words = jv_invalid_get_msg(error);
	bool has = jv_get_kind(words) == JV_KIND_STRING;

	call_invalid(call, field, "%s takes one JSON text: %s", field,
	    has ? jv_string_value(words) : "it ends before a value does");
	jv_free(words);
	return jv_invalid();
}

/* Takes the one value that a parser has. */
static jv
text_parse_one(struct call *call, const char *field, jv_parser *parser)
{
	jv value = jv_parser_next(parser), next;

	if (!jv_is_valid(value))
		return text_refuse(call, field, value);
	next = jv_parser_next(parser);
	if (!jv_is_valid(next) && !jv_invalid_has_msg(jv_copy(next))) {
		jv_free(next);
		return value;
	}
	jv_free(value);
	if (!jv_is_valid(next))
		return text_refuse(call, field, next);
	jv_free(next);
	return text_refuse(call, field,
	    jv_invalid_with_msg(jv_string("there are more values behind it")));
}

jv
transform_text_parse(struct call *call, const char *field,
    const msgpack_object *arg)
{
	size_t len;
	const char *text = (const char *)call_bytes(arg, &len);
	struct flaw flaw;
	jv_parser *parser;
	jv value;

	if (len > INT_MAX) {
		call_too_large(call, field, INT_MAX);
		return jv_invalid();
	}
	if (!transform_text_is_utf8(text, len)) {
		call_invalid(call, field, "%s takes valid UTF-8", field);
		return jv_invalid();
	}
	if (transform_flaw_find(text, len, false, &flaw)) {
		call_invalid(call, field, FLAW_FORMAT, field, flaw.what,
		    flaw.at, flaw.why);
		return jv_invalid();
	}
	parser = jv_parser_new(0);
	jv_parser_set_buf(parser, text, (int)len, 0);
	value = text_parse_one(call, field, parser);
	jv_parser_free(parser);
	return value;
}

static bool
text_has_mark(const char *text, size_t len)
{
	for (size_t i = 0; i < COUNT(text_marks); i++) {
		if (memmem(text, len, text_marks[i], strlen(text_marks[i])) !=
		    NULL)
			return true;
	}
	return false;
}

bool
transform_text_is_cut(const char *text, size_t len)
{
	size_t open = 0;

	if (len <= TRANSFORM_TEXT_DEPTH || !text_has_mark(text, len))
		return false;
	for (size_t i = 0; i < len; i++)
		open += text[i] == '[' || text[i] == '{' ? 1 : 0;
	/* others may write the mark, but hardly behind so many brackets */
	return open > TRANSFORM_TEXT_DEPTH;
}

int
transform_text_refuse_cut(struct call *call)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    "the filter made text (tojson) of a value nested more than %d "
	    "deep, which libjq cuts",
	    TRANSFORM_TEXT_DEPTH);
}

/* Fails, because a value is nested too deep to be written. */
static int
text_refuse_deep(struct call *call)
{
	call_fail(call, CODE_TOO_LARGE,
	    "the result is nested more than %d deep", TRANSFORM_TEXT_DEPTH);
	fault_add_number(&call->fault, "limit", TRANSFORM_TEXT_DEPTH);
	return -1;
}

static int
text_check_array(struct call *call, jv array, int left)
{
	int n = jv_array_length(jv_copy(array)), rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		jv one = jv_array_get(jv_copy(array), i);

		rc = text_check_value(call, one, left);
		jv_free(one);
	}
	return rc;
}

static int
text_check_object(struct call *call, jv object, int left)
{
	int rc = 0;

	for (int i = jv_object_iter(object);
	     rc == 0 && jv_object_iter_valid(object, i);
	     i = jv_object_iter_next(object, i)) {
		jv one = jv_object_iter_value(object, i);

		rc = text_check_value(call, one, left);
		jv_free(one);
	}
	return rc;
}

/* Refuses a value, which is borrowed, if it is nested over `left` deep. */
static int
text_check_value(struct call *call, jv value, int left)
{
	jv_kind kind = jv_get_kind(value);

	if (kind == JV_KIND_STRING &&
	    transform_text_is_cut(jv_string_value(value),
		(size_t)jv_string_length_bytes(jv_copy(value))))
		return transform_text_refuse_cut(call);
	if (kind != JV_KIND_ARRAY && kind != JV_KIND_OBJECT)
		return 0;
	if (left == 0)
		return text_refuse_deep(call);
	return kind == JV_KIND_ARRAY ? text_check_array(call, value, left - 1)
				     : text_check_object(call, value, left - 1);
}

jv
transform_text_dump(struct call *call, jv value)
{
	if (text_check_value(call, value, TRANSFORM_TEXT_DEPTH) == 0)
		return jv_dump_string(value, 0);
	jv_free(value);
	return jv_invalid();
}

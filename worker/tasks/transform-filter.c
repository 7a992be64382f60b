#include "worker/tasks/transform-filter.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/quota.h"
#include "worker/tasks/transform-prelude.h"
#include "worker/tasks/transform-program.h"
#include "worker/tasks/transform-text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Bytes for the names of arguments and what stands between them. */
#define FILTER_NAMES (TRANSFORM_ARGS_MAX * (TRANSFORM_NAME_MAX + 2) + 32)

/* Words that jq takes for something else behind a $. */
static const char *const filter_words[] = {"ENV", "__loc__", "and", "as",
    "catch", "def", "elif", "else", "end", "foreach", "if", "import", "include",
    "label", "module", "or", "reduce", "then", "try"};

/* A program that is kept. */
struct filter {
	jq_state *jq; /* NULL: the place is free */
	char *source; /* prelude and program */
	size_t len;
	uint64_t used; /* when, as a count */
};

static struct filter filters[TRANSFORM_KEPT_MAX];
static size_t filter_bytes; /* of all sources */
static uint64_t filter_clock;

/* A source under construction. */
struct source {
	char *text;
	size_t prelude; /* bytes before the program */
	size_t len;
};

/* libjq cannot go on without memory: the worker ends, and says why. */
static void
filter_no_memory(void *data)
{
	(void)data;
	quota_blame_memory();
	abort();
}

/* Collects what the compiler says. */
static void
filter_error_cb(void *data, jv message)
{
	jv *all = data;

	*all = jv_array_append(*all, jq_format_error(message));
}

static void
filter_drop(struct filter *f)
{
	if (f->jq == NULL)
		return;
	jq_teardown(&f->jq);
	free(f->source);
	filter_bytes -= f->len;
	*f = (struct filter){.jq = NULL};
}

/*
 * Drops all programs, when the process exits: libjq holds a program's stack by
 * its end alone, which leak checkers take for lost.
 */
static void
filter_drop_all(void)
{
	for (size_t i = 0; i < COUNT(filters); i++)
		filter_drop(&filters[i]);
}

/*
 * The place that was not used for longest: a free one, if there is any, unless
 * it must hold a program.
 */
static struct filter *
filter_oldest(bool is_kept)
{
	struct filter *oldest = NULL;

	for (size_t i = 0; i < COUNT(filters); i++) {
		if (is_kept && filters[i].jq == NULL)
			continue;
		if (oldest == NULL || filters[i].used < oldest->used)
			oldest = &filters[i];
	}
	return oldest;
}

/* Makes a place for a source of len bytes, which are fewer than all may have. */
static struct filter *
filter_make_room(size_t len)
{
	struct filter *place;

	while (filter_bytes + len > TRANSFORM_KEPT_BYTES)
		filter_drop(filter_oldest(true));
	place = filter_oldest(false);
	filter_drop(place);
	return place;
}

static struct filter *
filter_find(const struct source *s)
{
	for (size_t i = 0; i < COUNT(filters); i++) {
		if (filters[i].jq != NULL && filters[i].len == s->len &&
		    memcmp(filters[i].source, s->text, s->len) == 0)
			return &filters[i];
	}
	return NULL;
}

/* The names as jq takes them apart: ". as [$a,$b]|.[2]|". */
static void
filter_names(const msgpack_object *args, char out[FILTER_NAMES])
{
	uint32_t n = args != NULL ? args->via.map.size : 0;
	size_t len;

	if (n == 0) {
		memcpy(out, ".|", sizeof ".|");
		return;
	}
	len = (size_t)snprintf(out, FILTER_NAMES, ". as");
	for (uint32_t i = 0; i < n; i++) {
		const msgpack_object_str *name =
		    &args->via.map.ptr[i].key.via.str;

		len += (size_t)snprintf(out + len, FILTER_NAMES - len,
		    "%c$%.*s", i == 0 ? '[' : ',', (int)name->size, name->ptr);
	}
	snprintf(out + len, FILTER_NAMES - len, "]|.[%u]|", n);
}

/* Makes the source of a program. False: no memory. */
static bool
filter_source(struct source *s, const msgpack_object *filter,
    const msgpack_object *args)
{
	char names[FILTER_NAMES];
	size_t n = strlen(transform_prelude), len;
	const uint8_t *program = call_bytes(filter, &len);

	filter_names(args, names);
	s->prelude = n + strlen(names);
	s->len = s->prelude + len;
	s->text = malloc(s->len + 1);
	if (s->text == NULL)
		return false;
	memcpy(s->text, transform_prelude, n);
	memcpy(s->text + n, names, s->prelude - n);
	memcpy(s->text + s->prelude, program, len);
	s->text[s->len] = '\0';
	return true;
}

/*
 * Writes a message of the compiler without the prelude, which stands there if
 * it quotes the first line, and without the blanks that it ends in.
 */
static void
filter_message(jv message, const struct source *s, char *out, size_t size)
{
	const char *text = jv_string_value(message);
	size_t len = strlen(text);
	const char *at = memmem(text, len, s->text, s->prelude);
	const char *rest = at != NULL ? at + s->prelude : text;

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	snprintf(out, size, "%.*s%.*s", at != NULL ? (int)(at - text) : 0, text,
	    (int)(text + len - rest), rest);
}

/* Refuses a program in jq's words, which are taken. */
static void
filter_refuse(struct call *call, const struct source *s, jv errors)
{
	char all[FAULT_MESSAGE] = "";
	size_t len;
	int n = jv_array_length(jv_copy(errors));

	/* the last one only counts those before it */
	for (int i = 0; i < n && (i == 0 || i < n - 1); i++) {
		jv one = jv_array_get(jv_copy(errors), i);

		len = strlen(all);
		if (len > 0 && len < sizeof all - 1)
			all[len++] = '\n';
		filter_message(one, s, all + len, sizeof all - len);
		jv_free(one);
	}
	jv_free(errors);
	call_invalid(call, "filter", "filter does not compile: %s", all);
}

/* Compiles a source. NULL with the call's error set. */
static jq_state *
filter_compile(struct call *call, const struct source *s)
{
	jq_state *jq = jq_init();
	jv errors = jv_array();

	if (jq == NULL) {
		jv_free(errors);
		call_no_memory(call);
		return NULL;
	}
	jq_set_nomem_handler(jq, filter_no_memory, NULL);
	transform_prelude_attach(jq);
	jq_set_error_cb(jq, filter_error_cb, &errors);
	if (jq_compile(jq, s->text)) {
		jq_set_error_cb(jq, NULL, NULL);
		jv_free(errors);
		return jq;
	}
	jq_teardown(&jq);
	filter_refuse(call, s, errors);
	return NULL;
}

/* Whether libjq would see another text than the one that was given. */
static bool
filter_is_text(const msgpack_object *filter)
{
	size_t len;
	const char *text = (const char *)call_bytes(filter, &len);

	return transform_text_is_utf8(text, len) &&
	       memchr(text, '\0', len) == NULL;
}

/* Compiles and keeps a program; takes the source's text. */
static jq_state *
filter_add(struct call *call, const msgpack_object *filter, struct source *s)
{
	struct filter *f;
	jq_state *jq = NULL;

	if (!filter_is_text(filter)) {
		call_invalid(call, "filter",
		    "filter takes valid UTF-8 without NUL");
		free(s->text);
		return NULL;
	}
	if (transform_program_check(call, s->text + s->prelude,
		s->len - s->prelude) == 0)
		jq = filter_compile(call, s);
	if (jq == NULL) {
		free(s->text);
		return NULL;
	}
	if (filter_clock == 0)
		atexit(filter_drop_all);
	f = filter_make_room(s->len);
	*f = (struct filter){.jq = jq,
	    .source = s->text,
	    .len = s->len,
	    .used = ++filter_clock};
	filter_bytes += s->len;
	return jq;
}

jq_state *
transform_filter_get(struct call *call, const msgpack_object *filter,
    const msgpack_object *args)
{
	struct source s;
	struct filter *f;

	/* also for values that are made before a program is started */
	jv_nomem_handler(filter_no_memory, NULL);
	if (!filter_source(&s, filter, args)) {
		call_no_memory(call);
		return NULL;
	}
	f = filter_find(&s);
	if (f == NULL)
		return filter_add(call, filter, &s);
	free(s.text);
	f->used = ++filter_clock;
	return f->jq;
}

void
transform_filter_end(jq_state *jq)
{
	/* a program that has halted must not be started again: libjq 1.6 would
	   free its message twice */
	if (!jq_halted(jq)) {
		jq_start(jq, jv_null(), 0);
		return;
	}
	for (size_t i = 0; i < COUNT(filters); i++) {
		if (filters[i].jq == jq)
			filter_drop(&filters[i]);
	}
}

/* Whether a name is one that jq takes behind a $. */
static bool
filter_is_name(const char *name, size_t len)
{
	if (len == 0 || len > TRANSFORM_NAME_MAX || isdigit(name[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isascii(name[i]) || (!isalnum(name[i]) && name[i] != '_'))
			return false;
	}
	for (size_t i = 0; i < COUNT(filter_words); i++) {
		if (strlen(filter_words[i]) == len &&
		    memcmp(filter_words[i], name, len) == 0)
			return false;
	}
	return true;
}

int
transform_filter_check(struct call *call, const msgpack_object *args)
{
	if (args == NULL)
		return 0;
	if (args->via.map.size > TRANSFORM_ARGS_MAX)
		return call_invalid(call, "args",
		    "args takes at most %d names, not %u", TRANSFORM_ARGS_MAX,
		    args->via.map.size);
	for (uint32_t i = 0; i < args->via.map.size; i++) {
		const msgpack_object *key = &args->via.map.ptr[i].key;

		if (key->type != MSGPACK_OBJECT_STR ||
		    !filter_is_name(key->via.str.ptr, key->via.str.size))
			return call_invalid(call, "args",
			    "args takes names of A-Z, a-z, 0-9 and _, which "
			    "begin with no digit, have at most %d bytes, and "
			    "are no words of jq",
			    TRANSFORM_NAME_MAX);
	}
	return 0;
}

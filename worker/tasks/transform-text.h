#ifndef MORO_TASKS_TRANSFORM_TEXT_H
#define MORO_TASKS_TRANSFORM_TEXT_H

/* JSON text to libjq's values and back. */

#include <stdbool.h>
#include <stddef.h>

#include <jv.h>
#include <msgpack.h>

#include "worker/call.h"

#define TRANSFORM_TEXT_DEPTH \
	256 /* libjq's: it refuses, or cuts, what is over */

/*
 * Parses a str or bin that holds one JSON text. Refused are what libjq would
 * change without a word (transform-flaw.h) and invalid UTF-8. Invalid, with the
 * call's error set.
 */
jv transform_text_parse(struct call *call, const char *field,
    const msgpack_object *arg);

/*
 * Makes a string; invalid, if libjq would see another text: it replaces what is
 * no UTF-8. And whether it would not, which of ASCII costs no copy.
 */
jv transform_text_string(const char *text, size_t len);
bool transform_text_is_utf8(const char *text, size_t len);

/*
 * Gives a value, which is taken, as JSON text on one line. Invalid, with the
 * call's error set, if it is too deep.
 */
jv transform_text_dump(struct call *call, jv value);

/*
 * Whether a text is one that libjq has cut, because its value was too deep:
 * the builtin tojson does so without a word.
 */
bool transform_text_is_cut(const char *text, size_t len);

/* Fails because of that. */
int transform_text_refuse_cut(struct call *call);

#endif

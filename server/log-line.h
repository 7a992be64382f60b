#ifndef MORO_SERVER_LOG_LINE_H
#define MORO_SERVER_LOG_LINE_H

/*
 * What a line of the log looks like, as text and as JSON. Nothing here
 * allocates or fails: a line must be made also when memory has run out, which
 * is why no library for JSON is used.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* A pipe or a terminal takes so much whole, also when several processes write. */
#define LOG_LINE_MAX PIPE_BUF
#define LOG_MESSAGE_MAX 1280 /* bytes, its NUL included */
#define LOG_FIELD_TEXT 512 /* bytes of a field that are looked at */
#define LOG_FIELDS 12 /* more are left out */

enum log_format {
	LOG_TEXT,
	LOG_JSON, /* one object a line */
	LOG_BARE, /* "level: message": for who puts a head before it */
};

/* One thing that a line says by a name: a number, or a text. */
struct log_field {
	const char *name; /* static */
	const char *text; /* borrowed; NULL: the number counts */
	size_t len; /* of the text; it may hold anything */
	uint64_t number;
	bool implied; /* the message says it already: only for JSON */
};

/* What a line is about. All zero: nothing in particular. */
struct log_context {
	const char *role; /* who says it; NULL: this process */
	pid_t pid; /* with the role */
	unsigned int n;
	struct log_field fields[LOG_FIELDS];
};

struct log_line {
	struct timespec time; /* wall clock */
	const char *level;
	const char *role;
	pid_t pid;
	const char *message;
	const struct log_context *context; /* or NULL */
};

/* Adds a field to a context. */
void log_line_number(struct log_context *c, const char *name, uint64_t number);
void log_line_text(struct log_context *c, const char *name, const char *text,
    size_t len);

/* The field that was added last is in the message, too. */
void log_line_implied(struct log_context *c);

/*
 * Makes the line with its '\n', without a NUL, in LOG_LINE_MAX bytes. It is
 * one line of valid UTF-8 without control characters whatever stands in the
 * message and the fields, and JSON is whole: what has no room is left out, and
 * a text that is cut ends in "...". Returns its length.
 */
size_t log_line_make(char out[LOG_LINE_MAX], enum log_format format,
    const struct log_line *line);

/*
 * Makes len bytes fit to be logged: copies them to out, which has room for
 * size, with '?' in the place of what is not printable UTF-8, and ends them
 * with "..." if they are cut, and a NUL.
 */
void log_line_clean(char *out, size_t size, const char *bytes, size_t len);

#endif

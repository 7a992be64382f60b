#include "worker/tasks/transform-flaw.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jv.h>

#include "worker/tasks/transform-value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FLAW_DIGITS_SAFE 15 /* integers of so many digits are below 2^53 */
#define FLAW_DIGITS_MAX 16 /* and 2^53 has so many */
#define FLAW_DECIMAL_SAFE 100 /* bytes of a number that is surely finite ... */
#define FLAW_EXPONENT_SAFE 2 /* ... if its exponent has no more digits */

/* With these a word begins that libjq reads as a number, in any case. */
static const char *const flaw_words[] = {"nan", "inf"};

/* One number in a text. */
struct number {
	const char *at;
	size_t len;
	const char *exponent; /* what stands behind the e, or NULL */
	bool is_integer;
};

/* Takes the number at a place, which begins with a digit or a minus. */
static void
flaw_take_number(const char *at, const char *end, struct number *n)
{
	const char *p = at;

	*n = (struct number){.at = at, .is_integer = true};
	for (; p < end; p++) {
		if (*p == 'e' || *p == 'E')
			n->exponent = p + 1;
		if (*p == '.' || *p == 'e' || *p == 'E')
			n->is_integer = false;
		else if (*p != '-' && *p != '+' && (*p < '0' || *p > '9'))
			break;
	}
	n->len = (size_t)(p - at);
}

/* Whether an integer is over 2^53 without its sign. */
static bool
flaw_is_unsafe(const struct number *n)
{
	const char *p = n->at, *end = n->at + n->len;
	int64_t value = 0;

	while (p < end && (*p == '-' || *p == '0'))
		p++;
	if (end - p <= FLAW_DIGITS_SAFE)
		return false;
	if (end - p > FLAW_DIGITS_MAX)
		return true;
	for (; p < end; p++)
		value = value * 10 + (*p - '0');
	return value > TRANSFORM_INTEGER_MAX;
}

/* Whether a number that is no integer has no double near it. */
static bool
flaw_is_infinite(const struct number *n)
{
	char *copy;
	bool is;

	if (n->len < FLAW_DECIMAL_SAFE &&
	    (n->exponent == NULL ||
		n->at + n->len - n->exponent <= FLAW_EXPONENT_SAFE))
		return false;
	copy = strndup(n->at, n->len);
	is = copy == NULL || isinf(strtod(copy, NULL));
	free(copy);
	return is;
}

/* Notes what is wrong; true. */
static bool
flaw_set(struct flaw *flaw, const char *what, size_t len, const char *why)
{
	snprintf(flaw->what, sizeof flaw->what, "%.*s",
	    len < FLAW_SHOWN ? (int)len : FLAW_SHOWN, what);
	flaw->why = why;
	return true;
}

/* Judges a number. */
static bool
flaw_judge(const struct number *n, struct flaw *flaw)
{
	if (n->is_integer && flaw_is_unsafe(n))
		return flaw_set(flaw, n->at, n->len,
		    "jq's numbers are doubles, which would round it beyond "
		    "2^53");
	if (!n->is_integer && flaw_is_infinite(n))
		return flaw_set(flaw, n->at, n->len,
		    "jq's numbers are doubles, which cannot hold it");
	return false;
}

bool
transform_flaw_number(const char *text, size_t len, struct flaw *flaw)
{
	struct number n;

	flaw_take_number(text, text + len, &n);
	return flaw_judge(&n, flaw);
}

/* Whether jq writes an integer so, whatever it was before. */
static bool
flaw_is_written(const struct number *n)
{
	char copy[FLAW_SHOWN];
	jv text;
	bool is;

	if (!n->is_integer || n->len >= sizeof copy)
		return false;
	memcpy(copy, n->at, n->len);
	copy[n->len] = '\0';
	text = jv_dump_string(jv_number(strtod(copy, NULL)), 0);
	is = strcmp(jv_string_value(text), copy) == 0;
	jv_free(text);
	return is;
}

/* Skips a string; `at` is behind its opening quote. */
static const char *
flaw_string_end(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	return at < end ? at + 1 : end;
}

/* Whether a word begins that is a number for libjq. */
static bool
flaw_is_word(const char *at, const char *end, struct flaw *flaw)
{
	for (size_t i = 0; i < COUNT(flaw_words); i++) {
		size_t len = strlen(flaw_words[i]);

		if ((size_t)(end - at) >= len &&
		    strncasecmp(at, flaw_words[i], len) == 0)
			return flaw_set(flaw, flaw_words[i], len,
			    "JSON has no such number");
	}
	return false;
}

/* Looks at what stands at a place outside of strings, and skips it. */
static bool
flaw_at(const char **at, const char *end, bool of_jq, struct flaw *flaw)
{
	const char *p = *at;
	struct number n;

	if (*p != '-' && (*p < '0' || *p > '9')) {
		*at = p + 1;
		return !of_jq && flaw_is_word(p, end, flaw);
	}
	flaw_take_number(p, end, &n);
	*at = p + n.len;
	return flaw_judge(&n, flaw) && !(of_jq && flaw_is_written(&n));
}

bool
transform_flaw_find(const char *text, size_t len, bool of_jq, struct flaw *flaw)
{
	const char *p = text, *end = text + len, *before;
	const char *nul = memchr(text, '\0', len);

	if (nul != NULL) {
		flaw->at = (size_t)(nul - text);
		return flaw_set(flaw, "NUL", strlen("NUL"), "JSON has none");
	}
	while (p < end) {
		if (*p == '"') {
			p = flaw_string_end(p + 1, end);
			continue;
		}
		before = p;
		if (flaw_at(&p, end, of_jq, flaw)) {
			flaw->at = (size_t)(before - text);
			return true;
		}
	}
	return false;
}

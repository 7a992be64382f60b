#include "worker/tasks/transform-program.h"

#include <stdbool.h>
#include <string.h>

#include "worker/tasks/transform-flaw.h"

/* A text that is taken apart as jq does it. */
struct lexer {
	const char *at, *end;
	size_t words; /* so far */
	size_t depth; /* parentheses open */
	bool in_string[TRANSFORM_WORDS_MAX + 1]; /* whether it is a \( */
};

static bool
program_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
program_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The character behind the next one; NUL: there is none. */
static char
program_second(const struct lexer *l)
{
	return l->end - l->at > 1 ? l->at[1] : '\0';
}

static void
program_skip_digits(struct lexer *l)
{
	while (l->at < l->end && program_is_digit(*l->at))
		l->at++;
}

/* Skips a string, from inside, up to its end or to an expression in it. */
static void
program_skip_string(struct lexer *l)
{
	while (l->at < l->end && *l->at != '"') {
		if (*l->at == '\\' && program_second(l) == '(') {
			l->in_string[l->depth++] = true;
			l->at += 2;
			return;
		}
		l->at += *l->at == '\\' && program_second(l) != '\0' ? 2 : 1;
	}
	if (l->at < l->end)
		l->at++;
}

/* Skips a number. Whether it is an integer that a double would round. */
static bool
program_skip_number(struct lexer *l, struct flaw *flaw)
{
	const char *start = l->at, *exponent;
	bool is_integer = true;

	program_skip_digits(l);
	if (l->at < l->end && *l->at == '.') {
		is_integer = false;
		l->at++;
		program_skip_digits(l);
	}
	if (l->at < l->end && (*l->at == 'e' || *l->at == 'E')) {
		exponent = l->at++;
		if (l->at < l->end && (*l->at == '+' || *l->at == '-'))
			l->at++;
		if (l->at < l->end && program_is_digit(*l->at)) {
			is_integer = false;
			program_skip_digits(l);
		} else {
			l->at = exponent; /* a name begins there */
		}
	}
	return is_integer &&
	       transform_flaw_number(start, (size_t)(l->at - start), flaw);
}

/* Skips a name, and the sign before it. */
static void
program_skip_name(struct lexer *l)
{
	l->at++;
	while (l->at < l->end &&
	       (program_is_letter(*l->at) || program_is_digit(*l->at)))
		l->at++;
}

/* Skips a sign; a parenthesis may lead out of a string, or back into it. */
static void
program_skip_sign(struct lexer *l)
{
	char sign = *l->at++;

	if (sign == '(')
		l->in_string[l->depth++] = false;
	else if (sign == '"' ||
		 (sign == ')' && l->depth > 0 && l->in_string[--l->depth]))
		program_skip_string(l);
}

/* Whether there is a word; what stands before it is skipped. */
static bool
program_find_word(struct lexer *l)
{
	while (l->at < l->end) {
		if (*l->at == '#')
			while (l->at < l->end && *l->at != '\n')
				l->at++;
		else if (strchr(" \t\r\n", *l->at) != NULL)
			l->at++;
		else
			return true;
	}
	return false;
}

/* Skips a word. Whether it is a number that libjq would change. */
static bool
program_skip_word(struct lexer *l, struct flaw *flaw)
{
	char second = program_second(l);

	if (program_is_digit(*l->at) ||
	    (*l->at == '.' && program_is_digit(second)))
		return program_skip_number(l, flaw);
	if (program_is_letter(*l->at) ||
	    (strchr(".$@", *l->at) != NULL && program_is_letter(second)))
		program_skip_name(l);
	else
		program_skip_sign(l);
	return false;
}

int
transform_program_check(struct call *call, const char *text, size_t len)
{
	struct lexer l = {.at = text, .end = text + len};
	struct flaw flaw;

	while (program_find_word(&l)) {
		const char *at = l.at;

		if (++l.words > TRANSFORM_WORDS_MAX)
			return call_invalid(call, "filter",
			    "filter takes at most %d names, numbers, strings "
			    "and signs",
			    TRANSFORM_WORDS_MAX);
		if (program_skip_word(&l, &flaw))
			return call_invalid(call, "filter", FLAW_FORMAT,
			    "filter", flaw.what, (size_t)(at - text), flaw.why);
	}
	return 0;
}

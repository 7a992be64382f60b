#include "client/failure.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OWN_FIRST MORO_NO_SERVER

/* The public numbers are those of the wire's table, for ever. */
#define SAME(name)                                          \
	static_assert((int)MORO_##name == (int)CODE_##name, \
	    "moro.h and proto/code.h")

SAME(TIMEOUT);
SAME(QUEUE_FULL);
SAME(WORKER_ERROR);
SAME(CANCELLED);
SAME(UNKNOWN_TASK);
SAME(UNKNOWN_METHOD);
SAME(INVALID_ARGUMENT);
SAME(INVALID_OPTION);
SAME(TOO_LARGE);
SAME(DUPLICATE_ID);
SAME(NOT_FOUND);
SAME(UNSUPPORTED);
SAME(PERMISSION_DENIED);
SAME(SHUTTING_DOWN);
SAME(PROTOCOL_ERROR);
SAME(INTERNAL);
static_assert((int)MORO_OK == (int)CODE_NONE, "moro.h and proto/code.h");
static_assert((int)CODE_N == (int)MORO_INTERNAL + 1, "moro.h lacks a code");

static const struct {
	const char *name;
	bool retryable;
} own[] = {
#define OWN(name, retryable) [MORO_##name - OWN_FIRST] = {#name, retryable}
    OWN(NO_SERVER, true),
    OWN(LOST, false),
    OWN(GARBLED, false),
    OWN(WAIT_LIMIT, false),
    OWN(CLOSED, false),
    OWN(NO_MEMORY, true),
    OWN(SYSTEM, false),
#undef OWN
};

/* Whether the code is one of the library's own, with a row in the table. */
static bool
failure_own(enum moro_code code)
{
	return code >= OWN_FIRST && (size_t)(code - OWN_FIRST) < COUNT(own);
}

const char *
moro_code_name(enum moro_code code)
{
	if (code == MORO_OK)
		return "OK";
	if (failure_own(code))
		return own[code - OWN_FIRST].name;
	return code_name((enum code)code);
}

void
failure_set(struct failure *f, enum moro_code code, const char *format, ...)
{
	enum code wire = failure_own(code) ? CODE_NONE : (enum code)code;
	char text[FAULT_MESSAGE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	fault_set(&f->fault, wire, NULL, "%s", text);
	f->code = code;
	if (failure_own(code))
		f->fault.retryable = own[code - OWN_FIRST].retryable;
}

void
failure_reason(struct failure *f, const char *reason)
{
	snprintf(f->fault.reason, sizeof f->fault.reason, "%s", reason);
}

void
failure_append(struct failure *f, const char *text)
{
	size_t len = strlen(f->fault.message);

	snprintf(f->fault.message + len, sizeof f->fault.message - len, "%s",
	    text);
}

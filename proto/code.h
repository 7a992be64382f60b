#ifndef MORO_PROTO_CODE_H
#define MORO_PROTO_CODE_H

/*
 * The error codes of the wire (proto/PROTOCOL.md, section 6). They are stable:
 * a code is never renamed, and new detail goes into `reason`.
 */

#include <stdbool.h>
#include <stddef.h>

enum code {
	CODE_NONE,
	CODE_TIMEOUT,
	CODE_QUEUE_FULL,
	CODE_WORKER_ERROR,
	CODE_CANCELLED,
	CODE_UNKNOWN_TASK,
	CODE_UNKNOWN_METHOD,
	CODE_INVALID_ARGUMENT,
	CODE_INVALID_OPTION,
	CODE_TOO_LARGE,
	CODE_DUPLICATE_ID,
	CODE_NOT_FOUND,
	CODE_UNSUPPORTED,
	CODE_PERMISSION_DENIED,
	CODE_SHUTTING_DOWN,
	CODE_PROTOCOL_ERROR,
	CODE_INTERNAL,
	CODE_N,
};

/* The code as it stands on the wire, "QUEUE_FULL"; never NULL. */
const char *code_name(enum code code);

/* The code that the len bytes at name spell, or CODE_NONE. */
enum code code_parse(const char *name, size_t len);

/* Whether the same request may well succeed later. */
bool code_retryable(enum code code);

/* Whether a worker may answer with this code; others become WORKER_ERROR. */
bool code_from_worker(enum code code);

#endif

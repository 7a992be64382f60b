#ifndef MORO_PROTO_OPTIONS_H
#define MORO_PROTO_OPTIONS_H

/*
 * The options map of a task (proto/PROTOCOL.md, section 4). It is read once,
 * in the dispatcher; workers get parsed values, so that two parsers can never
 * disagree. Unknown and duplicate keys are refused by name, because a mistyped
 * limit must not mean "no limit".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/fault.h"
#include "proto/info.h"

enum priority {
	PRIORITY_HIGH,
	PRIORITY_NORMAL,
	PRIORITY_LOW,
	PRIORITY_N,
};

/* Runs after the first, when that came to no result. */
struct retry {
	uint8_t max; /* how many; 0: none */
	bool on_crash; /* the worker died */
	bool on_error; /* the task answered WORKER_ERROR */
	uint32_t backoff_ms; /* before the first of them; doubles each time */
	uint32_t max_backoff_ms; /* 0: no limit */
};

#define OPTIONS_RETRY_MAX 100

struct options {
	const char *id; /* borrows the scanned bytes; NULL: none given */
	size_t id_len;
	enum priority priority; /* PRIORITY_N: none given */
	uint32_t timeout_ms; /* acceptance to answer; 0: no limit */
	uint32_t run_timeout_ms; /* execution alone; 0: no limit */
	uint32_t queue_timeout_ms; /* waiting alone; 0: no limit */
	uint32_t fds; /* descriptors that came with the request */
	uint32_t result_fd; /* of them, the result's; or INFO_NO_FD */
	uint32_t cancel_grace_ms; /* between telling and killing a task */
	bool has_grace; /* that was given */
	bool progress; /* the client wants to hear of it */
	bool has_idempotent; /* that was given: */
	bool idempotent; /* may be run again after a crash */
	bool wait_when_full; /* rather than being refused */
	bool batch; /* data is an array, each element of it a task */
	bool has_retry; /* that was given: */
	struct retry retry;
};

/* The options of a task that gives none. */
#define OPTIONS_NONE                                            \
	{                                                       \
		.priority = PRIORITY_N, .result_fd = INFO_NO_FD \
	}

/*
 * Reads the map in the len bytes at buf, scanned already; nil is an empty map.
 * Returns 0, or -1 with *fault set to INVALID_OPTION, its field `option` the
 * key at fault.
 */
int options_parse(struct options *o, const uint8_t *buf, size_t len,
    struct fault *fault);

/*
 * The option `fds` alone, of a map that may be wrong otherwise: a request owns
 * its descriptors also when it is refused. 0: it has none.
 */
uint32_t options_fds(const uint8_t *buf, size_t len);

/* "high", "normal" or "low". */
const char *priority_name(enum priority priority);

#endif

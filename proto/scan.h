#ifndef MORO_PROTO_SCAN_H
#define MORO_PROTO_SCAN_H

/*
 * The scanner finds where a MessagePack-RPC message ends, and is the only
 * thing that decides it, on every socket. It is iterative, can be resumed at
 * every byte, allocates nothing and never reads payload bytes. On its way it
 * notes where the elements of the envelope stand, so that nothing is parsed
 * twice. Grammar: the MessagePack specification and the MessagePack-RPC
 * specification; rules: proto/PROTOCOL.md, sections 2 and 7.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limit.h"

enum scan_status {
	SCAN_BAD = -1, /* the peer is broken: see scan_fault() */
	SCAN_MORE = 0, /* the message is not complete yet */
	SCAN_FRAME = 1, /* one whole message: see scan_frame() */
};

enum scan_fault {
	SCAN_FAULT_NONE,
	SCAN_FAULT_ENVELOPE, /* not [0..2, ...] of three or four elements */
	SCAN_FAULT_MSGID, /* not an integer 0..2^53 */
	SCAN_FAULT_METHOD, /* not a str or bin */
	SCAN_FAULT_PARAMS, /* not an array, a map or nil */
	SCAN_FAULT_RESERVED, /* byte 0xc1 */
	SCAN_FAULT_METHOD_SIZE, /* limits.method exceeded */
	SCAN_FAULT_FRAME_SIZE, /* limits.frame exceeded, or announced to be */
	SCAN_FAULT_DEPTH, /* limits.depth exceeded */
	SCAN_FAULT_VALUES, /* limits.values exceeded, or announced to be */
};

enum frame_kind {
	FRAME_REQUEST = 0,
	FRAME_RESPONSE = 1,
	FRAME_NOTIFY = 2,
};

/*
 * A run of bytes, counted from the first byte of the message, which has at
 * most LIMIT_FRAME_MAX: half a size_t is enough, and there are many.
 */
struct span {
	uint32_t at;
	uint32_t len; /* 0: absent */
};

/* One whole message, as places in the bytes that were scanned. */
struct frame {
	enum frame_kind kind;
	uint32_t n_params; /* parameters given */
	uint64_t msgid; /* requests and responses */
	size_t size; /* bytes of the whole message */
	struct span method; /* requests, notifications: the name's bytes */
	struct span data; /* first parameter, header included */
	struct span options; /* second parameter, header included */
	struct span error; /* responses, header included */
	struct span result; /* responses, header included */
};

#define SCAN_ENVELOPE_MAX 4 /* elements of an envelope */
#define SCAN_PARAMS_NOTED 3 /* parameters whose place is noted */
#define SCAN_STACK (LIMIT_DEPTH_MAX + 2) /* envelope, params, then data */

/* The state of one message's scan. The fields are the scanner's own. */
struct scan {
	struct limits limits;
	size_t pos; /* bytes passed; may lie beyond the bytes given */
	uint64_t need; /* values announced and not begun */
	uint32_t values; /* values begun */
	uint32_t depth; /* containers open */
	uint32_t left[SCAN_STACK + 1]; /* values to come, for each of them */
	uint32_t n_elems; /* envelope elements begun */
	uint32_t n_args; /* parameters begun */
	size_t elems[SCAN_ENVELOPE_MAX];
	size_t args[SCAN_PARAMS_NOTED];
	uint32_t arity; /* 3 or 4, once known */
	uint32_t depth_max; /* containers that may be open */
	int kind; /* enum frame_kind, once known, else -1 */
	bool has_msgid;
	bool params_array;
	uint64_t msgid;
	struct span method;
	enum scan_fault fault;
};

/* Makes s ready for the first message; limits are copied. */
void scan_init(struct scan *s, const struct limits *limits);

/* Has another limit for the size of messages, the next one's and this one's. */
static inline void
scan_limit_frame(struct scan *s, size_t frame)
{
	s->limits.frame = frame;
}

/* Makes s ready for the next message. */
void scan_reset(struct scan *s);

/*
 * Goes on with the message that begins at buf, of which len bytes are there
 * by now. May be called again with the same bytes and more behind them, at
 * another address too. After SCAN_FRAME or SCAN_BAD only scan_reset() helps.
 */
enum scan_status scan_feed(struct scan *s, const uint8_t *buf, size_t len);

/*
 * Does all three: goes on with the message at buf, and when it is whole gives
 * it and makes s ready for the next. Usual messages take a short cut.
 */
enum scan_status scan_next(struct scan *s, const uint8_t *buf, size_t len,
    struct frame *frame);

/* Gives the message that scan_feed() has just found whole. */
void scan_frame(const struct scan *s, struct frame *frame);

/* Fewest bytes that the message can have, by what was read of it so far. */
size_t scan_wanted(const struct scan *s);

/* After SCAN_BAD: what was wrong, and a sentence that says it. */
enum scan_fault scan_fault(const struct scan *s);
const char *scan_fault_text(enum scan_fault fault);

/* True when the msgid was read: an error answer can name it. */
bool scan_msgid(const struct scan *s, uint64_t *msgid);

#endif

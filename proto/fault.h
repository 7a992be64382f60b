#ifndef MORO_PROTO_FAULT_H
#define MORO_PROTO_FAULT_H

/*
 * An error on its way: a code, a message for people, a reason for programs,
 * and a few fields of detail. It is written in one of three shapes, because
 * no single one works for all clients that exist (proto/PROTOCOL.md, section
 * 6), and read back from any of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "proto/code.h"

#define FAULT_MESSAGE 400 /* bytes of a message, its NUL included */
#define FAULT_REASON 32
#define FAULT_TEXT 80
#define FAULT_DETAILS 6

enum fault_shape {
	FAULT_STRING, /* "CODE: message" */
	FAULT_MAP, /* {code, message, reason, retryable, ...} */
	FAULT_PAIR, /* [0, "CODE: message"] */
};

/* One more field: an integer, or a short text. */
struct fault_detail {
	const char *name; /* static */
	bool is_text;
	int64_t number;
	char text[FAULT_TEXT];
};

struct fault {
	enum code code;
	char unknown[FAULT_REASON]; /* the code as it came, if it is none; "" */
	bool retryable;
	char reason[FAULT_REASON]; /* "" when there is none */
	char message[FAULT_MESSAGE]; /* valid UTF-8 */
	unsigned int n_details;
	struct fault_detail details[FAULT_DETAILS];
};

/*
 * Begins an error; bytes of the message that are not UTF-8 or are control
 * characters become '?', what is too long is cut. `reason` may be NULL.
 */
void fault_set(struct fault *f, enum code code, const char *reason,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds a field; the name must outlive f. More than there is room for: cut. */
void fault_add_number(struct fault *f, const char *name, int64_t number);
void fault_add_text(struct fault *f, const char *name, const char *text);

/* A name as one of those that are passed on, which stays; or NULL. */
const char *fault_detail_name(const char *name);

/* Writes the error in a shape. */
void fault_pack(const struct fault *f, msgpack_packer *pk,
    enum fault_shape shape);

/*
 * Reads an error value of any shape, scanned already. What does not look like
 * one of ours becomes WORKER_ERROR, reason "failed", with its text if it has
 * any: peers may send what they like.
 */
void fault_parse(struct fault *f, const uint8_t *buf, size_t len);

/* Replaces in place what is not printable UTF-8 by '?'; keeps '\n', '\t'. */
void fault_clean(char *text);

#endif

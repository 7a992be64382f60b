#ifndef MORO_TASKS_ARMOR_H
#define MORO_TASKS_ARMOR_H

/*
 * The bytes of an envelope as base64url without padding (RFC 4648, section 5),
 * or as they are, written and read in pieces that stay in the processor's
 * cache. The coding is OpenSSL's, eight times as fast as libsodium's, which
 * hides from a watcher of the cache what it codes: ciphertext is no secret.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the text of so many bytes, and of the bytes of such a text. */
size_t armor_text_len(size_t len);
size_t armor_bytes_len(size_t text_len);

/* An envelope that is being written; one at a time. */
struct armor_out {
	uint8_t *to; /* where the next of it goes */
	size_t n; /* bytes that wait to become text */
	bool plain; /* they are written as they are */
};

void armor_out_begin(struct armor_out *out, uint8_t *to, bool plain);

/* Gives the place of the next bytes, at most *len, and sets *len. */
uint8_t *armor_out_room(struct armor_out *out, size_t *len);

/* Says that len bytes were written there. */
void armor_out_add(struct armor_out *out, size_t len);

/* Writes what is left. */
void armor_out_end(struct armor_out *out);

/* The same with bytes at hand. */
void armor_out_write(struct armor_out *out, const uint8_t *bytes, size_t len);

/* An envelope that is being read; one at a time. */
struct armor_in {
	const uint8_t *from; /* the next of it, `left` bytes */
	size_t left;
	const uint8_t *at; /* what was decoded and not given out, n bytes */
	size_t n;
	bool plain;
};

void armor_in_begin(struct armor_in *in, const uint8_t *from, size_t len,
    bool plain);

/*
 * Gives the next bytes, at most *len and at least one, until the next call,
 * and sets *len. NULL: it is damaged (other characters, padding, unused bits
 * that are set), or at its end.
 */
const uint8_t *armor_in_next(struct armor_in *in, size_t *len);

/* Copies exactly len bytes; -1 as above. */
int armor_in_read(struct armor_in *in, uint8_t *to, size_t len);

#endif

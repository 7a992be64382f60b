#ifndef MORO_TESTS_SCHEME_H
#define MORO_TESTS_SCHEME_H

/* Good tokens of every algorithm, to be changed. */

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/forge.h"

#define SCHEMES 9
/* of lengths that leave unused bits in base64url */
#define SCHEME_HEADER "{\"alg\":\"%s\" }"
#define SCHEME_PAYLOAD "{\"user\":7,\"a\":1}"
#define SCHEME_SIGNATURE 1024 /* bytes of the longest */

/* Every algorithm, with the keys of both ends. */
extern struct scheme {
	const char *name;
	const char *md;
	size_t half; /* of ECDSA: bytes of each number */
	const char *private;
	const char *public;
} scheme_list[SCHEMES];

/* Group set-up and tear-down. */
int scheme_setup(void **state);
int scheme_teardown(void **state);

/* A token of a scheme with any header, and a good one. */
const char *scheme_token(size_t i, const char *header);
const char *scheme_good(size_t i);

/* The verdict by the other end's key. */
const msgpack_object *scheme_verify(size_t i, const char *token);

/* The signature of a token; its length. */
size_t scheme_signature(const char *token, uint8_t out[SCHEME_SIGNATURE]);

#endif

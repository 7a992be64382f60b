#ifndef MORO_TASKS_TOKEN_H
#define MORO_TASKS_TOKEN_H

/*
 * JSON web tokens (RFC 7519) with HMAC: what signing and verifying share. The
 * library takes more than a token may be, and checks less than a token needs;
 * token_parse() stands in front of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <jwt.h>
#include <msgpack.h>

#include "worker/call.h"

#define TOKEN_MAX 65536 /* bytes of a token */
#define TOKEN_SECRET_MAX 4096 /* bytes of a secret */
#define TOKEN_STRING_MAX 1024 /* bytes of an issuer, a subject, ... */
#define TOKEN_STRINGS_MAX 32 /* of them in an array */

/* Names of the algorithms, NULL-ended; the first is the default. */
extern const char *const token_algorithms[];

/* The algorithm's place in token_algorithms, or -1; the case counts. */
int token_algorithm(const char *name, size_t len);

/* A secret, borrowed from the call. */
struct token_secret {
	const uint8_t *bytes;
	int len; /* > 0: a length of 0 would switch the check off */
};

/* Checks a secret: not empty, no PEM. -1 with the call's error set. */
int token_secret(struct call *call, const msgpack_object *arg,
    struct token_secret *secret);

/*
 * Makes JSON of an option: a string, or an array of strings if `many`. NULL
 * with the call's error set.
 */
json_t *token_strings(struct call *call, const char *name,
    const msgpack_object *arg, bool many);

/* A token taken apart. */
struct token {
	char *text; /* the whole token, NUL-ended */
	json_t *header; /* an object */
	json_t *payload; /* an object that value_fits() */
	size_t signed_len; /* bytes of text that the signature is of */
	uint8_t *signature; /* owned */
	size_t signature_len;
};

/*
 * Takes a token apart, strictly; checks no signature. Returns NULL, or what is
 * wrong with the token. token_clear() is needed either way.
 */
const char *token_parse(struct token *t, const uint8_t *text, size_t len);
void token_clear(struct token *t);

/* Whether the signature is right for the algorithm and the secret. */
bool token_genuine(const struct token *t, int algorithm,
    const struct token_secret *secret);

/*
 * Signs a payload; `keyid` may be NULL. Gives the token, which the caller
 * frees with wipe_free(), or NULL: no memory.
 */
char *token_make(const json_t *payload, const char *keyid, int algorithm,
    const struct token_secret *secret);

/* Signs and verifies once, so that a worker opens nothing later. */
int token_init(void);

/* jwt:sign and jwt:verify */
extern const struct task_type token_sign_type;
extern const struct task_type token_verify_type;

#endif

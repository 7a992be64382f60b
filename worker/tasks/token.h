#ifndef MORO_TASKS_TOKEN_H
#define MORO_TASKS_TOKEN_H

/*
 * JSON web tokens (RFC 7519): what signing and verifying share. The JWT library
 * takes more than a token may be, and checks less than a token needs; it only
 * makes tokens here, and token_parse() reads them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <msgpack.h>

#include "worker/call.h"
#include "worker/tasks/token-key.h"

#define TOKEN_MAX 65536 /* bytes of a token */
#define TOKEN_STRING_MAX 1024 /* bytes of an issuer, a subject, ... */
#define TOKEN_STRINGS_MAX 32 /* of them in an array */

/* Header parameters that change what a token means; never understood here. */
extern const char *const token_forbidden[];

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
 * Takes a token apart, strictly; checks no signature. `typ` is what the header
 * must say that it is; NULL: nothing, or "JWT". Returns NULL, or what is wrong
 * with the token. token_clear() is needed either way.
 */
const char *token_parse(struct token *t, const uint8_t *text, size_t len,
    const char *typ);
void token_clear(struct token *t);

/* Whether the signature is right for an algorithm that the key is for. */
bool token_genuine(const struct token *t, int algorithm,
    const struct token_key *key);

/*
 * Signs a payload, with the parameters of a header beside alg and typ. Gives
 * the token, which the caller frees with wipe_free(), or NULL: no memory.
 */
char *token_make(const json_t *header, const json_t *payload, int algorithm,
    const struct token_key *key);

/* Signs and verifies once, so that a worker opens nothing later. */
int token_init(void);

/* jwt:sign and jwt:verify */
extern const struct task_type token_sign_type;
extern const struct task_type token_verify_type;

#endif

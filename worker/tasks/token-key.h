#ifndef MORO_TASKS_TOKEN_KEY_H
#define MORO_TASKS_TOKEN_KEY_H

/*
 * Keys of tokens, and the algorithms that each kind of key is for. What a key
 * is decides which algorithms it can be used with; a token never does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>
#include <openssl/evp.h>

#include "worker/call.h"

#define TOKEN_KEY_SHARED_MAX 4096 /* bytes of a shared secret */
#define TOKEN_KEY_PEM_MAX 16384 /* bytes of a key in PEM */
#define TOKEN_KEY_KEPT 16 /* keys that a worker keeps parsed */
#define TOKEN_KEY_FIELD "secret"

enum token_kind {
	TOKEN_KIND_SHARED,
	TOKEN_KIND_RSA,
	TOKEN_KIND_P256,
	TOKEN_KIND_P384,
	TOKEN_KIND_P521,
	TOKEN_KINDS,
};

/* An algorithm is its place in token_key_algorithms. */
enum token_algorithm {
	TOKEN_HS256,
	TOKEN_HS384,
	TOKEN_HS512,
	TOKEN_RS256,
	TOKEN_RS384,
	TOKEN_RS512,
	TOKEN_ES256,
	TOKEN_ES384,
	TOKEN_ES512,
	TOKEN_ALGORITHMS,
};

/* Names of the algorithms, as tokens and options spell them; NULL-ended. */
extern const char *const token_key_algorithms[TOKEN_ALGORITHMS + 1];

/* A key, ready to be used. */
struct token_key {
	enum token_kind kind;
	const uint8_t *bytes; /* of a shared secret: borrowed from the call */
	size_t len; /* > 0 */
	EVP_PKEY *pkey; /* of any other: good until the next key is read */
	bool is_private;
};

/* The algorithm of that name, or -1; the case counts. */
int token_key_algorithm(const char *name, size_t len);

/* The kind of key that an algorithm takes. */
enum token_kind token_key_kind(int algorithm);

/* The algorithm that is meant when none is named. */
int token_key_default(const struct token_key *key);

/* All algorithms that a key is for: a bit for each. */
unsigned int token_key_allowed(const struct token_key *key);

/*
 * Reads a key to sign or to verify with: a shared secret, or a key in PEM,
 * which is parsed once and kept. -1 with the call's error set.
 */
int token_key_read(struct call *call, const msgpack_object *arg, bool to_sign,
    struct token_key *key);

/* Refuses an algorithm, named by an option, that the key is not for. */
int token_key_check(struct call *call, const char *option, int algorithm,
    const struct token_key *key);

/* Gives up all keys that are kept. */
void token_key_forget(void);

/* How many keys were parsed so far, for tests. */
unsigned int token_key_parsed(void);

#endif

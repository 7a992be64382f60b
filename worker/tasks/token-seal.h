#ifndef MORO_TASKS_TOKEN_SEAL_H
#define MORO_TASKS_TOKEN_SEAL_H

/* Signatures of tokens: HMAC, RSA (PKCS#1 v1.5) and ECDSA, by OpenSSL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tasks/token-key.h"

#define TOKEN_SEAL_MAX 1024 /* bytes of the longest: RSA of 8,192 bits */

/*
 * Signs a text; returns the signature's length, or 0: no memory. The key's
 * kind fits the algorithm, and it is a private one.
 */
size_t token_seal_make(int algorithm, const struct token_key *key,
    const void *text, size_t len, uint8_t out[TOKEN_SEAL_MAX]);

/* Whether a signature is right; the key's kind fits the algorithm. */
bool token_seal_check(int algorithm, const struct token_key *key,
    const void *text, size_t len, const uint8_t *signature,
    size_t signature_len);

/* Fetches the algorithms; -1: OpenSSL lacks one. */
int token_seal_init(void);

#endif

#ifndef MORO_TASKS_TOKEN_PEM_H
#define MORO_TASKS_TOKEN_PEM_H

/* Keys in PEM, read strictly: one key, of a kind and size that tokens use. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "worker/call.h"
#include "worker/tasks/token-key.h"

#define TOKEN_PEM_RSA_MIN 2048 /* bits: RFC 7518, 3.3 */
#define TOKEN_PEM_RSA_MAX 8192 /* bits: a signature takes some 50 ms */
#define TOKEN_PEM_EXPONENT_MAX 64 /* bits: keeps verifying fast */

/* Whether bytes hold a block of PEM, of whatever kind. */
bool token_pem_is(const uint8_t *bytes, size_t len);

/* Whether bytes begin with a key or a certificate in DER. */
bool token_pem_is_der(const uint8_t *bytes, size_t len);

/*
 * Reads the one key in a text: PKCS#8, PKCS#1, SEC 1, SPKI or a certificate.
 * The caller frees it. NULL with the call's error set.
 */
EVP_PKEY *token_pem_read(struct call *call, const uint8_t *text, size_t len,
    enum token_kind *kind, bool *is_private);

#endif

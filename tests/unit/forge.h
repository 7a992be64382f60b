#ifndef MORO_TESTS_FORGE_H
#define MORO_TESTS_FORGE_H

/*
 * Tokens, good and bad, made without the code that is tested, and the keys for
 * them. Texts are good until eight more were made.
 */

#include <stddef.h>

#include <openssl/evp.h>

#include "tests/unit/tasking.h"

#define FORGE_SIZE 4096 /* bytes of a token, its NUL included */

/* Appends base64url without padding. */
void forge_append(char *out, const void *bytes, size_t len);

/* A token of any header and payload, with HMAC. */
const char *forge_hmac(const char *md, const char *header, const char *payload,
    const char *secret);

/* The same with a good header, and "k". */
const char *forge_payload(const char *payload);

/*
 * A token signed with a key in PEM. `half` is the length of each number of an
 * ECDSA signature; 0: as OpenSSL gives it, RSA's or DER.
 */
const char *forge_signed(const char *md, const char *header,
    const char *payload, const char *pem, size_t half);

/* Header and payload of a token, with other bytes as the signature. */
const char *forge_resigned(const char *token, const void *bytes, size_t len);

/*
 * Keys in PEM, made when they are first asked for: "P-384", "ED25519", or "RSA"
 * and the bits. The certificate is self-signed.
 */
EVP_PKEY *forge_key(const char *kind);
const char *forge_private(EVP_PKEY *pkey);
const char *forge_public(EVP_PKEY *pkey);
const char *forge_certificate(EVP_PKEY *pkey);

/* A text as it stands in JSON: line breaks as \n. */
const char *forge_json(const char *text);

/* Verifies with the secret k, or with another key. */
const msgpack_object *forge_verify(const char *token, const char *options);
const msgpack_object *forge_verify_by(const char *key, const char *token,
    const char *options);

/* The payload of a token that must be valid. */
const msgpack_object *forge_accepted(const msgpack_object *verdict);

/* The verdict must be {valid: false, error}; NULL: any error. */
void forge_rejected(const msgpack_object *verdict, const char *error);

/* The verdict must be this error; NULL: the token must be valid. */
void forge_judged(const msgpack_object *verdict, const char *error);

/* Signs {a: 1} with a key that must be good. */
const char *forge_sign_by(const char *key, const char *options);

/* A key must be refused to sign, to verify; the reason contains a text. */
void forge_sign_refused(const char *key, const char *why);
void forge_verify_refused(const char *key, const char *why);

#endif

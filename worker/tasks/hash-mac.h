#ifndef MORO_TASKS_HASH_MAC_H
#define MORO_TASKS_HASH_MAC_H

/* Hashing with a key by OpenSSL: HMAC (RFC 2104), and BLAKE2s' own way. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#define HASH_MAC_HMAC "HMAC"

/*
 * Makes a context of a MAC, to be kept; digest is OpenSSL's name of one for
 * HMAC, or NULL. NULL: OpenSSL does not offer it.
 */
EVP_MAC_CTX *hash_mac_new(const char *mac, const char *digest);

/* Begins to hash with a key. */
bool hash_mac_begin(EVP_MAC_CTX *ctx, const uint8_t *key, size_t len);

/* Makes the context forget its key, and what was hashed with it. */
void hash_mac_forget(EVP_MAC_CTX *ctx);

#endif

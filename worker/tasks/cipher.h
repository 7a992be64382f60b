#ifndef MORO_TASKS_CIPHER_H
#define MORO_TASKS_CIPHER_H

/*
 * The authenticated ciphers of crypto:encrypt, done by OpenSSL: it is twice as
 * fast as libsodium, which has no AES-256-GCM that runs everywhere. One message
 * at a time, in pieces as they come.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY 32 /* bytes, of all ciphers */
#define CIPHER_TAG 16
#define CIPHER_NONCE_MAX 24

enum cipher_id { CIPHER_XCHACHA20_POLY1305, CIPHER_AES_256_GCM };

/* Has the ciphers ready, so that a worker opens nothing. -1: they are none. */
int cipher_init(void);

/* Whether the system's OpenSSL offers it. */
bool cipher_is_offered(enum cipher_id id);

/* Its name on the wire, and the bytes of its nonce. */
const char *cipher_name(enum cipher_id id);
size_t cipher_nonce(enum cipher_id id);

/*
 * Begins a message; cipher_end() must follow. Returns -1: no memory. What
 * fails after it shows at the end, in cipher_seal() or cipher_open().
 */
int cipher_begin(enum cipher_id id, bool encrypt, const uint8_t key[CIPHER_KEY],
    const uint8_t *nonce);

/* Adds to what the tag covers besides the message; before the message. */
void cipher_aad(const uint8_t *bytes, size_t len);

/* Encrypts or decrypts the next bytes, at most 2^30; to may be from. */
void cipher_update(uint8_t *to, const uint8_t *from, size_t len);

/* Ends what was encrypted with its tag. -1: OpenSSL failed. */
int cipher_seal(uint8_t tag[CIPHER_TAG]);

/* Whether all that was decrypted is what was encrypted with this tag. */
bool cipher_open(const uint8_t tag[CIPHER_TAG]);

/* Forgets the key. */
void cipher_end(void);

#endif

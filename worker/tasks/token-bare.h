#ifndef MORO_TASKS_TOKEN_BARE_H
#define MORO_TASKS_TOKEN_BARE_H

/* Keys of tokens in other forms than PEM, which are not read. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether bytes are a public key, a certificate or a private key in another
 * form than PEM: DER, base64 or hex of it or of PEM, UTF-16, OpenSSH's (RFC
 * 4253, 6.6), SSH2 (RFC 4716), a JWK (RFC 7517) or XML (RFC 3275). Who takes a
 * public key for a shared secret lets everybody sign.
 */
bool token_bare_is(const uint8_t *bytes, size_t len);

#endif

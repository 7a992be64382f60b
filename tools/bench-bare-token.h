#ifndef MORO_TOOLS_BENCH_BARE_TOKEN_H
#define MORO_TOOLS_BENCH_BARE_TOKEN_H

/* The signatures of RS256 and ES256, by OpenSSL with keys that are kept. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/bench-bare.h"

#define TOKEN_PEM_SIGNATURE 256 /* bytes, at most */

/* Makes the keys. */
void token_pem_init(void);
void token_pem_clear(void);

/* In PEM. */
const char *token_pem_rs_public(void);
const char *token_pem_es_private(void);

/* Sign text as a token's are; give the signature's bytes. */
size_t token_pem_sign_rs(const char *text, size_t len, uint8_t *signature);
size_t token_pem_sign_es(const char *text, size_t len, uint8_t *signature);

/* Whether it is RS256's signature of the text. */
bool token_pem_verify(const char *text, size_t len, const uint8_t *signature,
    size_t n);

#endif

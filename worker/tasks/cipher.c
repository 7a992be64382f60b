#include "worker/tasks/cipher.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CIPHER_IV 12 /* bytes of what OpenSSL calls the nonce */
#define CIPHER_HCHACHA_IN crypto_core_hchacha20_INPUTBYTES

static struct {
	const char *name;
	const char *openssl_name;
	size_t nonce;
	EVP_CIPHER *evp; /* fetched before the first call; NULL: not offered */
} cipher_table[] = {
    [CIPHER_XCHACHA20_POLY1305] = {"xchacha20-poly1305", "ChaCha20-Poly1305",
	24, NULL},
    [CIPHER_AES_256_GCM] = {"aes-256-gcm", "AES-256-GCM", CIPHER_IV, NULL},
};

static EVP_CIPHER_CTX *cipher_ctx; /* kept from call to call, without keys */
static bool cipher_failed; /* a step of this message */

/* A policy may forbid one of them: the other still works. */
int
cipher_init(void)
{
	bool any = false;

	for (size_t i = 0; i < COUNT(cipher_table); i++) {
		if (cipher_table[i].evp == NULL)
			cipher_table[i].evp = EVP_CIPHER_fetch(NULL,
			    cipher_table[i].openssl_name, NULL);
		any = any || cipher_table[i].evp != NULL;
	}
	return any ? 0 : -1;
}

bool
cipher_is_offered(enum cipher_id id)
{
	return cipher_table[id].evp != NULL;
}

const char *
cipher_name(enum cipher_id id)
{
	return cipher_table[id].name;
}

size_t
cipher_nonce(enum cipher_id id)
{
	return cipher_table[id].nonce;
}

/*
 * XChaCha20-Poly1305 is ChaCha20-Poly1305 (RFC 8439) under a key that HChaCha20
 * makes of the key and the first 16 bytes of the nonce
 * (draft-irtf-cfrg-xchacha, section 2.3).
 */
static void
cipher_extend(uint8_t key[CIPHER_KEY], uint8_t iv[CIPHER_IV],
    const uint8_t *nonce)
{
	const size_t rest = CIPHER_NONCE_MAX - CIPHER_HCHACHA_IN;

	crypto_core_hchacha20(key, nonce, key, NULL);
	memset(iv, 0, CIPHER_IV - rest);
	memcpy(iv + CIPHER_IV - rest, nonce + CIPHER_HCHACHA_IN, rest);
}

int
cipher_begin(enum cipher_id id, bool encrypt, const uint8_t key[CIPHER_KEY],
    const uint8_t *nonce)
{
	uint8_t own[CIPHER_KEY], iv[CIPHER_IV];
	int rc;

	if (cipher_ctx == NULL)
		cipher_ctx = EVP_CIPHER_CTX_new();
	if (cipher_ctx == NULL)
		return -1;
	memcpy(own, key, sizeof own);
	if (id == CIPHER_XCHACHA20_POLY1305)
		cipher_extend(own, iv, nonce);
	else
		memcpy(iv, nonce, sizeof iv);
	rc = EVP_CipherInit_ex2(cipher_ctx, cipher_table[id].evp, own, iv,
	    encrypt, NULL);
	sodium_memzero(own, sizeof own);
	cipher_failed = false;
	return rc == 1 ? 0 : -1;
}

void
cipher_aad(const uint8_t *bytes, size_t len)
{
	cipher_update(NULL, bytes, len);
}

void
cipher_update(uint8_t *to, const uint8_t *from, size_t len)
{
	int n;

	/* OpenSSL takes NULL for the end of the message */
	if (len == 0 || cipher_failed)
		return;
	if (EVP_CipherUpdate(cipher_ctx, to, &n, from, (int)len) != 1)
		cipher_failed = true;
}

/* Ends the message. Both are stream ciphers: nothing comes of it. */
static bool
cipher_finish(void)
{
	uint8_t none[CIPHER_TAG];
	int n;

	return !cipher_failed && EVP_CipherFinal_ex(cipher_ctx, none, &n) == 1;
}

int
cipher_seal(uint8_t tag[CIPHER_TAG])
{
	return cipher_finish() &&
		       EVP_CIPHER_CTX_ctrl(cipher_ctx, EVP_CTRL_AEAD_GET_TAG,
			   CIPHER_TAG, tag) == 1
		   ? 0
		   : -1;
}

bool
cipher_open(const uint8_t tag[CIPHER_TAG])
{
	uint8_t own[CIPHER_TAG]; /* the call's argument is not const */

	memcpy(own, tag, sizeof own);
	return EVP_CIPHER_CTX_ctrl(cipher_ctx, EVP_CTRL_AEAD_SET_TAG,
		   CIPHER_TAG, own) == 1 &&
	       cipher_finish();
}

void
cipher_end(void)
{
	EVP_CIPHER_CTX_reset(cipher_ctx);
	ERR_clear_error();
}

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tools/bench-bare-token.h"
#include "tools/bench-spawn.h"

#define PEM_RSA_BITS 2048
#define PEM_CURVE "P-256"
#define PEM_HALF 32 /* bytes of each of ECDSA's two numbers */

static EVP_PKEY *pem_rsa, *pem_ec;
static EVP_MD *pem_sha256;
static char *pem_rsa_text, *pem_ec_text; /* public, private */

/* A key's PEM. */
static char *
pem_text(EVP_PKEY *key, bool is_private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *text;
	long n;

	bare_check(bio != NULL &&
		       (is_private ? PEM_write_bio_PrivateKey(bio, key, NULL,
					 NULL, 0, NULL, NULL)
				   : PEM_write_bio_PUBKEY(bio, key)) == 1,
	    "write a key");
	n = BIO_get_mem_data(bio, &bytes);
	text = spawn_alloc((size_t)n + 1);
	memcpy(text, bytes, (size_t)n);
	BIO_free(bio);
	return text;
}

void
token_pem_init(void)
{
	pem_rsa = EVP_RSA_gen(PEM_RSA_BITS);
	pem_ec = EVP_EC_gen(PEM_CURVE);
	pem_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	bare_check(pem_rsa != NULL && pem_ec != NULL && pem_sha256 != NULL,
	    "make keys");
	pem_rsa_text = pem_text(pem_rsa, false);
	pem_ec_text = pem_text(pem_ec, true);
}

void
token_pem_clear(void)
{
	EVP_PKEY_free(pem_rsa);
	EVP_PKEY_free(pem_ec);
	EVP_MD_free(pem_sha256);
	free(pem_rsa_text);
	free(pem_ec_text);
}

const char *
token_pem_rs_public(void)
{
	return pem_rsa_text;
}

const char *
token_pem_es_private(void)
{
	return pem_ec_text;
}

/* Signs with one of the keys. */
static size_t
pem_sign(EVP_PKEY *key, const char *text, size_t len, uint8_t *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = TOKEN_PEM_SIGNATURE;

	bare_check(ctx != NULL &&
		       EVP_DigestSignInit(ctx, NULL, pem_sha256, NULL, key) ==
			   1 &&
		       EVP_DigestSign(ctx, signature, &n, (const uint8_t *)text,
			   len) == 1,
	    "sign");
	EVP_MD_CTX_free(ctx);
	return n;
}

size_t
token_pem_sign_rs(const char *text, size_t len, uint8_t *signature)
{
	return pem_sign(pem_rsa, text, len, signature);
}

/* OpenSSL gives DER; a token has the two numbers (RFC 7518, 3.4). */
size_t
token_pem_sign_es(const char *text, size_t len, uint8_t *signature)
{
	const uint8_t *der = signature;
	long n = (long)pem_sign(pem_ec, text, len, signature);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, n);

	bare_check(sig != NULL &&
		       BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature,
			   PEM_HALF) > 0 &&
		       BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + PEM_HALF,
			   PEM_HALF) > 0,
	    "sign");
	ECDSA_SIG_free(sig);
	return (size_t)2 * PEM_HALF;
}

bool
token_pem_verify(const char *text, size_t len, const uint8_t *signature,
    size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool right =
	    ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, pem_sha256, NULL, pem_rsa) == 1 &&
	    EVP_DigestVerify(ctx, signature, n, (const uint8_t *)text, len) ==
		1;

	EVP_MD_CTX_free(ctx);
	return right;
}

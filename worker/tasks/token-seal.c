#include "worker/tasks/token-seal.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "worker/tasks/hash-mac.h"

/* What each algorithm is made of. */
static const struct {
	const char *digest;
	size_t half; /* of ECDSA: bytes of each of the two numbers */
} seal_parts[TOKEN_ALGORITHMS] = {
    [TOKEN_HS256] = {"SHA256", 0},
    [TOKEN_HS384] = {"SHA384", 0},
    [TOKEN_HS512] = {"SHA512", 0},
    [TOKEN_RS256] = {"SHA256", 0},
    [TOKEN_RS384] = {"SHA384", 0},
    [TOKEN_RS512] = {"SHA512", 0},
    [TOKEN_ES256] = {"SHA256", 32},
    [TOKEN_ES384] = {"SHA384", 48},
    [TOKEN_ES512] = {"SHA512", 66},
};

static EVP_MAC_CTX *seal_macs[TOKEN_ALGORITHMS]; /* of HMAC */
static EVP_MD *seal_digests[TOKEN_ALGORITHMS]; /* of the others */

/* Computes an HMAC. Its length, or 0. */
static size_t
seal_mac(int algorithm, const struct token_key *key, const void *text,
    size_t len, uint8_t out[TOKEN_SEAL_MAX])
{
	EVP_MAC_CTX *ctx = seal_macs[algorithm];
	size_t n = 0;

	if (!hash_mac_begin(ctx, key->bytes, key->len) ||
	    !EVP_MAC_update(ctx, text, len) ||
	    !EVP_MAC_final(ctx, out, &n, TOKEN_SEAL_MAX))
		n = 0;
	hash_mac_forget(ctx);
	return n;
}

/* Signs as OpenSSL does. The signature's length, or 0. */
static size_t
seal_sign(int algorithm, const struct token_key *key, const void *text,
    size_t len, uint8_t out[TOKEN_SEAL_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = TOKEN_SEAL_MAX;

	if (ctx == NULL ||
	    EVP_DigestSignInit(ctx, NULL, seal_digests[algorithm], NULL,
		key->pkey) != 1 ||
	    EVP_DigestSign(ctx, out, &n, text, len) != 1)
		n = 0;
	EVP_MD_CTX_free(ctx);
	return n;
}

/* Checks a signature as OpenSSL has it. */
static bool
seal_verify(int algorithm, const struct token_key *key, const void *text,
    size_t len, const uint8_t *signature, size_t signature_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool right =
	    ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, seal_digests[algorithm], NULL,
		key->pkey) == 1 &&
	    EVP_DigestVerify(ctx, signature, signature_len, text, len) == 1;

	EVP_MD_CTX_free(ctx);
	return right;
}

/*
 * Turns OpenSSL's DER into the two numbers of a fixed length that JWS has
 * (RFC 7518, 3.4), in place. Their length, or 0.
 */
static size_t
seal_to_numbers(size_t half, uint8_t *bytes, size_t len)
{
	const uint8_t *der = bytes;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool good =
	    sig != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), bytes, (int)half) > 0 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), bytes + half, (int)half) > 0;

	ECDSA_SIG_free(sig);
	return good ? 2 * half : 0;
}

/* The other way round. DER's length, or 0. */
static size_t
seal_to_der(size_t half, const uint8_t *numbers, uint8_t out[TOKEN_SEAL_MAX])
{
	BIGNUM *r = BN_bin2bn(numbers, (int)half, NULL);
	BIGNUM *s = BN_bin2bn(numbers + half, (int)half, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int len = 0;

	/* two numbers of at most 66 bytes always have room in out */
	if (r != NULL && s != NULL && sig != NULL &&
	    ECDSA_SIG_set0(sig, r, s) == 1) {
		len = i2d_ECDSA_SIG(sig, &out);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return len > 0 ? (size_t)len : 0;
}

size_t
token_seal_make(int algorithm, const struct token_key *key, const void *text,
    size_t len, uint8_t out[TOKEN_SEAL_MAX])
{
	size_t half = seal_parts[algorithm].half, n;

	if (key->kind == TOKEN_KIND_SHARED)
		return seal_mac(algorithm, key, text, len, out);
	n = seal_sign(algorithm, key, text, len, out);
	if (half > 0 && n > 0)
		n = seal_to_numbers(half, out, n);
	ERR_clear_error();
	return n;
}

/* Whether a signature is the text's HMAC. */
static bool
seal_check_mac(int algorithm, const struct token_key *key, const void *text,
    size_t len, const uint8_t *signature, size_t signature_len)
{
	uint8_t mac[TOKEN_SEAL_MAX];
	size_t n = seal_mac(algorithm, key, text, len, mac);
	bool right = n > 0 && n == signature_len &&
		     CRYPTO_memcmp(mac, signature, n) == 0;

	OPENSSL_cleanse(mac, n);
	return right;
}

/* Whether two numbers are the text's ECDSA signature. */
static bool
seal_check_numbers(int algorithm, const struct token_key *key, const void *text,
    size_t len, const uint8_t *numbers, size_t numbers_len)
{
	size_t half = seal_parts[algorithm].half, n;
	uint8_t der[TOKEN_SEAL_MAX];

	if (numbers_len != 2 * half)
		return false;
	n = seal_to_der(half, numbers, der);
	return n > 0 && seal_verify(algorithm, key, text, len, der, n);
}

bool
token_seal_check(int algorithm, const struct token_key *key, const void *text,
    size_t len, const uint8_t *signature, size_t signature_len)
{
	bool right;

	if (key->kind == TOKEN_KIND_SHARED)
		return seal_check_mac(algorithm, key, text, len, signature,
		    signature_len);
	right = (seal_parts[algorithm].half > 0 ? seal_check_numbers
						: seal_verify)(algorithm, key,
	    text, len, signature, signature_len);
	/* what OpenSSL thinks of a wrong one is of no interest later */
	ERR_clear_error();
	return right;
}

/* Fetches what one algorithm needs, unless it is there. */
static bool
seal_fetch(int algorithm)
{
	if (token_key_kind(algorithm) == TOKEN_KIND_SHARED) {
		if (seal_macs[algorithm] == NULL)
			seal_macs[algorithm] = hash_mac_new(HASH_MAC_HMAC,
			    seal_parts[algorithm].digest);
		return seal_macs[algorithm] != NULL;
	}
	if (seal_digests[algorithm] == NULL)
		seal_digests[algorithm] =
		    EVP_MD_fetch(NULL, seal_parts[algorithm].digest, NULL);
	return seal_digests[algorithm] != NULL;
}

int
token_seal_init(void)
{
	for (int i = 0; i < TOKEN_ALGORITHMS; i++) {
		if (!seal_fetch(i))
			return -1;
	}
	return 0;
}

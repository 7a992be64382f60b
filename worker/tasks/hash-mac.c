#include "worker/tasks/hash-mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

/* No secret: each context has it while it waits. */
static const uint8_t hash_mac_blank[32];

bool
hash_mac_begin(EVP_MAC_CTX *ctx, const uint8_t *key, size_t len)
{
	return EVP_MAC_init(ctx, key, len, NULL) == 1;
}

void
hash_mac_forget(EVP_MAC_CTX *ctx)
{
	/* OpenSSL has no other call that overwrites a key and keeps the rest */
	hash_mac_begin(ctx, hash_mac_blank, sizeof hash_mac_blank);
}

/* Gives the context its digest. */
static bool
hash_mac_set_digest(EVP_MAC_CTX *ctx, const char *digest)
{
	OSSL_PARAM params[] = {
	    /* it is read only, although the type says otherwise */
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		(char *)(uintptr_t)digest, 0),
	    OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(ctx, params) == 1;
}

EVP_MAC_CTX *
hash_mac_new(const char *mac, const char *digest)
{
	EVP_MAC *method = EVP_MAC_fetch(NULL, mac, NULL);
	EVP_MAC_CTX *ctx = method != NULL ? EVP_MAC_CTX_new(method) : NULL;

	EVP_MAC_free(method); /* the context has its own reference */
	/* a first key: what is made lazily is made before the first call */
	if (ctx != NULL &&
	    ((digest != NULL && !hash_mac_set_digest(ctx, digest)) ||
		!hash_mac_begin(ctx, hash_mac_blank, sizeof hash_mac_blank))) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

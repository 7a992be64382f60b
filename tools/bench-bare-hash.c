/* crypto:hash */

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include "tools/bench-bare.h"

#define HASH_KEY "0123456789abcdef0123456789abcdef"

/* An algorithm; morod's name of it, and what it is for the library. */
struct hash {
	const char *name; /* NULL: the default */
	const char *digest; /* OpenSSL's */
	bool keyed;
};

static const struct hash hash_sha256 = {NULL, "SHA2-256", false},
			 hash_hmac = {NULL, "SHA2-256", true},
			 hash_sha3 = {"sha3-256", "SHA3-256", false},
			 hash_blake2s = {"blake2s", "BLAKE2S-256", false},
			 hash_blake2b = {"blake2b", NULL, false};

static EVP_MD *hash_md; /* of the row that runs */
static const struct hash *hash_md_of;
static EVP_MAC_CTX *hash_mac;

/* The digest is fetched once, by each process. */
static EVP_MD *
hash_find(const struct hash *h)
{
	if (hash_md_of != h) {
		EVP_MD_free(hash_md);
		hash_md = EVP_MD_fetch(NULL, h->digest, NULL);
		hash_md_of = h;
	}
	return hash_md;
}

/* Spells a digest as morod does. */
static void
hash_spell(const unsigned char *digest, size_t n)
{
	char hex[2 * EVP_MAX_MD_SIZE + 1];

	sodium_bin2hex(hex, sizeof hex, digest, n);
}

static void
hash_work(const struct bare *bare)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	bare_check(EVP_Digest(bare_common.text.bytes, BARE_SIZE, digest, &n,
		       hash_find(bare->how), NULL) == 1,
	    "hash");
	hash_spell(digest, n);
}

static void
hash_blake2b_work(const struct bare *bare)
{
	unsigned char digest[crypto_generichash_blake2b_BYTES_MAX];

	(void)bare;
	crypto_generichash_blake2b(digest, sizeof digest,
	    (const uint8_t *)bare_common.text.bytes, BARE_SIZE, NULL, 0);
	hash_spell(digest, sizeof digest);
}

static void
hash_mac_work(const struct bare *bare)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t n = 0;

	(void)bare;
	bare_check(EVP_MAC_init(hash_mac, (const uint8_t *)HASH_KEY,
		       sizeof HASH_KEY - 1, NULL) == 1 &&
		       EVP_MAC_update(hash_mac,
			   (const uint8_t *)bare_common.text.bytes,
			   BARE_SIZE) == 1 &&
		       EVP_MAC_final(hash_mac, digest, &n, sizeof digest) == 1,
	    "make an HMAC");
	hash_spell(digest, n);
}

static void
hash_form(const struct bare *bare, struct form *f, bool by_fd)
{
	const struct hash *h = bare->how;
	struct request r;

	request_init(&r, "crypto:hash", 1 + (h->name != NULL) + h->keyed);
	if (h->name != NULL)
		request_str(&r, "algorithm", h->name);
	if (h->keyed)
		request_str(&r, "key", HASH_KEY);
	request_large(&r, "input", &bare_common.text, by_fd, NULL);
	request_end(&r, f);
}

static void
hash_init(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest[] = "SHA2-256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};

	hash_mac = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	bare_check(hash_mac != NULL && EVP_MAC_CTX_set_params(hash_mac, params),
	    "begin an HMAC");
	EVP_MAC_free(mac);
}

static void
hash_clear(void)
{
	EVP_MD_free(hash_md);
	hash_md = NULL;
	hash_md_of = NULL;
	EVP_MAC_CTX_free(hash_mac);
}

#define HASH_VARIANT (BARE_BY_FD | BARE_BRIEF), BARE_MIDDLE

static const struct bare hash_rows[] = {
    {"crypto:hash", NULL, "EVP_Digest() with SHA-256", BARE_BY_FD | BARE_INLINE,
	BARE_MIDDLE, &hash_sha256, hash_form, hash_work},
    {"crypto:hash.sha3-256", NULL, "EVP_Digest()", HASH_VARIANT, &hash_sha3,
	hash_form, hash_work},
    {"crypto:hash.blake2s", NULL, "EVP_Digest()", HASH_VARIANT, &hash_blake2s,
	hash_form, hash_work},
    {"crypto:hash.blake2b", NULL, "crypto_generichash_blake2b()", HASH_VARIANT,
	&hash_blake2b, hash_form, hash_blake2b_work},
    {"crypto:hash.hmac-sha256", NULL, "EVP_MAC of one context, keyed each time",
	HASH_VARIANT, &hash_hmac, hash_form, hash_mac_work},
    {NULL},
};

const struct bare_family bare_hash = {hash_init, hash_clear, hash_rows};

#include "worker/tasks/hash.h"

#include <stdbool.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "worker/blob.h"
#include "worker/call.h"
#include "worker/tasks/encoding.h"
#include "worker/tasks/hash-mac.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HASH_MAX EVP_MAX_MD_SIZE /* bytes of the longest digest */
#define HASH_BLAKE2B_LEN crypto_generichash_blake2b_BYTES_MAX
#define HASH_KEY_MAX 4096 /* bytes of an HMAC key, as of other secrets */
#define HASH_BLAKE2B_KEY_MAX crypto_generichash_blake2b_KEYBYTES_MAX
#define HASH_BLAKE2S_KEY_MAX 32 /* RFC 7693, 2.1 */

enum hash_field { HASH_INPUT, HASH_ALGORITHM, HASH_KEY, HASH_ENCODING };

static const char *const hash_names[] = {"sha256", "sha384", "sha512", "sha224",
    "sha512-256", "sha3-256", "sha3-512", "blake2b", "blake2s", "sha1", "md5",
    NULL};

static const struct field hash_fields[] = {
    [HASH_INPUT] = {.name = "input",
	.alias = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.streams = true,
	.about = "What to hash; a string counts as its bytes."},
    [HASH_ALGORITHM] = {.name = "algorithm",
	.kinds = FIELD_STR,
	.allowed = hash_names,
	.noun = "hash algorithm",
	.fallback = "sha256",
	.about = "blake2b gives 64 bytes, blake2s 32."},
    [HASH_KEY] = {.name = "key",
	.kinds = FIELD_TEXT,
	.named = true,
	.min = 1,
	.max = HASH_KEY_MAX,
	.about = "Gives an HMAC; with blake2b (up to 64 bytes) and blake2s "
		 "(up to 32) their own keyed hash."},
    [HASH_ENCODING] = {.name = "encoding",
	.kinds = FIELD_STR,
	.allowed = encoding_names,
	.fallback = ENCODING_DEFAULT,
	.about = "How to give the digest."},
    {.name = NULL},
};

/* The algorithms, found before the first call; the default first. */
struct hash_algorithm {
	const char *name;
	const char *digest; /* OpenSSL's name; NULL: libsodium's BLAKE2b */
	const char *mac; /* OpenSSL's, for a key */
	size_t key_max;
	EVP_MD *md; /* NULL: OpenSSL does not offer it */
	EVP_MAC_CTX *keyed; /* the same; kept from call to call */
};

#define HASH_HMAC(name, digest)                           \
	{                                                 \
		name, digest, HASH_MAC_HMAC, HASH_KEY_MAX \
	}

static struct hash_algorithm hash_algorithms[] = {
    HASH_HMAC("sha256", "SHA2-256"),
    HASH_HMAC("sha384", "SHA2-384"),
    HASH_HMAC("sha512", "SHA2-512"),
    HASH_HMAC("sha224", "SHA2-224"),
    HASH_HMAC("sha512-256", "SHA2-512/256"),
    HASH_HMAC("sha3-256", "SHA3-256"),
    HASH_HMAC("sha3-512", "SHA3-512"),
    HASH_HMAC("sha1", "SHA1"),
    HASH_HMAC("md5", "MD5"),
    {"blake2s", "BLAKE2S-256", "BLAKE2SMAC", HASH_BLAKE2S_KEY_MAX},
    {"blake2b", NULL, NULL, HASH_BLAKE2B_KEY_MAX},
};

/* MD5 may be missing where a policy forbids it: the others still work. */
int
hash_init(void)
{
	for (size_t i = 0; i < COUNT(hash_algorithms); i++) {
		struct hash_algorithm *a = &hash_algorithms[i];
		bool is_hmac = a->key_max == HASH_KEY_MAX;

		if (a->digest == NULL || a->md != NULL)
			continue;
		a->md = EVP_MD_fetch(NULL, a->digest, NULL);
		a->keyed = hash_mac_new(a->mac, is_hmac ? a->digest : NULL);
	}
	return hash_algorithms[0].md != NULL ? 0 : -1;
}

static EVP_MD_CTX *hash_ctx; /* kept from call to call */

/* One hashing: how the input's pieces are taken in, and what ends it. */
struct hash {
	bool (*update)(void *state, const uint8_t *bytes, size_t len);
	bool (*end)(void *state, uint8_t *digest, size_t *n);
	void *state;
};

static bool
hash_md_update(void *state, const uint8_t *bytes, size_t len)
{
	return EVP_DigestUpdate(state, bytes, len) == 1;
}

static bool
hash_md_end(void *state, uint8_t *digest, size_t *n)
{
	unsigned int made;

	if (!EVP_DigestFinal_ex(state, digest, &made))
		return false;
	*n = made;
	return true;
}

static bool
hash_keyed_update(void *state, const uint8_t *bytes, size_t len)
{
	return EVP_MAC_update(state, bytes, len) == 1;
}

static bool
hash_keyed_end(void *state, uint8_t *digest, size_t *n)
{
	return EVP_MAC_final(state, digest, n, HASH_MAX) == 1;
}

static bool
hash_blake2b_update(void *state, const uint8_t *bytes, size_t len)
{
	return crypto_generichash_blake2b_update(state, bytes, len) == 0;
}

static bool
hash_blake2b_end(void *state, uint8_t *digest, size_t *n)
{
	*n = HASH_BLAKE2B_LEN;
	return crypto_generichash_blake2b_final(state, digest, *n) == 0;
}

/* Says that OpenSSL cannot. */
static int
hash_unsupported(struct call *call)
{
	return call_fail(call, CODE_UNSUPPORTED,
	    "this system's OpenSSL does not offer the algorithm");
}

/* Takes in all input and makes the digest. */
static int
hash_feed(struct call *call, struct blob *in, const struct hash *h,
    uint8_t *digest, size_t *n)
{
	const uint8_t *bytes;
	size_t len;

	do {
		if (blob_next(in, call, &bytes, &len) < 0)
			return -1;
		if (len > 0 && !h->update(h->state, bytes, len))
			return hash_unsupported(call);
	} while (len > 0);
	return h->end(h->state, digest, n) ? 0 : hash_unsupported(call);
}

/* Hashes with OpenSSL. Returns 0 with the digest's length, or -1. */
static int
hash_openssl(struct call *call, const struct hash_algorithm *a, struct blob *in,
    uint8_t *digest, size_t *n)
{
	struct hash h = {hash_md_update, hash_md_end, NULL};
	int rc;

	if (hash_ctx == NULL)
		hash_ctx = EVP_MD_CTX_new();
	if (hash_ctx == NULL)
		return call_no_memory(call);
	h.state = hash_ctx;
	if (a->md == NULL || !EVP_DigestInit_ex2(hash_ctx, a->md, NULL))
		rc = hash_unsupported(call);
	else
		rc = hash_feed(call, in, &h, digest, n);
	/* it would keep the end of the input */
	EVP_MD_CTX_reset(hash_ctx);
	return rc;
}

/* The same with a key. */
static int
hash_keyed(struct call *call, const struct hash_algorithm *a, struct blob *in,
    uint8_t *digest, size_t *n)
{
	struct hash h = {hash_keyed_update, hash_keyed_end, a->keyed};
	size_t len;
	const uint8_t *key = call_bytes(call->args[HASH_KEY], &len);
	int rc;

	if (a->md == NULL || a->keyed == NULL)
		return hash_unsupported(call);
	if (!hash_mac_begin(a->keyed, key, len))
		rc = hash_unsupported(call);
	else
		rc = hash_feed(call, in, &h, digest, n);
	hash_mac_forget(a->keyed);
	return rc;
}

/* With BLAKE2b, with a key or without. */
static int
hash_blake2b(struct call *call, const struct hash_algorithm *a, struct blob *in,
    uint8_t *digest, size_t *n)
{
	crypto_generichash_blake2b_state state;
	struct hash h = {hash_blake2b_update, hash_blake2b_end, &state};
	const uint8_t *key = NULL;
	size_t len = 0;
	int rc;

	if (call->args[HASH_KEY] != NULL)
		key = call_bytes(call->args[HASH_KEY], &len);
	crypto_generichash_blake2b_init(&state, key, len, HASH_BLAKE2B_LEN);
	rc = hash_feed(call, in, &h, digest, n);
	sodium_memzero(&state, sizeof state);
	return rc;
}

/* The algorithm that is asked for: the table of fields let pass no other. */
static const struct hash_algorithm *
hash_find(const msgpack_object *name)
{
	size_t i = 0;

	while (name != NULL && !call_is(name, hash_algorithms[i].name))
		i++;
	return &hash_algorithms[i];
}

/* BLAKE2's own keys are shorter than the field allows: -1 when it is. */
static int
hash_check_key(struct call *call, const struct hash_algorithm *a)
{
	char takes[64];
	size_t len;

	if (call->args[HASH_KEY] == NULL)
		return 0;
	call_bytes(call->args[HASH_KEY], &len);
	if (len <= a->key_max)
		return 0;
	snprintf(takes, sizeof takes, "1 to %zu bytes with %s", a->key_max,
	    a->name);
	return call_refuse(call, "key", takes, call->args[HASH_KEY]);
}

/* Hashes the input and packs the digest. */
static int
hash_run(struct call *call)
{
	const struct hash_algorithm *a = hash_find(call->args[HASH_ALGORITHM]);
	uint8_t digest[HASH_MAX];
	struct blob in;
	size_t n = 0;
	int rc;

	if (hash_check_key(call, a) < 0 ||
	    blob_init(&in, call, "input", call->args[HASH_INPUT]) < 0)
		return -1;
	in.in_place = true;
	if (a->digest == NULL)
		rc = hash_blake2b(call, a, &in, digest, &n);
	else if (call->args[HASH_KEY] != NULL)
		rc = hash_keyed(call, a, &in, digest, &n);
	else
		rc = hash_openssl(call, a, &in, digest, &n);
	if (rc == 0)
		rc = encoding_pack(call, call->args[HASH_ENCODING], digest, n);
	sodium_memzero(digest, sizeof digest);
	return rc;
}

const struct task_type hash_type = {
    .name = "crypto:hash",
    .about = "Hashes a string, bytes or a file, with a key or without.",
    .result = "The digest: a string, or bytes with encoding bin.",
    .example = "{\"input\": \"abc\", \"algorithm\": \"sha256\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT | TYPE_PROGRESS,
    .timeout_ms = 10000,
    .fields = hash_fields,
    .run = hash_run,
};

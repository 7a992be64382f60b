#include "worker/tasks/hash.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "worker/blob.h"
#include "worker/call.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HASH_MAX EVP_MAX_MD_SIZE /* bytes of the longest digest */
#define HASH_BLAKE2B_LEN crypto_generichash_blake2b_BYTES_MAX

enum hash_field { HASH_INPUT, HASH_ALGORITHM, HASH_ENCODING };

static const char *const hash_names[] = {"sha256", "sha384", "sha512", "sha1",
    "md5", "blake2b", NULL};
static const char *const hash_encodings[] = {"hex", "base64", "bin", NULL};

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
	.about = "blake2b gives 64 bytes."},
    [HASH_ENCODING] = {.name = "encoding",
	.kinds = FIELD_STR,
	.allowed = hash_encodings,
	.fallback = "hex",
	.about = "How to give the digest."},
    {.name = NULL},
};

/* OpenSSL's algorithms, fetched before the first call; the default first. */
static struct {
	const char *name;
	const char *openssl_name;
	EVP_MD *md;
} hash_digests[] = {
    {"sha256", "SHA256", NULL},
    {"sha384", "SHA384", NULL},
    {"sha512", "SHA512", NULL},
    {"sha1", "SHA1", NULL},
    {"md5", "MD5", NULL},
};

/* MD5 may be missing where a policy forbids it: the others still work. */
int
hash_init(void)
{
	for (size_t i = 0; i < COUNT(hash_digests); i++) {
		if (hash_digests[i].md == NULL)
			hash_digests[i].md = EVP_MD_fetch(NULL,
			    hash_digests[i].openssl_name, NULL);
	}
	return hash_digests[0].md != NULL ? 0 : -1;
}

static EVP_MD_CTX *hash_ctx; /* kept from call to call */

/* OpenSSL's algorithm, or NULL: it does not offer it. */
static const EVP_MD *
hash_digest(const msgpack_object *algorithm)
{
	if (algorithm == NULL)
		return hash_digests[0].md;
	for (size_t i = 0; i < COUNT(hash_digests); i++) {
		if (call_is(algorithm, hash_digests[i].name))
			return hash_digests[i].md;
	}
	return NULL;
}

/* Says that OpenSSL cannot. */
static int
hash_unsupported(struct call *call)
{
	return call_fail(call, CODE_UNSUPPORTED,
	    "this system's OpenSSL does not offer the algorithm");
}

/* Feeds all input to OpenSSL's context. */
static int
hash_feed(struct call *call, struct blob *in, uint8_t *digest, size_t *n)
{
	const EVP_MD *md = hash_digest(call->args[HASH_ALGORITHM]);
	const uint8_t *bytes;
	unsigned int made;
	size_t len;

	if (md == NULL || !EVP_DigestInit_ex2(hash_ctx, md, NULL))
		return hash_unsupported(call);
	do {
		if (blob_next(in, call, &bytes, &len) < 0)
			return -1;
		if (len > 0 && !EVP_DigestUpdate(hash_ctx, bytes, len))
			return hash_unsupported(call);
	} while (len > 0);
	if (!EVP_DigestFinal_ex(hash_ctx, digest, &made))
		return hash_unsupported(call);
	*n = made;
	return 0;
}

/* Hashes with OpenSSL. Returns 0 with the digest's length, or -1. */
static int
hash_openssl(struct call *call, struct blob *in, uint8_t *digest, size_t *n)
{
	int rc;

	if (hash_ctx == NULL)
		hash_ctx = EVP_MD_CTX_new();
	if (hash_ctx == NULL)
		return call_no_memory(call);
	rc = hash_feed(call, in, digest, n);
	/* it would keep the end of the input */
	EVP_MD_CTX_reset(hash_ctx);
	return rc;
}

/* The same with BLAKE2b. */
static int
hash_blake2b(struct call *call, struct blob *in, uint8_t *digest, size_t *n)
{
	crypto_generichash_blake2b_state state;
	const uint8_t *bytes;
	size_t len;

	*n = HASH_BLAKE2B_LEN;
	crypto_generichash_blake2b_init(&state, NULL, 0, *n);
	do {
		if (blob_next(in, call, &bytes, &len) < 0)
			return -1;
		crypto_generichash_blake2b_update(&state, bytes, len);
	} while (len > 0);
	crypto_generichash_blake2b_final(&state, digest, *n);
	sodium_memzero(&state, sizeof state);
	return 0;
}

/* Packs a digest in the encoding that was asked for. */
static void
hash_pack(struct call *call, const uint8_t *digest, size_t len)
{
	const msgpack_object *encoding = call->args[HASH_ENCODING];
	char text[2 * HASH_MAX + 1]; /* hex, or the shorter base64 */

	if (call_is(encoding, "bin")) {
		call_pack_bin(call, digest, len);
		return;
	}
	if (call_is(encoding, "base64"))
		sodium_bin2base64(text, sizeof text, digest, len,
		    sodium_base64_VARIANT_ORIGINAL);
	else
		sodium_bin2hex(text, sizeof text, digest, len);
	call_pack_str(call, text);
	sodium_memzero(text, sizeof text);
}

/* Hashes the input and packs the digest. */
static int
hash_run(struct call *call)
{
	uint8_t digest[HASH_MAX];
	struct blob in;
	size_t n;
	int rc = blob_init(&in, call, "input", call->args[HASH_INPUT]);

	in.in_place = true;
	if (rc == 0 && call_is(call->args[HASH_ALGORITHM], "blake2b"))
		rc = hash_blake2b(call, &in, digest, &n);
	else if (rc == 0)
		rc = hash_openssl(call, &in, digest, &n);
	if (rc < 0)
		return -1;
	hash_pack(call, digest, n);
	sodium_memzero(digest, sizeof digest);
	return 0;
}

const struct task_type hash_type = {
    .name = "crypto:hash",
    .about = "Hashes a string or bytes.",
    .result = "The digest: a string, or bytes with encoding bin.",
    .example = "{\"input\": \"abc\", \"algorithm\": \"sha256\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT,
    .timeout_ms = 10000,
    .fields = hash_fields,
    .run = hash_run,
};

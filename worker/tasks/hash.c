#include "worker/tasks/hash.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

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

/* Hashes with OpenSSL; gives the digest's length, or 0. */
static size_t
hash_openssl(const msgpack_object *algorithm, const uint8_t *bytes, size_t len,
    uint8_t *digest)
{
	unsigned int n;

	for (size_t i = 0; i < COUNT(hash_digests); i++) {
		bool wanted = algorithm == NULL
				  ? i == 0
				  : call_is(algorithm, hash_digests[i].name);

		if (!wanted)
			continue;
		if (hash_digests[i].md == NULL ||
		    !EVP_Digest(bytes, len, digest, &n, hash_digests[i].md,
			NULL))
			return 0;
		return n;
	}
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
	const msgpack_object *algorithm = call->args[HASH_ALGORITHM];
	uint8_t digest[HASH_MAX];
	size_t len, n;
	const uint8_t *bytes = call_bytes(call->args[HASH_INPUT], &len);

	if (call_is(algorithm, "blake2b")) {
		n = HASH_BLAKE2B_LEN;
		crypto_generichash_blake2b(digest, n, bytes, len, NULL, 0);
	} else {
		n = hash_openssl(algorithm, bytes, len, digest);
	}
	if (n == 0)
		return call_fail(call, CODE_UNSUPPORTED,
		    "this system's OpenSSL does not offer the algorithm");
	hash_pack(call, digest, n);
	sodium_memzero(digest, sizeof digest);
	return 0;
}

const struct task_type hash_type = {
    .name = "crypto:hash",
    .about = "Hashes a string or bytes.",
    .result = "The digest: a string, or bytes with encoding bin.",
    .example = "{\"input\": \"abc\", \"algorithm\": \"sha256\"}",
    .flags = TYPE_SECRET | TYPE_PURE,
    .fields = hash_fields,
    .run = hash_run,
};

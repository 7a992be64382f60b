#include "worker/tasks/keygen.h"

#include <stdint.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/encoding.h"
#include "worker/tasks/key.h"

#define KEYGEN_BITS_MIN 2048 /* RFC 7518, 3.3 */
#define KEYGEN_BITS_MAX 4096
#define KEYGEN_BITS_DEFAULT 3072 /* good beyond 2030: NIST SP 800-57 */
#define KEYGEN_BITS_STEP 8 /* whole bytes */
#define KEYGEN_CURVE_DEFAULT "P-256"

enum keygen_field { KEYGEN_TYPE, KEYGEN_BITS, KEYGEN_CURVE, KEYGEN_ENCODING };

static const char *const keygen_types[] = {"secret", "rsa", "ec", NULL};
static const char *const keygen_curves[] = {KEYGEN_CURVE_DEFAULT, "P-384",
    "P-521", NULL};

static const struct field keygen_fields[] = {
    [KEYGEN_TYPE] = {.name = "type",
	.kinds = FIELD_STR,
	.allowed = keygen_types,
	.noun = "type of key",
	.fallback = "secret",
	.about = "A secret of 32 bytes, or a pair of keys in PEM."},
    [KEYGEN_BITS] = {.name = "bits",
	.kinds = FIELD_INT,
	.min = KEYGEN_BITS_MIN,
	.max = KEYGEN_BITS_MAX,
	.fallback = "3072",
	.about = "Of rsa alone; a multiple of 8."},
    [KEYGEN_CURVE] = {.name = "curve",
	.kinds = FIELD_STR,
	.allowed = keygen_curves,
	.noun = "curve",
	.fallback = KEYGEN_CURVE_DEFAULT,
	.about = "Of ec alone."},
    [KEYGEN_ENCODING] = {.name = "encoding",
	.kinds = FIELD_STR,
	.allowed = encoding_names,
	.fallback = ENCODING_DEFAULT,
	.about = "Of secret alone: how to give it."},
    {.name = NULL},
};

/* Packs a key for crypto:encrypt. */
static int
keygen_secret(struct call *call)
{
	uint8_t key[KEY_LEN];
	int rc;

	randombytes_buf(key, sizeof key);
	rc = encoding_pack(call, call->args[KEYGEN_ENCODING], key, sizeof key);
	sodium_memzero(key, sizeof key);
	return rc;
}

/* Between two numbers that OpenSSL tries: whether it may go on. */
static int
keygen_go_on(EVP_PKEY_CTX *ctx)
{
	const struct call *call = EVP_PKEY_CTX_get_app_data(ctx);

	return call == NULL || !call_cancelled(call);
}

/*
 * Makes a pair of keys, of RSA by bits, or else of a curve; NULL: it cannot
 * be, or the call, which may be NULL, is to stop.
 */
static EVP_PKEY *
keygen_make(struct call *call, int bits, const char *curve)
{
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(NULL, bits != 0 ? "RSA" : "EC", NULL);
	EVP_PKEY *pair = NULL;
	int ok = ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1;

	if (ok && bits != 0)
		ok = EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) == 1;
	else if (ok)
		ok = EVP_PKEY_CTX_set_group_name(ctx, curve) == 1;
	if (ok) {
		EVP_PKEY_CTX_set_app_data(ctx, call);
		EVP_PKEY_CTX_set_cb(ctx, keygen_go_on);
		EVP_PKEY_generate(ctx, &pair);
	}
	EVP_PKEY_CTX_free(ctx);
	if (pair == NULL)
		ERR_clear_error(); /* nobody reads it, and others would */
	return pair;
}

/* Writes one of the keys as PEM: PKCS #8, or SubjectPublicKeyInfo. */
static BIO *
keygen_pem(EVP_PKEY *pair, bool is_private)
{
	BIO *out = BIO_new(BIO_s_mem()); /* overwrites what it frees */
	int ok = 0;

	if (out != NULL && is_private)
		ok = PEM_write_bio_PrivateKey(out, pair, NULL, NULL, 0, NULL,
		    NULL);
	else if (out != NULL)
		ok = PEM_write_bio_PUBKEY(out, pair);
	if (ok == 1)
		return out;
	BIO_free(out);
	return NULL;
}

/* Packs a name and a key; -1 when there is no memory. */
static int
keygen_pack(struct call *call, EVP_PKEY *pair, const char *name,
    bool is_private)
{
	BIO *pem = keygen_pem(pair, is_private);
	uint8_t *place;
	char *text;
	long len;

	if (pem == NULL)
		return call_no_memory(call);
	len = BIO_get_mem_data(pem, &text);
	call_pack_str(call, name);
	place = call_place(call, (size_t)len, true);
	if (place != NULL)
		memcpy(place, text, (size_t)len);
	BIO_free(pem);
	return place != NULL ? 0 : -1;
}

/* Makes a pair of keys and packs them. */
static int
keygen_pair(struct call *call, int bits, const char *curve)
{
	EVP_PKEY *pair = keygen_make(call, bits, curve);
	int rc = -1;

	if (pair == NULL && call_cancelled(call))
		return call_stopped(call);
	if (pair == NULL)
		return call_fail(call, CODE_UNSUPPORTED,
		    "this system's OpenSSL does not make such a key");
	msgpack_pack_map(&call->pk, 2);
	if (keygen_pack(call, pair, "privateKey", true) == 0 &&
	    keygen_pack(call, pair, "publicKey", false) == 0)
		rc = 0;
	EVP_PKEY_free(pair);
	return rc;
}

static int
keygen_rsa(struct call *call)
{
	int64_t bits = call_int(call->args[KEYGEN_BITS], KEYGEN_BITS_DEFAULT);

	if (bits % KEYGEN_BITS_STEP != 0)
		return call_invalid(call, "bits",
		    "bits takes a multiple of %d, not %lld", KEYGEN_BITS_STEP,
		    (long long)bits);
	return keygen_pair(call, (int)bits, NULL);
}

static int
keygen_ec(struct call *call)
{
	char curve[sizeof KEYGEN_CURVE_DEFAULT] = KEYGEN_CURVE_DEFAULT;

	if (call->args[KEYGEN_CURVE] != NULL)
		call_text(call->args[KEYGEN_CURVE], curve, sizeof curve);
	return keygen_pair(call, 0, curve);
}

/* What makes a type of key, in the order of the names; and its own field. */
static const struct {
	int (*make)(struct call *call);
	enum keygen_field own;
} keygen_kinds[] = {
    {keygen_secret, KEYGEN_ENCODING},
    {keygen_rsa, KEYGEN_BITS},
    {keygen_ec, KEYGEN_CURVE},
};

/* Makes a key of the type that is asked for. */
static int
keygen_run(struct call *call)
{
	const msgpack_object *type = call->args[KEYGEN_TYPE];
	size_t kind = 0;

	while (type != NULL && !call_is(type, keygen_types[kind]))
		kind++;
	for (size_t i = 0; i < sizeof keygen_kinds / sizeof *keygen_kinds;
	     i++) {
		enum keygen_field own = keygen_kinds[i].own;

		if (i != kind && call->args[own] != NULL)
			return call_invalid(call, keygen_fields[own].name,
			    "%s goes with type %s, not with %s",
			    keygen_fields[own].name, keygen_types[i],
			    keygen_types[kind]);
	}
	return keygen_kinds[kind].make(call);
}

int
keygen_init(void)
{
	EVP_PKEY *pair = keygen_make(NULL, 0, KEYGEN_CURVE_DEFAULT);
	BIO *pem = pair != NULL ? keygen_pem(pair, true) : NULL;
	int rc = pem != NULL ? 0 : -1;

	BIO_free(pem);
	EVP_PKEY_free(pair);
	return rc;
}

const struct task_type keygen_type = {
    .name = "crypto:keygen",
    .about = "Makes a key for crypto:encrypt, or a pair of keys.",
    .result = "A secret, or a map: privateKey, publicKey.",
    .example = "{\"type\": \"ec\", \"curve\": \"P-256\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT | TYPE_SOFT_CANCEL,
    .timeout_ms = 30000,
    .fields = keygen_fields,
    .run = keygen_run,
};

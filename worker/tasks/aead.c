#include "worker/tasks/aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/base64url.h"
#include "worker/tasks/key.h"
#include "worker/wipe.h"

/*
 * The envelope: "moro1s." or "moro1b." (text or bytes went in), then base64url
 * without padding of nonce and ciphertext. The first seven bytes stand in
 * front of the caller's aad when the tag is made, so that neither the version
 * nor the kind can be changed.
 */
#define AEAD_HEAD_STR "moro1s."
#define AEAD_HEAD_BIN "moro1b."
#define AEAD_HEAD_LEN (sizeof AEAD_HEAD_STR - 1)
#define AEAD_NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define AEAD_TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define AEAD_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define AEAD_AAD_MAX 65536 /* bytes of the caller's aad */

enum aead_field { AEAD_DATA, AEAD_KEY, AEAD_AAD };

#define AEAD_KEY_FIELD                                                       \
	{                                                                    \
		.name = "key", .kinds = FIELD_TEXT, .required = true,        \
		.about = "32 bytes, 64 hex digits in a string, or a secret " \
			 "string of 16 to 4096 bytes, hashed to a key.",     \
	}
#define AEAD_AAD_FIELD                                                         \
	{                                                                      \
		.name = "aad", .kinds = FIELD_TEXT, .max = AEAD_AAD_MAX,       \
		.about = "Goes into the tag, not into the envelope: the same " \
			 "is needed to decrypt.",                              \
	}

static const struct field aead_encrypt_fields[] = {
    [AEAD_DATA] = {.name = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.about = "What to encrypt."},
    [AEAD_KEY] = AEAD_KEY_FIELD,
    [AEAD_AAD] = AEAD_AAD_FIELD,
    {.name = NULL},
};

static const struct field aead_decrypt_fields[] = {
    [AEAD_DATA] = {.name = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.about = "What crypto:encrypt gave."},
    [AEAD_KEY] = AEAD_KEY_FIELD,
    [AEAD_AAD] = AEAD_AAD_FIELD,
    {.name = NULL},
};

/* What a tag is made with, besides the message. */
struct aead {
	uint8_t key[KEY_LEN];
	uint8_t *aad; /* the head, then the caller's aad */
	size_t aad_len;
};

/* Overwrites and frees what aead_init() made. */
static void
aead_clear(struct aead *a)
{
	sodium_memzero(a->key, sizeof a->key);
	wipe_free(a->aad);
	a->aad = NULL;
}

/* Reads the key and the aad; -1 with the call's error set. */
static int
aead_init(struct aead *a, struct call *call, const char *head)
{
	const msgpack_object *aad = call->args[AEAD_AAD];
	const uint8_t *bytes = NULL;
	size_t len = 0;

	if (key_parse(call->args[AEAD_KEY], a->key) < 0)
		return call_refuse(call, "key", KEY_TAKES,
		    call->args[AEAD_KEY]);
	if (aad != NULL)
		bytes = call_bytes(aad, &len);
	a->aad_len = AEAD_HEAD_LEN + len;
	a->aad = wipe_malloc(a->aad_len);
	if (a->aad == NULL) {
		aead_clear(a);
		return call_no_memory(call);
	}
	memcpy(a->aad, head, AEAD_HEAD_LEN);
	if (len > 0)
		memcpy(a->aad + AEAD_HEAD_LEN, bytes, len);
	return 0;
}

/* Encrypts to nonce and ciphertext, which the caller frees; NULL: no memory. */
static uint8_t *
aead_seal(const struct aead *a, const uint8_t *bytes, size_t len,
    size_t *sealed_len)
{
	uint8_t *sealed = malloc(AEAD_NONCE + len + AEAD_TAG);
	unsigned long long n;

	if (sealed == NULL)
		return NULL;
	randombytes_buf(sealed, AEAD_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + AEAD_NONCE, &n,
	    bytes, len, a->aad, a->aad_len, NULL, sealed, a->key);
	*sealed_len = AEAD_NONCE + (size_t)n;
	return sealed;
}

/* Packs the envelope. */
static int
aead_pack(struct call *call, const char *head, const uint8_t *sealed,
    size_t len)
{
	size_t text_len = sodium_base64_encoded_len(len, AEAD_BASE64);
	uint8_t *place;

	/* libsodium ends its text with a NUL, which is no part of the result */
	place = call_place(call, AEAD_HEAD_LEN + text_len - 1, true);
	if (place == NULL || output_room(call->out, 1) == NULL)
		return -1;
	place = call->out->bytes + call->out->len - (text_len - 1);
	memcpy(place - AEAD_HEAD_LEN, head, AEAD_HEAD_LEN);
	sodium_bin2base64((char *)place, text_len, sealed, len, AEAD_BASE64);
	return 0;
}

/* Whether the envelope of len bytes of data fits the answer. */
static bool
aead_fits(const struct call *call, size_t len)
{
	size_t sealed = AEAD_NONCE + len + AEAD_TAG;

	return sealed / 3 * 4 + AEAD_HEAD_LEN < call->result_max;
}

static int
aead_encrypt_run(struct call *call)
{
	const msgpack_object *data = call->args[AEAD_DATA];
	size_t len, sealed_len;
	const uint8_t *bytes = call_bytes(data, &len);
	const char *head =
	    data->type == MSGPACK_OBJECT_STR ? AEAD_HEAD_STR : AEAD_HEAD_BIN;
	struct aead a;
	uint8_t *sealed;
	int rc;

	if (!aead_fits(call, len))
		return call_too_large(call, "result", call->result_max);
	if (aead_init(&a, call, head) < 0)
		return -1;
	sealed = aead_seal(&a, bytes, len, &sealed_len);
	aead_clear(&a);
	if (sealed == NULL)
		return call_no_memory(call);
	rc = aead_pack(call, head, sealed, sealed_len);
	free(sealed);
	return rc;
}

/* What the bytes begin with, if it is one of the heads, or NULL. */
static const char *
aead_head(const uint8_t *text, size_t len)
{
	if (len < AEAD_HEAD_LEN)
		return NULL;
	if (memcmp(text, AEAD_HEAD_STR, AEAD_HEAD_LEN) == 0)
		return AEAD_HEAD_STR;
	if (memcmp(text, AEAD_HEAD_BIN, AEAD_HEAD_LEN) == 0)
		return AEAD_HEAD_BIN;
	return NULL;
}

/*
 * Gives nonce and ciphertext, which the caller frees with wipe_free(); NULL
 * with the call's error set.
 */
static uint8_t *
aead_decode(struct call *call, const uint8_t *text, size_t len, size_t *out_len)
{
	uint8_t *out = base64url_decode((const char *)text, len, out_len);

	if (out != NULL && *out_len >= AEAD_NONCE + AEAD_TAG)
		return out;
	if (out == NULL && errno == ENOMEM)
		call_no_memory(call);
	else
		call_fail(call, CODE_WORKER_ERROR,
		    "data is not an envelope of crypto:encrypt: it is damaged "
		    "or cut");
	wipe_free(out);
	return NULL;
}

/* Decrypts into the result. */
static int
aead_open(struct call *call, const struct aead *a, const uint8_t *sealed,
    size_t len, bool is_str)
{
	unsigned long long n = 0;
	size_t plain = len - AEAD_NONCE - AEAD_TAG;
	uint8_t *place = call_place(call, plain, is_str);

	if (place == NULL)
		return -1;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(place, &n, NULL,
		sealed + AEAD_NONCE, len - AEAD_NONCE, a->aad, a->aad_len,
		sealed, a->key) == 0)
		return 0;
	return call_fail(call, CODE_WORKER_ERROR,
	    "cannot decrypt: wrong key, other aad, or changed data");
}

static int
aead_decrypt_run(struct call *call)
{
	size_t len, sealed_len;
	const uint8_t *text = call_bytes(call->args[AEAD_DATA], &len);
	const char *head = aead_head(text, len);
	struct aead a;
	uint8_t *sealed;
	int rc = -1;

	if (aead_init(&a, call, head != NULL ? head : AEAD_HEAD_STR) < 0)
		return -1;
	if (head == NULL) {
		aead_clear(&a);
		return call_fail(call, CODE_WORKER_ERROR,
		    "data is not an envelope of crypto:encrypt: it does not "
		    "begin with \"" AEAD_HEAD_STR "\" or \"" AEAD_HEAD_BIN
		    "\"");
	}
	sealed = aead_decode(call, text + AEAD_HEAD_LEN, len - AEAD_HEAD_LEN,
	    &sealed_len);
	if (sealed != NULL)
		rc = aead_open(call, &a, sealed, sealed_len,
		    strcmp(head, AEAD_HEAD_STR) == 0);
	wipe_free(sealed);
	aead_clear(&a);
	return rc;
}

const struct task_type aead_encrypt_type = {
    .name = "crypto:encrypt",
    .about = "Encrypts and authenticates (XChaCha20-Poly1305).",
    .result = "The envelope: a string for crypto:decrypt.",
    .example = "{\"data\": \"text\", \"key\": \"a long secret string\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT,
    .fields = aead_encrypt_fields,
    .run = aead_encrypt_run,
};

const struct task_type aead_decrypt_type = {
    .name = "crypto:decrypt",
    .about = "Decrypts what crypto:encrypt gave, if nothing was changed.",
    .result = "A string or bytes, as it went in.",
    .example = "{\"data\": \"moro1s...\", "
	       "\"key\": \"a long secret string\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT,
    .fields = aead_decrypt_fields,
    .run = aead_decrypt_run,
};

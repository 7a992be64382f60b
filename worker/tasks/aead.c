#include "worker/tasks/aead.h"

#include <stddef.h>

#include "worker/call.h"
#include "worker/tasks/aead-work.h"
#include "worker/tasks/armor.h"

#define AEAD_AAD_MAX 65536 /* bytes of the caller's aad */

static const char *const aead_written[] = {"xchacha20-poly1305", "aes-256-gcm",
    NULL};
static const char *const aead_read[] = {"xchacha20-poly1305", "aes-256-gcm",
    "aes-256-cbc", NULL};
static const char *const aead_encodings[] = {"text", "bin", NULL};

#define AEAD_KEY_FIELD                                                        \
	{                                                                     \
		.name = "key", .kinds = FIELD_TEXT, .required = true,         \
		.named = true,                                                \
		.about = "32 bytes, 64 hex digits in a string, or a secret "  \
			 "string of 16 to 4096 bytes, hashed to a key; with " \
			 "kdf a passphrase of 8 to 4096 bytes.",              \
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
	.streams = true,
	.about = "What to encrypt."},
    [AEAD_KEY] = AEAD_KEY_FIELD,
    [AEAD_AAD] = AEAD_AAD_FIELD,
    [AEAD_ALGORITHM] = {.name = "algorithm",
	.kinds = FIELD_STR,
	.allowed = aead_written,
	/* the ancestor's aes-256-cbc is known, but not written */
	.noun = "or read-only algorithm",
	.fallback = "xchacha20-poly1305",
	.about = "aes-256-gcm is faster, and good for 2^32 messages a key."},
    [AEAD_KDF] = {.name = "kdf",
	.kinds = FIELD_STR | FIELD_MAP,
	.fields = kdf_fields,
	.about = "\"argon2id\": the key is a passphrase; or a map with "
		 "what it costs."},
    [AEAD_ENCODING] = {.name = "encoding",
	.kinds = FIELD_STR,
	.allowed = aead_encodings,
	.fallback = "text",
	.about = "How to give the envelope: a string, or bytes, which are "
		 "shorter and faster."},
    {.name = NULL},
};

static const struct field aead_decrypt_fields[] = {
    [AEAD_DATA] = {.name = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.streams = true,
	.about = "What crypto:encrypt gave, or \"IV:CIPHERTEXT\" in hex."},
    [AEAD_KEY] = AEAD_KEY_FIELD,
    [AEAD_AAD] = AEAD_AAD_FIELD,
    [AEAD_ALGORITHM] = {.name = "algorithm",
	.kinds = FIELD_STR,
	.allowed = aead_read,
	.noun = "encryption algorithm",
	.fallback = "what the envelope says",
	.about = "The envelope must be of it; aes-256-cbc reads old data "
		 "that nothing authenticates."},
    [AEAD_KDF] = {.name = "kdf",
	.kinds = FIELD_STR | FIELD_MAP,
	.fields = kdf_fields,
	.fallback = "at most moderate",
	.about = "The envelope must be of a passphrase, and ask for no more "
		 "than this."},
    [AEAD_IV] = {.name = "iv",
	.kinds = FIELD_TEXT,
	.about = "Of aes-256-cbc, if data have none: 16 bytes, or 32 hex "
		 "digits in a string."},
    {.name = NULL},
};

int
aead_init(void)
{
	return cipher_init() < 0 || aead_cbc_init() < 0 ? -1 : 0;
}

const struct task_type aead_encrypt_type = {
    .name = "crypto:encrypt",
    .about = "Encrypts and authenticates (XChaCha20-Poly1305 or AES-256-GCM).",
    .result = "The envelope for crypto:decrypt: a string, or bytes with "
	      "encoding bin.",
    .example = "{\"data\": \"text\", \"key\": \"a long secret string\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT | TYPE_PROGRESS,
    .fields = aead_encrypt_fields,
    .run = aead_encrypt_run,
};

const struct task_type aead_decrypt_type = {
    .name = "crypto:decrypt",
    .about = "Decrypts what crypto:encrypt gave, if nothing was changed.",
    .result = "A string or bytes, as it went in.",
    .example = "{\"data\": \"moro1s...\", "
	       "\"key\": \"a long secret string\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT | TYPE_PROGRESS,
    .fields = aead_decrypt_fields,
    .run = aead_decrypt_run,
};

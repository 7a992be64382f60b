#include <string.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/aead-work.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Both kinds and both spellings of what follows. */
#define AEAD_HEADS(name, cipher, key)               \
	{name "s.", cipher, key, true, false},      \
	    {name "b.", cipher, key, false, false}, \
	    {name "s:", cipher, key, true, true},   \
	{                                           \
		name "b:", cipher, key, false, true \
	}

/*
 * The format's number, "g" for AES-256-GCM, "k" where a kdf's block follows or
 * "n" where a named key's version does, "s" or "b" for a string or bytes, and "."
 * before base64url or ":" before bytes. No head begins with another one.
 */
static const struct aead_head aead_heads[] = {
    AEAD_HEADS("moro1", CIPHER_XCHACHA20_POLY1305, AEAD_KEY_GIVEN),
    AEAD_HEADS("moro1k", CIPHER_XCHACHA20_POLY1305, AEAD_KEY_DERIVED),
    AEAD_HEADS("moro1n", CIPHER_XCHACHA20_POLY1305, AEAD_KEY_NAMED),
    AEAD_HEADS("moro1g", CIPHER_AES_256_GCM, AEAD_KEY_GIVEN),
    AEAD_HEADS("moro1gk", CIPHER_AES_256_GCM, AEAD_KEY_DERIVED),
    AEAD_HEADS("moro1gn", CIPHER_AES_256_GCM, AEAD_KEY_NAMED),
};

const struct aead_head *
aead_head_of(enum cipher_id cipher, enum aead_key_kind key, bool is_str,
    bool plain)
{
	const struct aead_head *h = aead_heads;

	while (h->cipher != cipher || h->key != key || h->is_str != is_str ||
	       h->plain != plain)
		h++;
	return h;
}

const struct aead_head *
aead_head_find(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < COUNT(aead_heads); i++) {
		size_t n = strlen(aead_heads[i].text);

		if (len >= n && memcmp(bytes, aead_heads[i].text, n) == 0)
			return &aead_heads[i];
	}
	return NULL;
}

size_t
aead_block(const struct aead_head *head)
{
	static const size_t blocks[] = {
	    [AEAD_KEY_GIVEN] = 0,
	    [AEAD_KEY_DERIVED] = KDF_BLOCK,
	    [AEAD_KEY_NAMED] = KEYRING_ID,
	};

	return blocks[head->key];
}

size_t
aead_lead(const struct aead_head *head)
{
	return aead_block(head) + cipher_nonce(head->cipher);
}

int
aead_begin(const struct aead *a, struct call *call, bool encrypt)
{
	const msgpack_object *aad = call->args[AEAD_AAD];
	size_t block = aead_block(a->head), len;
	const uint8_t *bytes;

	if (cipher_begin(a->head->cipher, encrypt, a->key, a->lead + block) < 0)
		return call_no_memory(call);
	cipher_aad((const uint8_t *)a->head->text, strlen(a->head->text));
	cipher_aad(a->lead, block);
	if (aad == NULL)
		return 0;
	bytes = call_bytes(aad, &len);
	cipher_aad(bytes, len);
	return 0;
}

void
aead_end(struct aead *a)
{
	cipher_end();
	sodium_memzero(a, sizeof *a);
}

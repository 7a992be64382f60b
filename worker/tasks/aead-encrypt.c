/* crypto:encrypt: from the input, piece by piece, into the answer. */

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "worker/blob.h"
#include "worker/call.h"
#include "worker/tasks/aead-work.h"
#include "worker/tasks/armor.h"
#include "worker/tasks/key.h"

/* Where the key is from. -1 with the call's error set. */
static int
aead_choose_key(struct call *call, enum aead_key_kind *kind)
{
	*kind = call->args[AEAD_KDF] != NULL ? AEAD_KEY_DERIVED
		: call->key != NULL	     ? AEAD_KEY_NAMED
					     : AEAD_KEY_GIVEN;
	if (call->key == NULL || *kind == AEAD_KEY_NAMED)
		return 0;
	return call_invalid(call, "kdf",
	    "kdf makes a key of a passphrase, and the key \"%s\" is none",
	    call->key->name);
}

/* Reads what the head says. Returns 0, or -1 with the call's error set. */
static int
aead_choose(struct aead *a, struct call *call)
{
	enum cipher_id id =
	    call_is(call->args[AEAD_ALGORITHM], cipher_name(CIPHER_AES_256_GCM))
		? CIPHER_AES_256_GCM
		: CIPHER_XCHACHA20_POLY1305;
	enum aead_key_kind key;

	if (aead_choose_key(call, &key) < 0)
		return -1;
	if (!cipher_is_offered(id))
		return call_fail(call, CODE_UNSUPPORTED,
		    "this system's OpenSSL does not offer %s", cipher_name(id));
	a->head = aead_head_of(id, key,
	    call->args[AEAD_DATA]->type == MSGPACK_OBJECT_STR,
	    call_is(call->args[AEAD_ENCODING], "bin"));
	return 0;
}

/* Makes the key, and what stands in front of the ciphertext. */
static int
aead_make_key(struct aead *a, struct call *call)
{
	const msgpack_object *key = call->args[AEAD_KEY];
	struct cost cost;

	randombytes_buf(a->lead + aead_block(a->head),
	    cipher_nonce(a->head->cipher));
	if (a->head->key == AEAD_KEY_NAMED)
		memcpy(a->lead, call->version->id, KEYRING_ID);
	if (a->head->key == AEAD_KEY_DERIVED)
		return kdf_parse(&cost, call, call->args[AEAD_KDF],
			   COST_INTERACTIVE) < 0
			   ? -1
			   : kdf_make(&cost, call, key, a->lead, a->key);
	if (key_parse(key, a->key) < 0)
		return call_refuse(call, "key", KEY_TAKES, key);
	return 0;
}

/* Gives the place of an envelope of len bytes of data, or NULL. */
static uint8_t *
aead_place(const struct aead_head *head, struct call *call, uint64_t len)
{
	size_t sealed;

	/* first, so that no sum overflows */
	if (len > call->result_max) {
		call_too_large(call, "result", call->result_max);
		return NULL;
	}
	sealed = aead_lead(head) + (size_t)len + CIPHER_TAG;
	if (!head->plain)
		sealed = armor_text_len(sealed);
	return call_place_open(call, strlen(head->text) + sealed, !head->plain);
}

/* Encrypts what was read of the input last. */
static void
aead_encrypt_piece(struct call *call, const struct blob *in,
    struct armor_out *out, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t n = len < AEAD_PIECE ? len : AEAD_PIECE;
		uint8_t *to = armor_out_room(out, &n);

		call_progress(call, (double)(in->len - in->left - len),
		    (double)in->len, NULL);
		cipher_update(to, bytes, n);
		armor_out_add(out, n);
		bytes += n;
		len -= n;
	}
}

/* Encrypts all input, with the tag behind it. */
static int
aead_encrypt_all(struct call *call, struct blob *in, struct armor_out *out)
{
	uint8_t tag[CIPHER_TAG];
	const uint8_t *bytes;
	size_t len;

	do {
		if (blob_next(in, call, &bytes, &len) < 0)
			return -1;
		aead_encrypt_piece(call, in, out, bytes, len);
	} while (len > 0);
	if (cipher_seal(tag) < 0)
		return call_fail(call, CODE_WORKER_ERROR,
		    "OpenSSL could not encrypt");
	armor_out_write(out, tag, sizeof tag);
	armor_out_end(out);
	return 0;
}

/* Writes the envelope. */
static int
aead_encrypt(struct aead *a, struct call *call, struct blob *in)
{
	struct armor_out out;
	uint8_t *place;
	size_t head;

	assert(a->head != NULL); /* what chooses it had one to give */
	place = aead_place(a->head, call, in->len);
	head = strlen(a->head->text);
	if (place == NULL || aead_make_key(a, call) < 0 ||
	    aead_begin(a, call, true) < 0)
		return -1;
	memcpy(place, a->head->text, head);
	armor_out_begin(&out, place + head, a->head->plain);
	armor_out_write(&out, a->lead, aead_lead(a->head));
	return aead_encrypt_all(call, in, &out);
}

int
aead_encrypt_run(struct call *call)
{
	struct aead a = {.head = NULL};
	struct blob in;
	int rc;

	if (aead_choose(&a, call) < 0 ||
	    blob_init(&in, call, "data", call->args[AEAD_DATA]) < 0)
		return -1;
	in.in_place = true;
	rc = aead_encrypt(&a, call, &in);
	aead_end(&a);
	return rc;
}

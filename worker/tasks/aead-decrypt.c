/* crypto:decrypt: what an envelope holds, if nobody changed it. */

#include <string.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/aead-work.h"
#include "worker/tasks/armor.h"
#include "worker/tasks/key.h"

#define AEAD_NO_ENVELOPE "data is not an envelope of crypto:encrypt: "
#define AEAD_KEY_TAKES                                              \
	KEY_TAKES ", or for an envelope of a passphrase 8 to 4096 " \
		  "bytes"

/* One envelope that is being opened. */
struct opening {
	struct call *call;
	struct aead aead;
	const struct keyring_version
	    *version; /* that is tried; NULL: no key's */
	struct armor_in in;
	const uint8_t *from; /* what follows the head */
	size_t from_len;
	size_t len; /* bytes of the ciphertext */
};

static int
aead_damaged(struct call *call)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    AEAD_NO_ENVELOPE "it is damaged or cut");
}

/* One answer for all: none of them is to be told from another. */
static int
aead_wrong(struct call *call)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    "cannot decrypt: wrong key, other aad, or changed data");
}

/* Says that it does not begin like one, unless the key is none either. */
static int
aead_no_head(struct call *call)
{
	size_t len;

	call_bytes(call->args[AEAD_KEY], &len);
	if (len < KDF_PASSPHRASE_MIN || len > KDF_PASSPHRASE_MAX)
		return call_refuse(call, "key", AEAD_KEY_TAKES,
		    call->args[AEAD_KEY]);
	return call_fail(call, CODE_WORKER_ERROR,
	    AEAD_NO_ENVELOPE "it does not begin with \"moro1s.\" or another "
			     "head of one");
}

/* An envelope that no version of the named key is for. */
static int
aead_no_version(struct call *call)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    "the envelope is of a version that key \"%s\" does not have, or "
	    "of another key",
	    call->key->name);
}

/* Whether the envelope is of the kind that the call wants, if it says so. */
static int
aead_check_wanted(const struct aead_head *head, struct call *call)
{
	const msgpack_object *algorithm = call->args[AEAD_ALGORITHM];
	const char *name = cipher_name(head->cipher);

	if (algorithm != NULL && !call_is(algorithm, name))
		return call_fail(call, CODE_WORKER_ERROR,
		    "the envelope is of %s, not of the algorithm that was "
		    "asked for",
		    name);
	if (call->key != NULL && head->key == AEAD_KEY_DERIVED)
		return call_fail(call, CODE_WORKER_ERROR,
		    "the envelope is of a passphrase (kdf), and the key \"%s\" "
		    "is none",
		    call->key->name);
	if (call->args[AEAD_KDF] != NULL && head->key != AEAD_KEY_DERIVED)
		return call_fail(call, CODE_WORKER_ERROR,
		    "the envelope is of a key, not of a passphrase (kdf)");
	if (!cipher_is_offered(head->cipher))
		return call_fail(call, CODE_UNSUPPORTED,
		    "this system's OpenSSL does not offer %s", name);
	return 0;
}

/*
 * Gives the envelope. Text is read once, into the bytes that it stands for: it
 * may stay in a file in memory. Bytes that are read for the tag and read again
 * to be decrypted must not change in between.
 */
static const uint8_t *
aead_envelope(struct call *call, const struct aead_head **head, size_t *len)
{
	const msgpack_object *data = call->args[AEAD_DATA];
	const uint8_t *bytes = files_see(call, "data", data, len);

	/* its head is looked at once: what it says may change as well */
	*head = bytes != NULL ? aead_head_find(bytes, *len) : NULL;
	if (*head != NULL && !(*head)->plain)
		return bytes;
	if (call_load(call, "data", data) < 0)
		return NULL;
	bytes = call_bytes(data, len);
	*head = aead_head_find(bytes, *len);
	return bytes;
}

/* Goes to the ciphertext, again if need be. Returns 0, or -1: it is damaged. */
static int
aead_go_to_data(struct opening *o)
{
	const struct aead_head *head = o->aead.head;

	armor_in_begin(&o->in, o->from, o->from_len, head->plain);
	return armor_in_read(&o->in, o->aead.lead, aead_lead(head));
}

/* Reads what stands in front of the ciphertext. */
static int
aead_read_lead(struct opening *o)
{
	struct call *call = o->call;
	const struct aead_head *head;
	size_t len, used, lead;
	const uint8_t *bytes = aead_envelope(call, &head, &len);

	if (bytes == NULL)
		return -1;
	o->aead.head = head;
	if (head == NULL)
		return aead_no_head(call);
	if (aead_check_wanted(head, call) < 0)
		return -1;
	used = strlen(head->text);
	lead = aead_lead(head);
	o->from = bytes + used;
	o->from_len = len - used;
	len = head->plain ? len - used : armor_bytes_len(len - used);
	if (len < lead + CIPHER_TAG || aead_go_to_data(o) < 0)
		return aead_damaged(call);
	o->len = len - lead - CIPHER_TAG;
	return 0;
}

/* Makes the key that the envelope was made with. */
static int
aead_find_key(struct opening *o)
{
	const msgpack_object *key =
	    o->version != NULL ? &o->version->value : o->call->args[AEAD_KEY];
	struct aead *a = &o->aead;
	struct cost most;
	bool good;

	if (a->head->key != AEAD_KEY_DERIVED)
		return key_parse(key, a->key) < 0
			   ? call_refuse(o->call, "key", KEY_TAKES, key)
			   : 0;
	if (kdf_parse(&most, o->call, o->call->args[AEAD_KDF], COST_MODERATE) <
		0 ||
	    kdf_find(&most, o->call, key, a->lead, a->key, &good) < 0)
		return -1;
	return good ? 0 : aead_wrong(o->call);
}

/* Decrypts all to its place, and then looks whether it is to be believed. */
static int
aead_decrypt_all(struct opening *o, uint8_t *to)
{
	uint8_t tag[CIPHER_TAG];
	size_t done = 0;

	while (done < o->len) {
		size_t n = o->len - done;
		const uint8_t *at;

		if (n > AEAD_PIECE)
			n = AEAD_PIECE;
		call_progress(o->call, (double)done, (double)o->len, NULL);
		at = armor_in_next(&o->in, &n);
		if (at == NULL)
			return aead_damaged(o->call);
		cipher_update(to + done, at, n);
		done += n;
	}
	if (armor_in_read(&o->in, tag, sizeof tag) < 0)
		return aead_damaged(o->call);
	return cipher_open(tag) ? 0 : aead_wrong(o->call);
}

/* Opens it with one key. */
static int
aead_try(struct opening *o, uint8_t *place)
{
	if (aead_find_key(o) < 0 || aead_begin(&o->aead, o->call, false) < 0)
		return -1;
	return aead_decrypt_all(o, place);
}

/* With the version that it is of, or the one that the caller wants. */
static int
aead_try_named(struct opening *o, uint8_t *place)
{
	const struct call *call = o->call;
	bool told = o->aead.head->key == AEAD_KEY_NAMED;

	o->version = call->version;
	if (told)
		o->version = keyring_version(call->key, o->aead.lead);
	if (o->version == NULL || (call->pinned && o->version != call->version))
		return aead_no_version(o->call);
	return aead_try(o, place);
}

/* An envelope that does not say of which it is: with each in turn. */
static int
aead_try_each(struct opening *o, uint8_t *place)
{
	const struct keyring_key *key = o->call->key;
	int rc = -1;

	for (size_t i = 0; rc < 0 && i < key->n; i++) {
		o->version = &key->versions[i];
		rc = aead_go_to_data(o) < 0 ? aead_damaged(o->call)
					    : aead_try(o, place);
	}
	return rc;
}

/* Opens it. What was written is taken back and wiped if that fails. */
static int
aead_open(struct opening *o)
{
	const struct call *call = o->call;
	uint8_t *place;

	if (aead_read_lead(o) < 0)
		return -1;
	place = call_place(o->call, o->len, o->aead.head->is_str);
	if (place == NULL)
		return -1;
	if (call->key == NULL)
		return aead_try(o, place);
	if (call->pinned || o->aead.head->key == AEAD_KEY_NAMED)
		return aead_try_named(o, place);
	return aead_try_each(o, place);
}

int
aead_decrypt_run(struct call *call)
{
	struct opening o = {.call = call};
	int rc;

	if (call_is(call->args[AEAD_ALGORITHM], "aes-256-cbc"))
		return call_load(call, "data", call->args[AEAD_DATA]) < 0
			   ? -1
			   : aead_cbc_run(call);
	if (call->args[AEAD_IV] != NULL)
		return call_invalid(call, "iv",
		    "iv goes with algorithm \"aes-256-cbc\" only: an envelope "
		    "has its own");
	rc = aead_open(&o);
	aead_end(&o.aead);
	return rc;
}

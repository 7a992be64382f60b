#ifndef MORO_TASKS_AEAD_WORK_H
#define MORO_TASKS_AEAD_WORK_H

/* What crypto:encrypt and crypto:decrypt share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tasks/cipher.h"
#include "worker/tasks/kdf.h"

struct call;

#define AEAD_PIECE ((size_t)1 << 20) /* bytes between reports of progress */

/* Fields of both; the last one is `encoding` of one and `iv` of the other. */
enum aead_field {
	AEAD_DATA,
	AEAD_KEY,
	AEAD_AAD,
	AEAD_ALGORITHM,
	AEAD_KDF,
	AEAD_ENCODING,
	AEAD_IV = AEAD_ENCODING,
};

/* Where the key of an envelope is from, and what stands behind its head. */
enum aead_key_kind {
	AEAD_KEY_GIVEN, /* by the caller; nothing */
	AEAD_KEY_DERIVED, /* from a passphrase; the block of kdf */
	AEAD_KEY_NAMED, /* a named one; its version's id */
};

/*
 * How an envelope begins. It says all that follows from it, and stands in front
 * of what the tag covers: nothing of it can be changed.
 */
struct aead_head {
	const char *text;
	enum cipher_id cipher;
	enum aead_key_kind key;
	bool is_str; /* a string went in */
	bool plain; /* bytes follow, not base64url */
};

/* Gives the head that says so. */
const struct aead_head *aead_head_of(enum cipher_id cipher,
    enum aead_key_kind key, bool is_str, bool plain);

/* Gives the head that the bytes begin with, or NULL. */
const struct aead_head *aead_head_find(const uint8_t *bytes, size_t len);

/* What stands in front of the ciphertext, and the key of it. */
struct aead {
	const struct aead_head *head;
	uint8_t
	    lead[KDF_BLOCK + CIPHER_NONCE_MAX]; /* kdf's block or id, nonce */
	uint8_t key[CIPHER_KEY];
};

/* Bytes of the block of kdf or the id, if any; with those of the nonce. */
size_t aead_block(const struct aead_head *head);
size_t aead_lead(const struct aead_head *head);

/*
 * Begins to encrypt or decrypt under the key, and feeds what the tag covers
 * besides: the head, the block of kdf, and the caller's aad. -1: the call's
 * error is set. The key is forgotten by aead_end().
 */
int aead_begin(const struct aead *a, struct call *call, bool encrypt);
void aead_end(struct aead *a);

int aead_encrypt_run(struct call *call);
int aead_decrypt_run(struct call *call);

/* The ancestor's AES-256-CBC, read only. */
int aead_cbc_init(void);
int aead_cbc_run(struct call *call);

#endif

#ifndef MORO_TASKS_KDF_H
#define MORO_TASKS_KDF_H

/*
 * Keys of passphrases, by argon2id. What it takes to make the key again stands
 * in the envelope, which anybody may have written: decrypting looks at what it
 * asks for before it does any work.
 */

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/tasks/cipher.h"
#include "worker/type.h"

struct call;

#define KDF_PASSPHRASE_MIN 8 /* bytes */
#define KDF_PASSPHRASE_MAX 4096
#define KDF_MEMORY_MIN ((int64_t)8 << 20) /* bytes of one derivation */
#define KDF_MEMORY_MAX ((int64_t)1 << 30)
#define KDF_ITERATIONS_MAX 64
#define KDF_WORK_MAX (4 * KDF_MEMORY_MAX) /* memory times iterations */

#define KDF_SALT 16
#define KDF_CHECK 32
/* Bytes in the envelope: iterations, memory in KiB, salt, check. */
#define KDF_BLOCK (4 + 4 + KDF_SALT + KDF_CHECK)

struct kdf {
	uint64_t memory; /* bytes, whole KiB */
	uint32_t iterations;
};

/* Fields of `kdf` when it is a map. */
extern const struct field kdf_fields[];

/* Costs when a call gives none: to encrypt, and the most to decrypt. */
enum kdf_cost { KDF_INTERACTIVE, KDF_MODERATE };

/*
 * Reads the field `kdf`: "argon2id", or a map of kdf_fields; NULL counts as the
 * former. Returns 0, or -1 with the call's error set.
 */
int kdf_parse(struct kdf *kdf, struct call *call, const msgpack_object *arg,
    enum kdf_cost fallback);

/* Makes a key of a passphrase with a new salt, and the block to find it by. */
int kdf_make(const struct kdf *kdf, struct call *call,
    const msgpack_object *passphrase, uint8_t block[KDF_BLOCK],
    uint8_t key[CIPHER_KEY]);

/*
 * Makes the key again, if the block asks for no more than `most`. Sets *good to
 * whether it is the passphrase that the block was made with: the key is only
 * then of use. Returns 0, or -1 with the call's error set.
 */
int kdf_find(const struct kdf *most, struct call *call,
    const msgpack_object *passphrase, const uint8_t block[KDF_BLOCK],
    uint8_t key[CIPHER_KEY], bool *good);

#endif

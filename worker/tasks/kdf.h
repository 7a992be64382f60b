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
#include "worker/tasks/cost.h"
#include "worker/type.h"

struct call;

#define KDF_PASSPHRASE_MIN 8 /* bytes */
#define KDF_PASSPHRASE_MAX 4096

#define KDF_NUMBER 4
#define KDF_SALT 16
#define KDF_CHECK 32
/* Bytes in the envelope: iterations, memory in KiB, salt, check. */
#define KDF_BLOCK (2 * KDF_NUMBER + KDF_SALT + KDF_CHECK)

/* Fields of `kdf` when it is a map. */
extern const struct field kdf_fields[];

/*
 * Reads the field `kdf`: "argon2id", or a map of kdf_fields; NULL counts as the
 * former. The memory is in whole KiB. Returns 0, or -1 with the call's error
 * set.
 */
int kdf_parse(struct cost *cost, struct call *call, const msgpack_object *arg,
    enum cost_name fallback);

/* Makes a key of a passphrase with a new salt, and the block to find it by. */
int kdf_make(const struct cost *cost, struct call *call,
    const msgpack_object *passphrase, uint8_t block[KDF_BLOCK],
    uint8_t key[CIPHER_KEY]);

/*
 * Makes the key again, if the block asks for no more than `most`. Sets *good to
 * whether it is the passphrase that the block was made with: the key is only
 * then of use. Returns 0, or -1 with the call's error set.
 */
int kdf_find(const struct cost *most, struct call *call,
    const msgpack_object *passphrase, const uint8_t block[KDF_BLOCK],
    uint8_t key[CIPHER_KEY], bool *good);

#endif

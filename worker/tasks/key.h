#ifndef MORO_TASKS_KEY_H
#define MORO_TASKS_KEY_H

/* Keys of crypto:encrypt and crypto:decrypt. */

#include <stdint.h>

#include <msgpack.h>

#define KEY_LEN 32 /* bytes of a key */
#define KEY_SECRET_MIN 16 /* bytes of a secret string */
#define KEY_SECRET_MAX 4096

#define KEY_TAKES                                           \
	"32 bytes, a string of 64 hex digits, or a secret " \
	"string of 16 to 4096 bytes"

/*
 * Reads a key: bin of 32 bytes is the key itself; a str of 64 hex digits is
 * the key in hex; every other str of 16 to 4096 bytes is a secret, hashed to
 * a key. Returns 0, or -1 with key zeroed. The caller wipes the key.
 */
int key_parse(const msgpack_object *value, uint8_t key[KEY_LEN]);

#endif

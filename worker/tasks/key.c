#include "worker/tasks/key.h"

#include <stddef.h>
#include <string.h>

#include <sodium.h>

#define KEY_HEX_LEN ((size_t)2 * KEY_LEN)

/*
 * Keeps these keys apart from every other use of the same secret. A change
 * makes all that was encrypted with secret strings unreadable.
 */
static const unsigned char key_purpose[] = "morod.aead.key.1";

/* Reads 64 hex digits; -1 when it is any other string. */
static int
key_from_hex(const char *text, size_t len, uint8_t key[KEY_LEN])
{
	size_t n;

	if (len != KEY_HEX_LEN)
		return -1;
	return sodium_hex2bin(key, KEY_LEN, text, len, NULL, &n, NULL) == 0 &&
		       n == KEY_LEN
		   ? 0
		   : -1;
}

/* Hashes a secret string to a key. */
static void
key_from_secret(const char *text, size_t len, uint8_t key[KEY_LEN])
{
	_Static_assert(sizeof key_purpose - 1 ==
			   crypto_generichash_blake2b_PERSONALBYTES,
	    "the purpose fills the personal bytes");

	crypto_generichash_blake2b_salt_personal(key, KEY_LEN,
	    (const unsigned char *)text, len, NULL, 0, NULL, key_purpose);
}

int
key_parse(const msgpack_object *value, uint8_t key[KEY_LEN])
{
	const char *text = value->via.str.ptr;
	size_t len = value->via.str.size;

	if (value->type == MSGPACK_OBJECT_BIN &&
	    value->via.bin.size == KEY_LEN) {
		memcpy(key, value->via.bin.ptr, KEY_LEN);
		return 0;
	}
	if (value->type == MSGPACK_OBJECT_STR) {
		if (key_from_hex(text, len, key) == 0)
			return 0;
		if (len >= KEY_SECRET_MIN && len <= KEY_SECRET_MAX) {
			key_from_secret(text, len, key);
			return 0;
		}
	}
	sodium_memzero(key, KEY_LEN);
	return -1;
}

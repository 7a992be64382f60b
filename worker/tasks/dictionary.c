#include "worker/tasks/dictionary.h"

#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "worker/call.h"

#define DICTIONARY_KEY crypto_generichash_BYTES
#define DICTIONARY_DECOMPRESS 0 /* in place of a level */

/* One that is kept; `bytes` is 0 where the place is free. */
struct dictionary {
	uint8_t key[DICTIONARY_KEY]; /* hash of what was given */
	int level; /* or DICTIONARY_DECOMPRESS */
	ZSTD_CDict *compress; /* one of the two */
	ZSTD_DDict *decompress;
	size_t bytes; /* that it takes */
	uint64_t used; /* when it was used last, by dictionary_clock */
};

/* One more than is kept: the one in use may be over the bounds. */
static struct dictionary dictionary_table[DICTIONARY_KEEP + 1];
static uint64_t dictionary_clock;

/* Makes a place free. */
static void
dictionary_drop(struct dictionary *d)
{
	ZSTD_freeCDict(d->compress);
	ZSTD_freeDDict(d->decompress);
	memset(d, 0, sizeof *d);
}

/*
 * The place to be made free next: one that is too large by itself, or the one
 * that was used longest ago. NULL: all are free.
 */
static struct dictionary *
dictionary_next_out(void)
{
	struct dictionary *oldest = NULL;

	for (size_t i = 0; i <= DICTIONARY_KEEP; i++) {
		struct dictionary *d = &dictionary_table[i];

		if (d->bytes > DICTIONARY_KEEP_BYTES)
			return d;
		if (d->bytes > 0 && (oldest == NULL || d->used < oldest->used))
			oldest = d;
	}
	return oldest;
}

/* A free place: dictionary_trim() always leaves one. */
static struct dictionary *
dictionary_free_place(void)
{
	struct dictionary *d = dictionary_table;

	while (d->bytes > 0)
		d++;
	return d;
}

/* Says why the library did not take the bytes. */
static void
dictionary_refuse(struct call *call, const uint8_t *bytes)
{
	static const uint8_t magic[] = {0x37, 0xa4, 0x30, 0xec};

	if (memcmp(bytes, magic, sizeof magic) != 0)
		call_no_memory(call);
	else
		call_invalid(call, "dictionary",
		    "dictionary begins as one of zstd --train, but is damaged");
}

/* Digests a dictionary into a free place. NULL: the call's error is set. */
static struct dictionary *
dictionary_add(struct call *call, const uint8_t *bytes, size_t len, int level,
    const uint8_t *key)
{
	struct dictionary *d = dictionary_free_place();

	if (level == DICTIONARY_DECOMPRESS) {
		d->decompress = ZSTD_createDDict(bytes, len);
		d->bytes = ZSTD_sizeof_DDict(d->decompress);
	} else {
		d->compress = ZSTD_createCDict(bytes, len, level);
		d->bytes = ZSTD_sizeof_CDict(d->compress);
	}
	if (d->bytes == 0) {
		dictionary_refuse(call, bytes);
		return NULL;
	}
	memcpy(d->key, key, DICTIONARY_KEY);
	d->level = level;
	return d;
}

/*
 * Gives a dictionary, kept or new. What callers gave is found by a hash that
 * cannot be forged: nobody gets another's.
 */
static struct dictionary *
dictionary_get(struct call *call, const msgpack_object *arg, int level)
{
	struct dictionary *found = NULL;
	uint8_t key[DICTIONARY_KEY];
	const uint8_t *bytes;
	size_t len;

	bytes = call_bytes(arg, &len);
	crypto_generichash(key, sizeof key, bytes, len, NULL, 0);
	for (size_t i = 0; i <= DICTIONARY_KEEP; i++) {
		struct dictionary *d = &dictionary_table[i];

		if (d->bytes > 0 && d->level == level &&
		    memcmp(d->key, key, sizeof key) == 0)
			found = d;
	}
	if (found == NULL)
		found = dictionary_add(call, bytes, len, level, key);
	if (found != NULL)
		found->used = ++dictionary_clock;
	return found;
}

const ZSTD_CDict *
dictionary_compress(struct call *call, const msgpack_object *bytes, int level)
{
	struct dictionary *d = dictionary_get(call, bytes, level);

	return d != NULL ? d->compress : NULL;
}

const ZSTD_DDict *
dictionary_decompress(struct call *call, const msgpack_object *bytes)
{
	struct dictionary *d =
	    dictionary_get(call, bytes, DICTIONARY_DECOMPRESS);

	return d != NULL ? d->decompress : NULL;
}

size_t
dictionary_kept(size_t *bytes)
{
	size_t n = 0;

	*bytes = 0;
	for (size_t i = 0; i <= DICTIONARY_KEEP; i++) {
		n += dictionary_table[i].bytes > 0 ? 1 : 0;
		*bytes += dictionary_table[i].bytes;
	}
	return n;
}

void
dictionary_trim(void)
{
	size_t bytes;

	while (dictionary_kept(&bytes) > DICTIONARY_KEEP ||
	       bytes > DICTIONARY_KEEP_BYTES)
		dictionary_drop(dictionary_next_out());
}

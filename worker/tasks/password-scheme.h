#ifndef MORO_TASKS_PASSWORD_SCHEME_H
#define MORO_TASKS_PASSWORD_SCHEME_H

/*
 * The kinds of password hashes that exist: which one a string is, what it will
 * cost to check it, and whether that may be spent. All of it is known before
 * any work is done: a string's cost is chosen by who made it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tasks/cost.h"

struct call;

#define PASSWORD_HASH_MAX 256 /* bytes of a hash string */
#define PASSWORD_MEMORY_MAX ((uint64_t)COST_MEMORY_MAX) /* of one hashing */
#define PASSWORD_ARGON2_LANES_MAX 64
#define PASSWORD_SCRYPT_BLOCKS_MAX ((uint64_t)1 << 18) /* r times p: 32 MiB */
#define PASSWORD_SCRYPT_WORK_MAX (2 * PASSWORD_MEMORY_MAX)
#define PASSWORD_BCRYPT_COST_MIN 4
#define PASSWORD_BCRYPT_COST_MAX 15
#define PASSWORD_SHA_ROUNDS_MIN 1000
#define PASSWORD_SHA_ROUNDS_MAX 1000000

enum password_library {
	PASSWORD_ARGON2,
	PASSWORD_SCRYPT,
	PASSWORD_CRYPT,
};

struct password_hash;

struct password_scheme {
	const char *prefix;
	const char *name; /* as password:verify tells it */
	enum password_library library;
	size_t tail; /* characters behind the last '$'; 0: any number */
	size_t password_max; /* more is cut, as the scheme does; 0: all */
	/* Reads the cost behind the prefix. False: no such hash. */
	bool (*parse)(struct password_hash *h, const char *at);
};

/* A hash string that was understood. */
struct password_hash {
	const struct password_scheme *scheme;
	char text[PASSWORD_HASH_MAX + 1];
	uint64_t memory; /* bytes that checking takes */
	uint64_t iterations; /* of Argon2 */
	/* What it asks for, and may not; NULL: nothing. Then how much. */
	const char *excess;
	uint64_t asked;
	uint64_t limit;
};

/*
 * Understands a hash: its kind, its shape and its cost. Returns 0, or -1 with
 * the call's error set, which never holds the string's bytes.
 */
int password_scheme_read(struct call *call, const uint8_t *bytes, size_t len,
    struct password_hash *h);

#endif

#ifndef MORO_SERVER_PROGRAM_TYPES_H
#define MORO_SERVER_PROGRAM_TYPES_H

/*
 * Task types that a program offers: from the configuration, or announced by
 * the program itself. They are in the registry like all others, and are never
 * forgotten.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_config;

/* What a program may say of a type. */
struct program_type {
	const char *name; /* not terminated */
	size_t name_len;
	unsigned int flags; /* enum type_flag: IDEMPOTENT, SOFT_CANCEL */
	uint32_t timeout_ms; /* 0: none */
	const char *about; /* one sentence, not terminated; or NULL */
	size_t about_len;
};

/*
 * Adds the types that the configuration names for a pool. Returns 0, or -1 with
 * a sentence in why.
 */
int program_types_add(const struct pool_config *pool, char *why, size_t size);

/* Whether a pool may have a type of that name. False with a sentence in why. */
bool program_types_check(const char *pool, const struct program_type *said,
    char *why, size_t size);

/*
 * Adds one type, or takes what is said of one that the pool has already.
 * Returns it, or NULL with a sentence in why.
 */
const struct task_type *program_types_announce(const char *pool,
    const struct program_type *said, char *why, size_t size);

#endif

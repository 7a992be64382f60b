#include "worker/tasks/password.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/cost.h"
#include "worker/tasks/password-scheme.h"
#include "worker/tasks/password-verify.h"

#define KIB ((uint64_t)1024)

/*
 * Longer than any password or passphrase. Argon2 would not mind more, but
 * SHA-crypt's work grows with it, and what is longer is some other data.
 */
#define PASSWORD_MAX 1024
/* 1 GiB takes seconds, more where all workers do it at a time. */
#define PASSWORD_TIMEOUT_MS 30000

/* Both types have the cost in the same places. */
enum password_field {
	PASSWORD_PASSWORD,
	PASSWORD_COST,
	PASSWORD_MEMORY,
	PASSWORD_ITERATIONS,
	PASSWORD_LAST, /* algorithm, or hash */
};

#define PASSWORD_COST_FIELDS                                              \
	[PASSWORD_COST] = {.name = "cost",                                \
	    .kinds = FIELD_STR,                                           \
	    .allowed = cost_names,                                        \
	    .noun = "cost",                                               \
	    .fallback = "interactive",                                    \
	    .about = "64 MiB and 2 iterations, 256 MiB and 3, or 1 GiB "  \
		     "and 4."},                                           \
	[PASSWORD_MEMORY] = {.name = "memory",                            \
	    .kinds = FIELD_INT,                                           \
	    .min = COST_MEMORY_MIN,                                       \
	    .max = COST_MEMORY_MAX,                                       \
	    .about = "Bytes, in place of those of cost."},                \
	[PASSWORD_ITERATIONS] = {.name = "iterations",                    \
	    .kinds = FIELD_INT,                                           \
	    .min = 1,                                                     \
	    .max = COST_ITERATIONS_MAX,                                   \
	    .about = "In place of those of cost; times the memory, they " \
		     "are at most 4 GiB."}

static const char *const password_algorithms[] = {"argon2id", NULL};

static const struct field password_hash_fields[] = {
    [PASSWORD_PASSWORD] = {.name = "password",
	.kinds = FIELD_TEXT,
	.required = true,
	.min = 1,
	.max = PASSWORD_MAX,
	.about = "Its bytes are taken as they are."},
    PASSWORD_COST_FIELDS,
    [PASSWORD_LAST] = {.name = "algorithm",
	.kinds = FIELD_STR,
	.allowed = password_algorithms,
	.noun = "password algorithm",
	.fallback = "argon2id",
	.about = "The only one there is to make new hashes with."},
    {.name = NULL},
};

static const struct field password_verify_fields[] = {
    [PASSWORD_PASSWORD] = {.name = "password",
	.kinds = FIELD_TEXT,
	.required = true,
	.max = PASSWORD_MAX,
	.about = "What was entered; it may be empty."},
    PASSWORD_COST_FIELDS,
    [PASSWORD_LAST] = {.name = "hash",
	.kinds = FIELD_TEXT,
	.required = true,
	.min = 1,
	.max = PASSWORD_HASH_MAX,
	.about = "Of argon2id, argon2i, scrypt ($7$), bcrypt, SHA-crypt "
		 "($5$, $6$) or yescrypt ($y$)."},
    {.name = NULL},
};

/* Reads what is to be spent; -1 when it is too much. */
static int
password_read_cost(struct call *call, struct cost *cost)
{
	*cost = cost_of(call->args[PASSWORD_COST], COST_INTERACTIVE);
	cost_take(cost, call->args[PASSWORD_MEMORY],
	    call->args[PASSWORD_ITERATIONS]);
	if (cost_work(cost) > COST_WORK_MAX)
		return call_invalid(call, "iterations",
		    "iterations times memory is %" PRIu64
		    " bytes; it takes at most %" PRIu64,
		    cost_work(cost), COST_WORK_MAX);
	return 0;
}

/* Hashes a password and packs the string. */
static int
password_hash_run(struct call *call)
{
	char hash[crypto_pwhash_STRBYTES];
	size_t len;
	const uint8_t *password =
	    call_bytes(call->args[PASSWORD_PASSWORD], &len);
	struct cost cost;

	if (password_read_cost(call, &cost) < 0)
		return -1;
	/* all it can fail of is memory: the rest has been checked */
	if (crypto_pwhash_str_alg(hash, (const char *)password, len,
		cost.iterations, (size_t)cost.memory,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		return call_no_memory(call);
	call_pack_str(call, hash);
	sodium_memzero(hash, sizeof hash);
	return 0;
}

/* Whether the hash is weaker than what is wanted, or of an older kind. */
static bool
password_is_old(const struct password_hash *h, const struct cost *cost)
{
	return strcmp(h->scheme->name, "argon2id") != 0 ||
	       h->memory / KIB < cost->memory / KIB ||
	       h->iterations < cost->iterations;
}

static void
password_pack_bool(struct call *call, const char *name, bool value)
{
	call_pack_str(call, name);
	if (value)
		msgpack_pack_true(&call->pk);
	else
		msgpack_pack_false(&call->pk);
}

/* Checks a password and packs what is to be said of it and of its hash. */
static int
password_verify_run(struct call *call)
{
	size_t len, hash_len;
	const uint8_t *password =
	    call_bytes(call->args[PASSWORD_PASSWORD], &len);
	const uint8_t *hash = call_bytes(call->args[PASSWORD_LAST], &hash_len);
	struct cost cost;
	struct password_hash h;
	bool valid;

	if (password_read_cost(call, &cost) < 0 ||
	    password_scheme_read(call, hash, hash_len, &h) < 0 ||
	    password_verify(call, &h, password, len, &valid) < 0)
		return -1;
	msgpack_pack_map(&call->pk, 3);
	password_pack_bool(call, "valid", valid);
	/* never of a wrong password: who asks no further would store it */
	password_pack_bool(call, "needsRehash",
	    valid && password_is_old(&h, &cost));
	call_pack_str(call, "algorithm");
	call_pack_str(call, h.scheme->name);
	sodium_memzero(&h, sizeof h);
	return 0;
}

const struct task_type password_hash_type = {
    .name = "password:hash",
    .about = "Hashes a password, to be stored (Argon2id).",
    .result = "The hash: a PHC string for password:verify.",
    .example = "{\"password\": \"correct horse\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT,
    .timeout_ms = PASSWORD_TIMEOUT_MS,
    .fields = password_hash_fields,
    .run = password_hash_run,
};

const struct task_type password_verify_type = {
    .name = "password:verify",
    .about = "Checks a password against a hash.",
    .result = "A map: valid, needsRehash, algorithm.",
    .example = "{\"password\": \"correct horse\", "
	       "\"hash\": \"$argon2id$v=19$...\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT,
    .timeout_ms = PASSWORD_TIMEOUT_MS,
    .fields = password_verify_fields,
    .run = password_verify_run,
};

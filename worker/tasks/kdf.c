#include "worker/tasks/kdf.h"

#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "proto/number.h"
#include "worker/call.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KDF_KIB 1024
#define KDF_TAKES "a passphrase with kdf: a string or bytes of 8 to 4096 bytes"

_Static_assert(KDF_SALT == crypto_pwhash_argon2id_SALTBYTES,
    "the salt is one of libsodium");

enum kdf_field { KDF_ALGORITHM, KDF_COST, KDF_MEMORY, KDF_ITERATIONS };

static const char *const kdf_algorithms[] = {"argon2id", NULL};

const struct field kdf_fields[] = {
    [KDF_ALGORITHM] = {.name = "algorithm",
	.kinds = FIELD_STR,
	.allowed = kdf_algorithms,
	.noun = "key derivation",
	.fallback = "argon2id",
	.about = "How the passphrase becomes a key."},
    [KDF_COST] = {.name = "cost",
	.kinds = FIELD_STR,
	.allowed = cost_names,
	.fallback = "interactive to encrypt, moderate to decrypt",
	.about = "64 MiB and 2 iterations, 256 MiB and 3, 1 GiB and 4."},
    [KDF_MEMORY] = {.name = "memory",
	.kinds = FIELD_INT,
	.min = COST_MEMORY_MIN,
	.max = COST_MEMORY_MAX,
	.fallback = "that of cost",
	.about = "Bytes, in whole KiB; times iterations at most 4 GiB."},
    [KDF_ITERATIONS] = {.name = "iterations",
	.kinds = FIELD_INT,
	.min = 1,
	.max = COST_ITERATIONS_MAX,
	.fallback = "those of cost",
	.about = "Passes over the memory."},
    {.name = NULL},
};

/* Reads the map's fields. */
static int
kdf_parse_map(struct cost *cost, struct call *call, const msgpack_object *map,
    enum cost_name fallback)
{
	const msgpack_object *args[COUNT(kdf_fields)];

	if (call_bind(call, kdf_fields, map, "kdf.", args) < 0)
		return -1;
	*cost = cost_of(args[KDF_COST], fallback);
	cost_take(cost, args[KDF_MEMORY], args[KDF_ITERATIONS]);
	cost->memory -= cost->memory % KDF_KIB;
	if (cost_work(cost) <= COST_WORK_MAX)
		return 0;
	return call_invalid(call, "kdf",
	    "kdf.memory times kdf.iterations takes at most %" PRIu64
	    ", not %" PRIu64,
	    COST_WORK_MAX, cost_work(cost));
}

int
kdf_parse(struct cost *cost, struct call *call, const msgpack_object *arg,
    enum cost_name fallback)
{
	if (arg != NULL && arg->type == MSGPACK_OBJECT_MAP)
		return kdf_parse_map(cost, call, arg, fallback);
	if (arg != NULL && !call_is(arg, kdf_algorithms[0]))
		return call_refuse(call, "kdf", "\"argon2id\" or a map", arg);
	*cost = cost_of(NULL, fallback);
	return 0;
}

/*
 * Derives the key, and the check behind it. Without the check an attacker could
 * make one envelope that opens under thousands of passphrases, and so try them
 * all with one question ("partitioning oracle", Len, Grubbs, Ristenpart 2021).
 */
static int
kdf_derive(const struct cost *cost, struct call *call,
    const msgpack_object *passphrase, const uint8_t *salt,
    uint8_t key[CIPHER_KEY], uint8_t check[KDF_CHECK])
{
	uint8_t both[CIPHER_KEY + KDF_CHECK];
	size_t len;
	const uint8_t *bytes = call_bytes(passphrase, &len);
	int rc;

	if (len < KDF_PASSPHRASE_MIN || len > KDF_PASSPHRASE_MAX)
		return call_refuse(call, "key", KDF_TAKES, passphrase);
	rc = crypto_pwhash_argon2id(both, sizeof both, (const char *)bytes, len,
	    salt, cost->iterations, (size_t)cost->memory,
	    crypto_pwhash_argon2id_ALG_ARGON2ID13);
	if (rc == 0) {
		memcpy(key, both, CIPHER_KEY);
		memcpy(check, both + CIPHER_KEY, KDF_CHECK);
	}
	sodium_memzero(both, sizeof both);
	return rc == 0 ? 0 : call_no_memory(call);
}

int
kdf_make(const struct cost *cost, struct call *call,
    const msgpack_object *passphrase, uint8_t block[KDF_BLOCK],
    uint8_t key[CIPHER_KEY])
{
	uint8_t *salt = block + 2 * KDF_NUMBER;

	number_put(block, KDF_NUMBER, cost->iterations);
	number_put(block + KDF_NUMBER, KDF_NUMBER, cost->memory / KDF_KIB);
	randombytes_buf(salt, KDF_SALT);
	return kdf_derive(cost, call, passphrase, salt, key, salt + KDF_SALT);
}

/* Refuses a block that asks for more than it may. */
static int
kdf_too_much(const struct cost *asked, const struct cost *most,
    struct call *call)
{
	call_fail(call, CODE_TOO_LARGE,
	    "the envelope asks argon2id for %" PRIu64 " bytes and %" PRIu32
	    " iterations; allowed are %" PRIu64 " bytes and, with these, "
	    "%" PRIu32 " iterations (kdf in the data may allow more)",
	    asked->memory, asked->iterations, most->memory, most->iterations);
	fault_add_number(&call->fault, "limit", (int64_t)most->memory);
	return -1;
}

int
kdf_find(const struct cost *most, struct call *call,
    const msgpack_object *passphrase, const uint8_t block[KDF_BLOCK],
    uint8_t key[CIPHER_KEY], bool *good)
{
	const uint8_t *salt = block + 2 * KDF_NUMBER;
	uint8_t check[KDF_CHECK];
	struct cost asked = {
	    .iterations = (uint32_t)number_get(block, KDF_NUMBER),
	    .memory = number_get(block + KDF_NUMBER, KDF_NUMBER) * KDF_KIB,
	};

	/* the first two bound the third to less than 2^64 */
	if (asked.iterations > COST_ITERATIONS_MAX ||
	    asked.memory > most->memory || cost_work(&asked) > cost_work(most))
		return kdf_too_much(&asked, most, call);
	if (asked.iterations == 0 || asked.memory < (uint64_t)COST_MEMORY_MIN)
		return call_fail(call, CODE_WORKER_ERROR,
		    "the envelope asks argon2id for less than crypto:encrypt "
		    "ever does: it is damaged");
	if (kdf_derive(&asked, call, passphrase, salt, key, check) < 0)
		return -1;
	*good = sodium_memcmp(check, salt + KDF_SALT, KDF_CHECK) == 0;
	return 0;
}

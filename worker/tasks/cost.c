#include "worker/tasks/cost.h"

#include <stddef.h>

#include <sodium.h>

#include "worker/call.h"

const char *const cost_names[] = {"interactive", "moderate", "sensitive", NULL};

static const struct cost cost_named[] = {
    [COST_INTERACTIVE] = {crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE,
	crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE},
    [COST_MODERATE] = {crypto_pwhash_argon2id_MEMLIMIT_MODERATE,
	crypto_pwhash_argon2id_OPSLIMIT_MODERATE},
    [COST_SENSITIVE] = {crypto_pwhash_argon2id_MEMLIMIT_SENSITIVE,
	crypto_pwhash_argon2id_OPSLIMIT_SENSITIVE},
};

struct cost
cost_of(const msgpack_object *name, enum cost_name fallback)
{
	for (size_t i = 0; cost_names[i] != NULL; i++) {
		if (call_is(name, cost_names[i]))
			return cost_named[i];
	}
	return cost_named[fallback];
}

void
cost_take(struct cost *cost, const msgpack_object *memory,
    const msgpack_object *iterations)
{
	cost->memory = (uint64_t)call_int(memory, (int64_t)cost->memory);
	cost->iterations = (uint32_t)call_int(iterations, cost->iterations);
}

uint64_t
cost_work(const struct cost *cost)
{
	return cost->memory * cost->iterations;
}

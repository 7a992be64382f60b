#ifndef MORO_TASKS_COST_H
#define MORO_TASKS_COST_H

/* What one run of Argon2 may cost, and libsodium's names for it. */

#include <stdint.h>

#include <msgpack.h>

#define COST_MEMORY_MIN ((int64_t)8 << 20) /* bytes */
#define COST_MEMORY_MAX ((int64_t)1 << 30)
#define COST_ITERATIONS_MAX 64
/* Memory times iterations: libsodium's "sensitive" is exactly that. */
#define COST_WORK_MAX ((uint64_t)4 << 30)

struct cost {
	uint64_t memory; /* bytes */
	uint32_t iterations;
};

/* In the order of cost_names, which a field may have. */
enum cost_name { COST_INTERACTIVE, COST_MODERATE, COST_SENSITIVE };
extern const char *const cost_names[];

/* The cost of that name; if none is given, of the fallback. */
struct cost cost_of(const msgpack_object *name, enum cost_name fallback);

/* Takes one's own memory and iterations, where they are given. */
void cost_take(struct cost *cost, const msgpack_object *memory,
    const msgpack_object *iterations);

/* Memory times iterations. */
uint64_t cost_work(const struct cost *cost);

#endif

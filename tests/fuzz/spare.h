#ifndef MORO_FUZZ_SPARE_H
#define MORO_FUZZ_SPARE_H

/* What a fuzzer of tasks is spared: work that is long or ends the process. */

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/type.h"

/* Whether the data ask for what takes seconds by its nature. */
bool spare_is_costly(const struct task_type *type, const msgpack_object *data);

/* Puts a program of a list in the place of one for jq; `choice` picks it. */
void spare_replace(const struct task_type *type, msgpack_object *data,
    uint8_t choice);

#endif

#ifndef MORO_TESTS_GROUPING_H
#define MORO_TESTS_GROUPING_H

/* Looks at the last result of analytics:process. */

#include "tests/unit/tasking.h"

/* A group; a metric of it, which must be there; the number of groups. */
const msgpack_object *grouping_at(uint32_t i);
const msgpack_object *grouping_metric(uint32_t i, const char *name);
uint32_t grouping_count(void);

/* A float is no integer here, even if it is as large. */
void grouping_assert_int(const msgpack_object *value, int64_t n);
void grouping_assert_double(const msgpack_object *value, double f);
void grouping_assert_nil(const msgpack_object *value);

/* Makes a copy of a value that outlives the next run. */
struct grouping_kept {
	msgpack_unpacked unpacked;
	msgpack_sbuffer bytes;
};

msgpack_object grouping_keep(const msgpack_object *value,
    struct grouping_kept *in);
void grouping_kept_clear(struct grouping_kept *in);

#endif

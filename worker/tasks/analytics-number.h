#ifndef MORO_TASKS_ANALYTICS_NUMBER_H
#define MORO_TASKS_ANALYTICS_NUMBER_H

/*
 * Numbers by their value: 5 and 5.0 are the same one. What is an integer of 64
 * bits is kept as one, so that no comparison rounds.
 */

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

enum analytics_number_kind {
	NUMBER_NEGATIVE, /* an integer below 0 */
	NUMBER_NATURAL, /* an integer from 0 on */
	NUMBER_FLOAT, /* any other */
};

struct analytics_number {
	enum analytics_number_kind kind;
	union {
		int64_t i;
		uint64_t u;
		double f;
	} is;
};

/* Reads a finite number; false: it is none. */
bool analytics_number_read(const msgpack_object *value,
    struct analytics_number *out);

struct analytics_number analytics_number_of(double f);

/* Below, at or above 0 as a is less than b, the same or more. */
int analytics_number_compare(const struct analytics_number *a,
    const struct analytics_number *b);

double analytics_number_double(const struct analytics_number *n);

void analytics_number_pack(const struct analytics_number *n,
    msgpack_packer *pk);

#endif

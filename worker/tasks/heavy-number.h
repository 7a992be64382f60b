#ifndef MORO_TASKS_HEAVY_NUMBER_H
#define MORO_TASKS_HEAVY_NUMBER_H

/*
 * Finite numbers as C's double: out of arrays, or of bytes that hold float64
 * values with their least significant byte first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

struct call;

#define HEAVY_NUMBER_BYTES 8 /* of one */
#define HEAVY_BYTES_VALUES_MAX 8388608u /* 2^23: 64 MiB of bytes */

/*
 * Reads all elements of an array into out; `path` names it in errors:
 * "PATH[3] takes a finite number, ...". Returns 0, or -1 with the error set.
 */
int heavy_number_array(struct call *call, const char *path,
    const msgpack_object *array, double *out);

/* The same of n values in bytes. */
int heavy_number_bytes(struct call *call, const char *path,
    const uint8_t *bytes, size_t n, double *out);

/* Reads n values from bytes, whatever they are; writes them as bytes. */
void heavy_number_read(const uint8_t *bytes, size_t n, double *out);
void heavy_number_write(const double *numbers, size_t n, uint8_t *bytes);

#endif

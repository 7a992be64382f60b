/* heavy:computation */

#include <stdlib.h>
#include <string.h>

#include <gmp.h>
#include <msgpack.h>

#include "tools/bench-bare.h"
#include "tools/bench-spawn.h"

#define HEAVY_FIBONACCI 1000000
#define HEAVY_BASE 10
#define HEAVY_SORTED 131072 /* values: 1 MiB */
#define HEAVY_SIDE 256u /* of both matrices, which have 1 MiB together */
#define HEAVY_BLOCK 64u /* rows of b that stay in the cache */
#define HEAVY_MATRIX (HEAVY_SIDE * HEAVY_SIDE) /* values */
#define HEAVY_ZONE ((size_t)64 << 10)

static struct request_input heavy_numbers; /* HEAVY_SORTED doubles */
static char *heavy_values; /* the same as MessagePack */
static size_t heavy_values_len;
static struct request_input heavy_matrices; /* a, b: doubles */
static double *heavy_product;

static void
heavy_fibonacci_work(const struct bare *bare)
{
	mpz_t number;
	char *digits;

	(void)bare;
	mpz_init(number);
	mpz_fib_ui(number, HEAVY_FIBONACCI);
	digits = mpz_get_str(NULL, HEAVY_BASE, number);
	bare_check(strlen(digits) > 0, "compute");
	free(digits);
	mpz_clear(number);
}

static int
heavy_compare(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* Packs values as an array. */
static void
heavy_pack(msgpack_sbuffer *buf, const double *values, size_t n)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, buf, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, n);
	for (size_t i = 0; i < n; i++)
		msgpack_pack_double(&pk, values[i]);
}

static void
heavy_sort_work(const struct bare *bare)
{
	double *values = (void *)bare_common.out;

	(void)bare;
	memcpy(values, heavy_numbers.bytes, HEAVY_SORTED * sizeof *values);
	qsort(values, HEAVY_SORTED, sizeof *values, heavy_compare);
}

static void
heavy_sort_values_work(const struct bare *bare)
{
	double *values = spawn_alloc(HEAVY_SORTED * sizeof *values);
	msgpack_zone zone;
	msgpack_object all;
	msgpack_sbuffer buf;

	(void)bare;
	msgpack_zone_init(&zone, HEAVY_ZONE);
	bare_check(msgpack_unpack(heavy_values, heavy_values_len, NULL, &zone,
		       &all) == MSGPACK_UNPACK_SUCCESS,
	    "unpack");
	for (size_t i = 0; i < HEAVY_SORTED; i++)
		values[i] = all.via.array.ptr[i].via.f64;
	qsort(values, HEAVY_SORTED, sizeof *values, heavy_compare);
	msgpack_sbuffer_init(&buf);
	heavy_pack(&buf, values, HEAVY_SORTED);
	msgpack_sbuffer_destroy(&buf);
	msgpack_zone_destroy(&zone);
	free(values);
}

/* Adds what one row of a and a block of b give. */
static void
heavy_add(double *restrict c, const double *a, const double *b)
{
	for (size_t k = 0; k < HEAVY_BLOCK; k++) {
		for (size_t j = 0; j < HEAVY_SIDE; j++)
			c[j] += a[k] * b[k * HEAVY_SIDE + j];
	}
}

static void
heavy_matrix_work(const struct bare *bare)
{
	const double *a = (const void *)heavy_matrices.bytes;
	const double *b = a + HEAVY_MATRIX;

	(void)bare;
	memset(heavy_product, 0, HEAVY_MATRIX * sizeof *heavy_product);
	for (size_t k = 0; k < HEAVY_SIDE; k += HEAVY_BLOCK) {
		for (size_t i = 0; i < HEAVY_SIDE; i++)
			heavy_add(heavy_product + i * HEAVY_SIDE,
			    a + i * HEAVY_SIDE + k, b + k * HEAVY_SIDE);
	}
}

/* {"operation": ..., "params": {...}}: begins the params. */
static void
heavy_begin(struct request *r, const char *operation, size_t params)
{
	request_init(r, "heavy:computation", 2);
	request_str(r, "operation", operation);
	request_key(r, "params");
	msgpack_pack_map(&r->pk, params);
}

static void
heavy_fibonacci_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	(void)by_fd;
	heavy_begin(&r, "fibonacci", 1);
	request_key(&r, "n");
	msgpack_pack_uint64(&r.pk, HEAVY_FIBONACCI);
	request_end(&r, f);
}

static void
heavy_sort_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	(void)by_fd; /* always */
	heavy_begin(&r, "sort", 1);
	request_range(&r, "values", &heavy_numbers, 0, heavy_numbers.len);
	request_end(&r, f);
}

static void
heavy_sort_values_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	(void)by_fd; /* values stand in the message */
	heavy_begin(&r, "sort", 1);
	request_key(&r, "values");
	request_tail(&r, heavy_values, heavy_values_len);
	request_end(&r, f);
}

static void
heavy_matrix_form(const struct bare *bare, struct form *f, bool by_fd)
{
	static const char *const sizes[] = {"rows", "inner", "columns"};
	const size_t half = heavy_matrices.len / 2;
	struct request r;

	(void)bare;
	(void)by_fd; /* always */
	heavy_begin(&r, "matrix-multiply", 5);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		request_key(&r, sizes[i]);
		msgpack_pack_uint64(&r.pk, HEAVY_SIDE);
	}
	request_range(&r, "a", &heavy_matrices, 0, half);
	request_range(&r, "b", &heavy_matrices, half, half);
	request_end(&r, f);
}

/* Makes numbers, the same each time. */
static void
heavy_make(double *values, size_t n)
{
	const size_t len = n * sizeof(uint32_t);
	uint32_t *noise = spawn_alloc(len);

	form_noise((uint8_t *)noise, len);
	for (size_t i = 0; i < n; i++)
		values[i] = noise[i] / 1000.0;
	free(noise);
}

static void
heavy_init(void)
{
	double *values = spawn_alloc(HEAVY_SORTED * sizeof *values);
	double *both = spawn_alloc(2 * HEAVY_MATRIX * sizeof *both);
	msgpack_sbuffer buf;

	heavy_make(values, HEAVY_SORTED);
	msgpack_sbuffer_init(&buf);
	heavy_pack(&buf, values, HEAVY_SORTED);
	request_input_init(&heavy_numbers, (const char *)values,
	    HEAVY_SORTED * sizeof *values);
	heavy_values_len = buf.size;
	heavy_values = msgpack_sbuffer_release(&buf);
	heavy_make(both, (size_t)2 * HEAVY_MATRIX);
	request_input_init(&heavy_matrices, (const char *)both,
	    2 * HEAVY_MATRIX * sizeof *both);
	heavy_product = spawn_alloc(HEAVY_MATRIX * sizeof *heavy_product);
}

static void
heavy_clear(void)
{
	free(heavy_values);
	request_input_clear(&heavy_numbers);
	request_input_clear(&heavy_matrices);
	free(heavy_product);
}

static const struct bare heavy_rows[] = {
    {"heavy:computation.fibonacci", NULL,
	"mpz_fib_ui() and mpz_get_str(), the 1,000,000th", BARE_BRIEF,
	BARE_MIDDLE, NULL, heavy_fibonacci_form, heavy_fibonacci_work},
    {"heavy:computation.sort", NULL, "a copy of 131,072 doubles, and qsort()",
	BARE_BRIEF | BARE_BY_FD, BARE_MIDDLE, NULL, heavy_sort_form,
	heavy_sort_work},
    {"heavy:computation.sort.value", NULL,
	"msgpack_unpack() of 131,072 floats, qsort(), packed again", BARE_BRIEF,
	BARE_MIDDLE, NULL, heavy_sort_values_form, heavy_sort_values_work},
    {"heavy:computation.matrix", NULL,
	"a loop by blocks over doubles in memory, 256 x 256; morod's "
	"product is in the answer",
	BARE_BRIEF | BARE_BY_FD, BARE_MIDDLE, NULL, heavy_matrix_form,
	heavy_matrix_work},
    {NULL},
};

const struct bare_family bare_heavy = {heavy_init, heavy_clear, heavy_rows};

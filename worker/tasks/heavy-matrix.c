/*
 * matrix-multiply: blocks that fit the cache. OpenBLAS has faster kernels for
 * the processors it knows, but is 36 MB, starts threads, reads /sys, cannot be
 * asked to stop, and rounds as the machine's kernel does.
 */

#include "worker/tasks/heavy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/tasks/heavy-number.h"

#define MATRIX_SIZE_MAX 2048 /* rows, and columns */
#define MATRIX_UNIT 4u /* sizes in memory are multiples of it */
#define MATRIX_ROWS 2u /* of the product at once, so that registers do */
#define MATRIX_DEEP 128u /* a block of b has so many rows */
#define MATRIX_WIDE 512u /* and columns: half a megabyte */
#define MATRIX_PATH 40 /* bytes of a path in an error, its NUL included */
#define MATRIX_WORDS 80 /* likewise of what it takes */
#define MATRIX_SIZES "an integer from 1 to 2048"

enum matrix_field {
	MATRIX_A,
	MATRIX_B,
	MATRIX_ROWS_FIELD,
	MATRIX_INNER,
	MATRIX_COLUMNS,
};

static const struct field matrix_fields[] = {
    [MATRIX_A] = {.name = "a",
	.kinds = FIELD_ARRAY | FIELD_BIN,
	.required = true,
	.about = "matrix-multiply: rows of numbers, or float64 values, least "
		 "significant byte first; 2048 x 2048 at most."},
    [MATRIX_B] = {.name = "b",
	.kinds = FIELD_ARRAY | FIELD_BIN,
	.required = true,
	.about = "matrix-multiply: the other one, in the same form."},
    [MATRIX_ROWS_FIELD] = {.name = "rows",
	.kinds = FIELD_INT,
	.min = 1,
	.max = MATRIX_SIZE_MAX,
	.about = "matrix-multiply: rows of a; with bytes only."},
    [MATRIX_INNER] = {.name = "inner",
	.kinds = FIELD_INT,
	.min = 1,
	.max = MATRIX_SIZE_MAX,
	.about = "matrix-multiply: columns of a, rows of b; with bytes only."},
    [MATRIX_COLUMNS] = {.name = "columns",
	.kinds = FIELD_INT,
	.min = 1,
	.max = MATRIX_SIZE_MAX,
	.about = "matrix-multiply: columns of b; with bytes only."},
    {.name = NULL},
};

/* Row after row; filled with zeros to multiples of MATRIX_UNIT. */
struct matrix {
	double *at;
	size_t rows;
	size_t columns;
	size_t stride; /* from row to row */
};

/* One multiplication. */
struct product {
	struct call *call;
	struct matrix a;
	struct matrix b;
	struct matrix c; /* a times b */
};

static size_t
matrix_pad(size_t n)
{
	return (n + MATRIX_UNIT - 1) / MATRIX_UNIT * MATRIX_UNIT;
}

/* Makes a matrix of zeros. */
static int
matrix_init(struct matrix *m, struct call *call, size_t rows, size_t columns)
{
	m->rows = rows;
	m->columns = columns;
	m->stride = matrix_pad(columns);
	m->at = calloc(matrix_pad(rows) * m->stride, sizeof *m->at);
	return m->at != NULL ? 0 : call_no_memory(call);
}

/* The elements of an array if they are 1 to MATRIX_SIZE_MAX, else 0. */
static size_t
matrix_size(const msgpack_object *value)
{
	if (value->type != MSGPACK_OBJECT_ARRAY ||
	    value->via.array.size > MATRIX_SIZE_MAX)
		return 0;
	return value->via.array.size;
}

/* Reads a row, which must be as long as the first. */
static int
matrix_read_row(struct matrix *m, struct call *call, const char *name, size_t i,
    const msgpack_object *row)
{
	char path[MATRIX_PATH], takes[MATRIX_WORDS];

	snprintf(path, sizeof path, "%s[%zu]", name, i);
	if (row->type == MSGPACK_OBJECT_ARRAY &&
	    row->via.array.size == m->columns)
		return heavy_number_array(call, path, row,
		    m->at + i * m->stride);
	snprintf(takes, sizeof takes,
	    "an array of %zu numbers, as many as the first row has",
	    m->columns);
	return call_refuse(call, path, takes, row);
}

/* Reads an array of rows. */
static int
matrix_read_array(struct matrix *m, struct call *call, const char *name,
    const msgpack_object *array)
{
	size_t rows = matrix_size(array), columns;
	char path[MATRIX_PATH];

	if (rows == 0)
		return call_refuse(call, name,
		    "1 to 2048 rows, which are arrays of numbers", array);
	columns = matrix_size(&array->via.array.ptr[0]);
	if (columns == 0) {
		snprintf(path, sizeof path, "%s[0]", name);
		return call_refuse(call, path, "an array of 1 to 2048 numbers",
		    &array->via.array.ptr[0]);
	}
	if (matrix_init(m, call, rows, columns) < 0)
		return -1;
	for (size_t i = 0; i < rows; i++) {
		if (matrix_read_row(m, call, name, i,
			&array->via.array.ptr[i]) < 0)
			return -1;
	}
	return 0;
}

/* Reads bytes, whose number the sizes tell. */
static int
matrix_read_bytes(struct matrix *m, struct call *call, const char *name,
    const msgpack_object *bytes, size_t rows, size_t columns)
{
	size_t len, want = rows * columns * HEAVY_NUMBER_BYTES;
	const uint8_t *at = call_bytes(bytes, &len);
	char path[MATRIX_PATH], takes[MATRIX_WORDS];

	if (len != want) {
		snprintf(takes, sizeof takes,
		    "%zu bytes, 8 for each of %zu x %zu values", want, rows,
		    columns);
		return call_refuse(call, name, takes, bytes);
	}
	if (matrix_init(m, call, rows, columns) < 0)
		return -1;
	for (size_t i = 0; i < rows; i++) {
		snprintf(path, sizeof path, "%s[%zu]", name, i);
		if (heavy_number_bytes(call, path,
			at + i * columns * HEAVY_NUMBER_BYTES, columns,
			m->at + i * m->stride) < 0)
			return -1;
	}
	return 0;
}

/* Reads both from bytes; the three sizes must be there. */
static int
product_read_bytes(struct product *p, const msgpack_object *const *args)
{
	size_t sizes[MATRIX_COLUMNS + 1];
	char path[MATRIX_PATH];

	for (int i = MATRIX_ROWS_FIELD; i <= MATRIX_COLUMNS; i++) {
		snprintf(path, sizeof path, "params.%s", matrix_fields[i].name);
		if (args[i] == NULL)
			return call_refuse(p->call, path, MATRIX_SIZES, NULL);
		sizes[i] = (size_t)call_int(args[i], 0);
	}
	if (matrix_read_bytes(&p->a, p->call, "params.a", args[MATRIX_A],
		sizes[MATRIX_ROWS_FIELD], sizes[MATRIX_INNER]) < 0)
		return -1;
	return matrix_read_bytes(&p->b, p->call, "params.b", args[MATRIX_B],
	    sizes[MATRIX_INNER], sizes[MATRIX_COLUMNS]);
}

/* Refuses a product that no message holds as an array. */
static int
product_too_large(struct product *p, size_t values)
{
	call_fail(p->call, CODE_TOO_LARGE,
	    "the product has %zu values, rows counted too, and an array takes "
	    "at most %d; give params.a and params.b as bytes",
	    values, HEAVY_VALUES_MAX);
	fault_add_number(&p->call->fault, "limit", HEAVY_VALUES_MAX);
	return -1;
}

/* Reads both from arrays, which tell their sizes themselves. */
static int
product_read_arrays(struct product *p, const msgpack_object *const *args)
{
	char path[MATRIX_PATH];
	size_t values;

	for (int i = MATRIX_ROWS_FIELD; i <= MATRIX_COLUMNS; i++) {
		if (args[i] == NULL)
			continue;
		snprintf(path, sizeof path, "params.%s", matrix_fields[i].name);
		return call_invalid(p->call, path,
		    "%s is for matrices in bytes: arrays tell their size",
		    path);
	}
	if (matrix_read_array(&p->a, p->call, "params.a", args[MATRIX_A]) < 0 ||
	    matrix_read_array(&p->b, p->call, "params.b", args[MATRIX_B]) < 0)
		return -1;
	if (p->a.columns != p->b.rows)
		return call_invalid(p->call, "params.b",
		    "params.b takes %zu rows, as many as params.a has columns, "
		    "not %zu",
		    p->a.columns, p->b.rows);
	values = (p->b.columns + 1) * p->a.rows;
	return values > HEAVY_VALUES_MAX ? product_too_large(p, values) : 0;
}

/*
 * Adds to two rows of the product what four rows of b give. Only parameters
 * that are restrict tell the compiler that it may take several columns at once.
 */
static void
product_add_four(double *restrict c0, double *restrict c1, const double *a0,
    const double *a1, const double *b, size_t stride, size_t wide)
{
	const double p0 = a0[0], p1 = a0[1], p2 = a0[2], p3 = a0[3];
	const double q0 = a1[0], q1 = a1[1], q2 = a1[2], q3 = a1[3];
	const double *b1 = b + stride, *b2 = b1 + stride, *b3 = b2 + stride;

	for (size_t j = 0; j < wide; j++) {
		c0[j] =
		    c0[j] + p0 * b[j] + p1 * b1[j] + p2 * b2[j] + p3 * b3[j];
		c1[j] =
		    c1[j] + q0 * b[j] + q1 * b1[j] + q2 * b2[j] + q3 * b3[j];
	}
}

/*
 * Adds to two rows of the product what `deep` columns of two rows of a and as
 * many rows of b give. Each value is summed up in the order of the columns, as
 * a plain loop does it: so the result is the same to the last bit.
 */
static void
product_add(const struct product *p, size_t row, size_t from, size_t deep,
    size_t column, size_t wide)
{
	const double *a0 = p->a.at + row * p->a.stride;
	const double *a1 = a0 + p->a.stride;
	double *c0 = p->c.at + row * p->c.stride + column;
	double *c1 = c0 + p->c.stride;

	for (size_t k = from; k < from + deep; k += MATRIX_UNIT)
		product_add_four(c0, c1, a0 + k, a1 + k,
		    p->b.at + k * p->b.stride + column, p->b.stride, wide);
}

/* Goes through all rows with one block of b. */
static int
product_block(struct product *p, size_t from, size_t column)
{
	size_t depth = matrix_pad(p->b.rows), width = p->b.stride;
	size_t deep = depth - from < MATRIX_DEEP ? depth - from : MATRIX_DEEP;
	size_t wide =
	    width - column < MATRIX_WIDE ? width - column : MATRIX_WIDE;

	for (size_t i = 0; i < p->a.rows; i += MATRIX_ROWS) {
		product_add(p, i, from, deep, column, wide);
		if (heavy_step(p->call,
			(double)(column * depth + from * wide) +
			    (double)(i * deep * wide) / (double)p->a.rows,
			(double)(width * depth)) < 0)
			return -1;
	}
	return 0;
}

static int
product_compute(struct product *p)
{
	if (matrix_init(&p->c, p->call, p->a.rows, p->b.columns) < 0)
		return -1;
	for (size_t j = 0; j < p->b.stride; j += MATRIX_WIDE) {
		for (size_t k = 0; k < p->b.rows; k += MATRIX_DEEP) {
			if (product_block(p, k, j) < 0)
				return -1;
		}
	}
	return 0;
}

/* Packs the product as rows of numbers. */
static int
product_pack_array(struct product *p)
{
	msgpack_packer *pk = &p->call->pk;

	msgpack_pack_array(pk, p->c.rows);
	for (size_t i = 0; i < p->c.rows; i++) {
		msgpack_pack_array(pk, p->c.columns);
		for (size_t j = 0; j < p->c.columns; j++)
			msgpack_pack_double(pk, p->c.at[i * p->c.stride + j]);
	}
	return 0;
}

/* Packs it as bytes. */
static int
product_pack_bytes(struct product *p)
{
	size_t row = p->c.columns * HEAVY_NUMBER_BYTES;
	uint8_t *place = call_place(p->call, p->c.rows * row, false);

	if (place == NULL)
		return -1;
	for (size_t i = 0; i < p->c.rows; i++)
		heavy_number_write(p->c.at + i * p->c.stride, p->c.columns,
		    place + i * row);
	return 0;
}

/* Packs it in the form that a and b came in. */
static int
product_pack(struct product *p, bool is_bytes)
{
	msgpack_pack_map(&p->call->pk, 3);
	call_pack_str(p->call, "rows");
	msgpack_pack_uint64(&p->call->pk, p->c.rows);
	call_pack_str(p->call, "columns");
	msgpack_pack_uint64(&p->call->pk, p->c.columns);
	call_pack_str(p->call, "product");
	return is_bytes ? product_pack_bytes(p) : product_pack_array(p);
}

static int
matrix_run(struct call *call, const msgpack_object *const *args)
{
	bool is_bytes = args[MATRIX_A]->type == MSGPACK_OBJECT_BIN;
	struct product p = {.call = call};
	int rc;

	if (args[MATRIX_A]->type != args[MATRIX_B]->type)
		return call_refuse(call, "params.b",
		    is_bytes ? "bytes, because params.a does"
			     : "an array, because params.a does",
		    args[MATRIX_B]);
	rc = is_bytes ? product_read_bytes(&p, args)
		      : product_read_arrays(&p, args);
	if (rc == 0)
		rc = product_compute(&p);
	if (rc == 0)
		rc = product_pack(&p, is_bytes);
	free(p.a.at);
	free(p.b.at);
	free(p.c.at);
	return rc;
}

const struct heavy_operation heavy_matrix = {"matrix-multiply", matrix_fields,
    matrix_run};

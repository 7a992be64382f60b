#include "worker/tasks/analytics-sketch.h"

#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SKETCH_SHIFT 46 /* leaves sign, exponent and 6 bits of the mantissa */
#define SKETCH_HALF 0x20000u /* the bucket of 0; below are the negative ones */
#define SKETCH_BUCKETS (2 * SKETCH_HALF)
#define SKETCH_PAGE 256 /* buckets of a page */
#define SKETCH_PAGES (SKETCH_BUCKETS / SKETCH_PAGE)
#define SKETCH_FIRST_ROOM 16 /* values */
#define SKETCH_COUNT_MAX ((uint64_t)1 << 53)

/* What packed bytes begin with. */
enum sketch_form { SKETCH_ALL, SKETCH_COUNTS };

/* Bytes of a packed bucket: its number and its count. */
#define SKETCH_PAIR (sizeof(uint32_t) + sizeof(uint64_t))

static uint64_t
sketch_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static double
sketch_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* The bucket of a number: they are in the order of their numbers. */
static uint32_t
sketch_bucket(double value)
{
	uint32_t n = (uint32_t)(sketch_bits(fabs(value)) >> SKETCH_SHIFT);

	return signbit(value) ? SKETCH_HALF - 1 - n : SKETCH_HALF + n;
}

/* The middle of a bucket; the one around 0 stands for 0. */
static double
sketch_middle(uint32_t bucket)
{
	uint64_t half = (uint64_t)1 << (SKETCH_SHIFT - 1);
	bool negative = bucket < SKETCH_HALF;
	uint32_t n = negative ? SKETCH_HALF - 1 - bucket : bucket - SKETCH_HALF;
	double value = sketch_double((uint64_t)n << SKETCH_SHIFT | half);

	if (n == 0)
		return 0;
	return negative ? -value : value;
}

/* Adds to the count of a bucket. */
static int
sketch_count(struct analytics_sketch *s, struct analytics_memory *m,
    uint32_t bucket, uint64_t n)
{
	uint64_t **page = &s->pages[bucket / SKETCH_PAGE];

	if (*page == NULL)
		*page = analytics_memory_take(m, SKETCH_PAGE * sizeof **page);
	if (*page == NULL)
		return -1;
	(*page)[bucket % SKETCH_PAGE] += n;
	return 0;
}

/* Turns values into counts. */
static int
sketch_spread(struct analytics_sketch *s, struct analytics_memory *m)
{
	s->pages = analytics_memory_take(m, SKETCH_PAGES * sizeof *s->pages);
	if (s->pages == NULL)
		return -1;
	for (uint64_t i = 0; i < s->n; i++) {
		if (sketch_count(s, m, sketch_bucket(s->values[i]), 1) < 0)
			return -1;
	}
	s->values = NULL;
	return 0;
}

/* Makes room for one more value. */
static int
sketch_grow(struct analytics_sketch *s, struct analytics_memory *m)
{
	uint32_t room = s->room > 0 ? 2 * s->room : SKETCH_FIRST_ROOM;
	double *values = analytics_memory_take(m, room * sizeof *values);

	if (values == NULL)
		return -1;
	if (s->n > 0)
		memcpy(values, s->values, s->n * sizeof *values);
	s->values = values;
	s->room = room;
	return 0;
}

/* Notes least and most. */
static void
sketch_bound(struct analytics_sketch *s, double min, double max)
{
	if (s->n == 0 || min < s->min)
		s->min = min;
	if (s->n == 0 || max > s->max)
		s->max = max;
}

int
analytics_sketch_add(struct analytics_sketch *s, struct analytics_memory *m,
    double value)
{
	if (s->pages == NULL && s->n == ANALYTICS_SKETCH_EXACT &&
	    sketch_spread(s, m) < 0)
		return -1;
	if (s->pages == NULL && s->n == s->room && sketch_grow(s, m) < 0)
		return -1;
	if (s->pages == NULL)
		s->values[s->n] = value;
	else if (sketch_count(s, m, sketch_bucket(value), 1) < 0)
		return -1;
	sketch_bound(s, value, value);
	s->n++;
	return 0;
}

static int
sketch_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
analytics_sketch_sort(struct analytics_sketch *s)
{
	if (s->pages == NULL && s->n > 0)
		qsort(s->values, s->n, sizeof *s->values, sketch_compare);
}

/* The value of a rank, from 1 on, by counts. */
static double
sketch_at_rank(const struct analytics_sketch *s, uint64_t rank)
{
	uint64_t before = 0;

	for (uint32_t p = 0; p < SKETCH_PAGES; p++) {
		for (uint32_t i = 0; s->pages[p] && i < SKETCH_PAGE; i++) {
			before += s->pages[p][i];
			if (before >= rank)
				return sketch_middle(p * SKETCH_PAGE + i);
		}
	}
	return s->max;
}

/* The rank of a percentage, rounded up, without leaving 64 bits. */
static uint64_t
sketch_rank(uint64_t n, uint32_t percent)
{
	uint64_t all = 100 * ANALYTICS_PERCENT;
	uint64_t rank = n / all * percent + (n % all * percent + all - 1) / all;

	return rank > 0 ? rank : 1;
}

double
analytics_sketch_at(const struct analytics_sketch *s, uint32_t percent)
{
	uint64_t rank = sketch_rank(s->n, percent);
	double value;

	if (s->pages == NULL)
		return s->values[rank - 1];
	if (rank == 1)
		return s->min;
	if (rank == s->n)
		return s->max;
	value = sketch_at_rank(s, rank);
	return fmin(fmax(value, s->min), s->max);
}

/* The number of buckets that are not empty. */
static size_t
sketch_used(const struct analytics_sketch *s)
{
	size_t n = 0;

	for (uint32_t p = 0; p < SKETCH_PAGES; p++) {
		for (uint32_t i = 0; s->pages[p] && i < SKETCH_PAGE; i++)
			n += s->pages[p][i] != 0 ? 1 : 0;
	}
	return n;
}

/* Appends 8 bytes to a packed value. */
static void
sketch_pack_64(msgpack_packer *pk, uint64_t bits)
{
	bits = htole64(bits);
	msgpack_pack_bin_body(pk, &bits, sizeof bits);
}

/* Appends a bucket to a packed value, if it is not empty. */
static void
sketch_pack_bucket(msgpack_packer *pk, uint32_t bucket, uint64_t n)
{
	if (n == 0)
		return;
	bucket = htole32(bucket);
	msgpack_pack_bin_body(pk, &bucket, sizeof bucket);
	sketch_pack_64(pk, n);
}

/* Packs least, most, and the counts. */
static void
sketch_pack_counts(const struct analytics_sketch *s, msgpack_packer *pk)
{
	const uint8_t form = SKETCH_COUNTS;

	msgpack_pack_bin(pk,
	    sizeof form + 2 * sizeof(double) + sketch_used(s) * SKETCH_PAIR);
	msgpack_pack_bin_body(pk, &form, sizeof form);
	sketch_pack_64(pk, sketch_bits(s->min));
	sketch_pack_64(pk, sketch_bits(s->max));
	for (uint32_t p = 0; p < SKETCH_PAGES; p++) {
		for (uint32_t i = 0; s->pages[p] && i < SKETCH_PAGE; i++)
			sketch_pack_bucket(pk, p * SKETCH_PAGE + i,
			    s->pages[p][i]);
	}
}

void
analytics_sketch_pack(const struct analytics_sketch *s, msgpack_packer *pk)
{
	const uint8_t form = SKETCH_ALL;

	if (s->pages != NULL) {
		sketch_pack_counts(s, pk);
		return;
	}
	msgpack_pack_bin(pk, sizeof form + s->n * sizeof(double));
	msgpack_pack_bin_body(pk, &form, sizeof form);
	for (uint64_t i = 0; i < s->n; i++)
		sketch_pack_64(pk, sketch_bits(s->values[i]));
}

static uint64_t
sketch_read_64(const uint8_t *bytes)
{
	uint64_t bits;

	memcpy(&bits, bytes, sizeof bits);
	return le64toh(bits);
}

static uint32_t
sketch_read_32(const uint8_t *bytes)
{
	uint32_t bits;

	memcpy(&bits, bytes, sizeof bits);
	return le32toh(bits);
}

/* Adds packed values: some, finite, in order. */
static int
sketch_merge_all(struct analytics_sketch *s, struct analytics_memory *m,
    const uint8_t *bytes, size_t len)
{
	double before = -INFINITY, value;

	if (len == 0 || len % sizeof value != 0 ||
	    len / sizeof value > ANALYTICS_SKETCH_EXACT)
		return 1;
	for (size_t i = 0; i < len; i += sizeof value) {
		value = sketch_double(sketch_read_64(bytes + i));
		if (!isfinite(value) || value < before)
			return 1;
		before = value;
		/* 0 has one sign only */
		if (analytics_sketch_add(s, m, value == 0 ? 0 : value) < 0)
			return -1;
	}
	return 0;
}

/* The sum of packed counts, or 0: they are not in order, or too many. */
static uint64_t
sketch_total(const uint8_t *bytes, size_t len)
{
	uint64_t total = 0;

	for (size_t i = 0; i < len; i += SKETCH_PAIR) {
		uint32_t bucket = sketch_read_32(bytes + i);
		uint64_t n = sketch_read_64(bytes + i + sizeof bucket);

		if (bucket >= SKETCH_BUCKETS || n == 0 ||
		    n > SKETCH_COUNT_MAX - total)
			return 0;
		if (i > 0 && bucket <= sketch_read_32(bytes + i - SKETCH_PAIR))
			return 0;
		total += n;
	}
	return total;
}

/* Whether least and most lie in the first and the last bucket. */
static bool
sketch_bounds(double min, double max, const uint8_t *bytes, size_t len)
{
	return isfinite(min) && isfinite(max) && min <= max &&
	       sketch_bucket(min) == sketch_read_32(bytes) &&
	       sketch_bucket(max) == sketch_read_32(bytes + len - SKETCH_PAIR);
}

/* Adds packed counts. */
static int
sketch_merge_counts(struct analytics_sketch *s, struct analytics_memory *m,
    const uint8_t *bytes, size_t len, uint64_t n)
{
	const size_t head = 2 * sizeof(double);
	double min, max;

	if (len <= head || (len - head) % SKETCH_PAIR != 0)
		return 1;
	min = sketch_double(sketch_read_64(bytes));
	max = sketch_double(sketch_read_64(bytes + sizeof min));
	bytes += head;
	len -= head;
	if (n <= ANALYTICS_SKETCH_EXACT || sketch_total(bytes, len) != n ||
	    n > SKETCH_COUNT_MAX - s->n || !sketch_bounds(min, max, bytes, len))
		return 1;
	if (s->pages == NULL && sketch_spread(s, m) < 0)
		return -1;
	for (size_t i = 0; i < len; i += SKETCH_PAIR) {
		if (sketch_count(s, m, sketch_read_32(bytes + i),
			sketch_read_64(bytes + i + sizeof(uint32_t))) < 0)
			return -1;
	}
	sketch_bound(s, min, max);
	s->n += n;
	return 0;
}

int
analytics_sketch_merge(struct analytics_sketch *s, struct analytics_memory *m,
    const msgpack_object *packed, uint64_t n)
{
	const uint8_t *bytes = (const uint8_t *)packed->via.bin.ptr;
	size_t len;

	if (packed->type != MSGPACK_OBJECT_BIN || packed->via.bin.size == 0)
		return 1;
	len = packed->via.bin.size - 1;
	if (bytes[0] == SKETCH_ALL && len == n * sizeof(double))
		return sketch_merge_all(s, m, bytes + 1, len);
	if (bytes[0] == SKETCH_COUNTS)
		return sketch_merge_counts(s, m, bytes + 1, len, n);
	return 1;
}

#include "worker/tasks/analytics-distinct.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define DISTINCT_BITS 64 /* of a hash */
#define DISTINCT_FIRST_BITS 4 /* of the first table: 16 slots */
#define DISTINCT_INDEX_BITS 14 /* of a hash choose the register */
#define DISTINCT_REST_BITS (DISTINCT_BITS - DISTINCT_INDEX_BITS)
#define DISTINCT_RANKS (DISTINCT_REST_BITS + 2) /* 0 to 51 */
#define DISTINCT_MOST 0x1p53 /* what an estimate is cut at */

/* What packed bytes begin with. */
enum distinct_form { DISTINCT_HASHES, DISTINCT_SKETCH };

/*
 * Everybody may know which values have which hashes; with this odd number,
 * nobody outside knows which of them meet in a table.
 */
static uint64_t distinct_secret;

void
analytics_distinct_init(void)
{
	randombytes_buf(&distinct_secret, sizeof distinct_secret);
	distinct_secret |= 1;
}

/* The slot where a hash is, or belongs. */
static uint64_t *
distinct_slot(const struct analytics_distinct *d, uint64_t hash)
{
	uint32_t mask = ((uint32_t)1 << d->bits) - 1;
	uint32_t at =
	    (uint32_t)((hash * distinct_secret) >> (DISTINCT_BITS - d->bits));

	while (d->slots[at] != 0 && d->slots[at] != hash)
		at = (at + 1) & mask;
	return &d->slots[at];
}

/* Makes a table, of twice as many slots if there is one. Returns 0 or -1. */
static int
distinct_grow(struct analytics_distinct *d, struct analytics_memory *m)
{
	struct analytics_distinct old = *d;
	size_t n = old.slots != NULL ? (size_t)1 << old.bits : 0;

	d->bits = old.slots != NULL ? old.bits + 1 : DISTINCT_FIRST_BITS;
	d->slots =
	    analytics_memory_take(m, ((size_t)1 << d->bits) * sizeof *d->slots);
	if (d->slots == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (old.slots[i] != 0)
			*distinct_slot(d, old.slots[i]) = old.slots[i];
	}
	return 0;
}

/* Notes a hash in its register. */
static void
distinct_note(struct analytics_distinct *d, uint64_t hash)
{
	uint8_t *r = &d->registers[hash >> DISTINCT_REST_BITS];
	uint64_t rest = hash << DISTINCT_INDEX_BITS;
	uint8_t rank = rest != 0 ? (uint8_t)(__builtin_clzll(rest) + 1)
				 : DISTINCT_REST_BITS + 1;

	if (rank > *r)
		*r = rank;
}

/* Turns hashes into registers. */
static int
distinct_spread(struct analytics_distinct *d, struct analytics_memory *m)
{
	size_t n = d->slots != NULL ? (size_t)1 << d->bits : 0;

	d->registers = analytics_memory_take(m, ANALYTICS_DISTINCT_REGISTERS);
	if (d->registers == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (d->slots[i] != 0)
			distinct_note(d, d->slots[i]);
	}
	d->slots = NULL;
	return 0;
}

/* Adds a hash that the table has not yet. */
static int
distinct_add_new(struct analytics_distinct *d, struct analytics_memory *m,
    uint64_t *slot, uint64_t hash)
{
	if (d->n == ANALYTICS_DISTINCT_EXACT) {
		if (distinct_spread(d, m) < 0)
			return -1;
		distinct_note(d, hash);
		return 0;
	}
	*slot = hash;
	d->n++;
	/* never more than half full */
	if (2 * (size_t)d->n > (size_t)1 << d->bits)
		return distinct_grow(d, m);
	return 0;
}

int
analytics_distinct_add(struct analytics_distinct *d, struct analytics_memory *m,
    uint64_t hash)
{
	uint64_t *slot;

	if (hash == 0)
		hash = 1; /* 0 is an empty slot */
	if (d->registers != NULL) {
		distinct_note(d, hash);
		return 0;
	}
	if (d->slots == NULL && distinct_grow(d, m) < 0)
		return -1;
	slot = distinct_slot(d, hash);
	return *slot == hash ? 0 : distinct_add_new(d, m, slot, hash);
}

/* The paper's sigma: what empty registers add. */
static double
distinct_sigma(double x)
{
	double y = 1, z = x, before;

	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

/* The paper's tau: what full registers take away. */
static double
distinct_tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

/* Estimates by how many registers have which rank: the paper's algorithm 6. */
static uint64_t
distinct_estimate(const uint8_t *registers)
{
	const double m = ANALYTICS_DISTINCT_REGISTERS;
	uint32_t with[DISTINCT_RANKS] = {0};
	double z, count;

	for (size_t i = 0; i < ANALYTICS_DISTINCT_REGISTERS; i++)
		with[registers[i]]++;
	z = m * distinct_tau((m - with[DISTINCT_RANKS - 1]) / m);
	for (int rank = DISTINCT_REST_BITS; rank >= 1; rank--)
		z = 0.5 * (z + with[rank]);
	z += m * distinct_sigma(with[0] / m);
	count = m * m / (2 * M_LN2 * z);
	/* only forged registers can be so full */
	return count < DISTINCT_MOST ? (uint64_t)llround(count)
				     : (uint64_t)DISTINCT_MOST;
}

uint64_t
analytics_distinct_count(const struct analytics_distinct *d)
{
	return d->registers != NULL ? distinct_estimate(d->registers) : d->n;
}

static int
distinct_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Moves the hashes to the table's begin, in order: no table any more. */
static void
distinct_sort(struct analytics_distinct *d)
{
	size_t n = 0;

	for (size_t i = 0; i < (size_t)1 << d->bits; i++) {
		if (d->slots[i] != 0)
			d->slots[n++] = d->slots[i];
	}
	qsort(d->slots, n, sizeof *d->slots, distinct_compare);
}

void
analytics_distinct_pack(struct analytics_distinct *d, msgpack_packer *pk)
{
	const uint8_t form =
	    d->registers != NULL ? DISTINCT_SKETCH : DISTINCT_HASHES;

	if (d->registers != NULL) {
		msgpack_pack_bin(pk,
		    sizeof form + ANALYTICS_DISTINCT_REGISTERS);
		msgpack_pack_bin_body(pk, &form, sizeof form);
		msgpack_pack_bin_body(pk, d->registers,
		    ANALYTICS_DISTINCT_REGISTERS);
		return;
	}
	distinct_sort(d);
	msgpack_pack_bin(pk, sizeof form + d->n * sizeof(uint64_t));
	msgpack_pack_bin_body(pk, &form, sizeof form);
	for (uint32_t i = 0; i < d->n; i++) {
		uint64_t hash = htole64(d->slots[i]);

		msgpack_pack_bin_body(pk, &hash, sizeof hash);
	}
}

/* Adds packed hashes: some, in order, none twice, none 0. */
static int
distinct_merge_hashes(struct analytics_distinct *d, struct analytics_memory *m,
    const uint8_t *bytes, size_t len)
{
	uint64_t before = 0, hash;

	if (len == 0 || len % sizeof hash != 0 ||
	    len / sizeof hash > ANALYTICS_DISTINCT_EXACT)
		return 1;
	for (size_t i = 0; i < len; i += sizeof hash) {
		memcpy(&hash, bytes + i, sizeof hash);
		hash = le64toh(hash);
		if (hash <= before)
			return 1;
		before = hash;
		if (analytics_distinct_add(d, m, hash) < 0)
			return -1;
	}
	return 0;
}

/* Adds packed registers. */
static int
distinct_merge_sketch(struct analytics_distinct *d, struct analytics_memory *m,
    const uint8_t *bytes, size_t len)
{
	if (len != ANALYTICS_DISTINCT_REGISTERS)
		return 1;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] >= DISTINCT_RANKS)
			return 1;
	}
	if (d->registers == NULL && distinct_spread(d, m) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] > d->registers[i])
			d->registers[i] = bytes[i];
	}
	return 0;
}

int
analytics_distinct_merge(struct analytics_distinct *d,
    struct analytics_memory *m, const msgpack_object *packed, uint64_t n)
{
	const uint8_t *bytes = (const uint8_t *)packed->via.bin.ptr;
	size_t len;

	if (packed->type != MSGPACK_OBJECT_BIN || packed->via.bin.size == 0)
		return 1;
	len = packed->via.bin.size - 1;
	if (bytes[0] == DISTINCT_HASHES && len / sizeof(uint64_t) <= n)
		return distinct_merge_hashes(d, m, bytes + 1, len);
	if (bytes[0] == DISTINCT_SKETCH && n > ANALYTICS_DISTINCT_EXACT)
		return distinct_merge_sketch(d, m, bytes + 1, len);
	return 1;
}

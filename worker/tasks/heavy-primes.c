/* primes: the sieve of Eratosthenes, a segment at a time. */

#include "worker/tasks/heavy.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PRIMES_TO_MAX INT64_C(1000000000000) /* 10^12 */
#define PRIMES_WINDOW_MAX 1000000000u /* 10^9 numbers at once */
#define PRIMES_BASE_MAX 78498 /* primes up to the root of PRIMES_TO_MAX */
#define PRIMES_BITS (1u << 18) /* of a segment: stays in the first cache */
#define WORD 64u /* bits */

enum primes_field { PRIMES_FROM, PRIMES_TO, PRIMES_LIST };

static const struct field primes_fields[] = {
    [PRIMES_FROM] = {.name = "from",
	.kinds = FIELD_INT,
	.max = PRIMES_TO_MAX,
	.fallback = "0",
	.about = "primes: the first number that is looked at."},
    [PRIMES_TO] = {.name = "to",
	.kinds = FIELD_INT,
	.required = true,
	.max = PRIMES_TO_MAX,
	.about = "primes: the last one, at most 1000000000 behind from."},
    [PRIMES_LIST] = {.name = "list",
	.kinds = FIELD_BOOL,
	.fallback = "true",
	.about = "primes: give them all (999000 at most), or their number "
		 "alone."},
    {.name = NULL},
};

/* One search. Bit i of a segment stands for the odd number low + 2 * i. */
struct sieve {
	struct call *call;
	uint64_t from;
	uint64_t to;
	uint32_t *base; /* odd primes up to the root of `to` */
	uint32_t *next; /* of each, once used: the bit it clears next */
	size_t n_base;
	size_t n_used; /* whose squares were reached */
	uint64_t *bits; /* of a segment; set: may be prime */
	uint64_t low;
	uint32_t n_bits; /* of this segment */
	uint64_t count;
	uint64_t *list; /* NULL: not wanted */
};

static int
sieve_init(struct sieve *s)
{
	s->base = malloc(PRIMES_BASE_MAX * sizeof *s->base);
	s->next = malloc(PRIMES_BASE_MAX * sizeof *s->next);
	s->bits = malloc(PRIMES_BITS / 8);
	if (s->base == NULL || s->next == NULL || s->bits == NULL)
		return call_no_memory(s->call);
	return 0;
}

static void
sieve_clear(struct sieve *s)
{
	free(s->base);
	free(s->next);
	free(s->bits);
	free(s->list);
}

/* Finds the primes that divide: a plain sieve, a byte for each odd number. */
static int
sieve_find_base(struct sieve *s)
{
	uint64_t root = (uint64_t)sqrt((double)s->to);
	uint8_t *composite = calloc(1, root + 1);

	if (composite == NULL)
		return call_no_memory(s->call);
	for (uint64_t p = 3; p <= root; p += 2) {
		if (composite[p])
			continue;
		s->base[s->n_base++] = (uint32_t)p;
		for (uint64_t m = p * p; m <= root; m += 2 * p)
			composite[m] = 1;
	}
	free(composite);
	return 0;
}

/* Takes in the primes whose squares this segment reaches. */
static void
sieve_use(struct sieve *s)
{
	uint64_t last = s->low + 2 * (uint64_t)(s->n_bits - 1);

	for (; s->n_used < s->n_base; s->n_used++) {
		uint64_t p = s->base[s->n_used], m = p * p;

		if (m > last)
			return;
		if (m < s->low) {
			m = (s->low + p - 1) / p * p;
			m += m % 2 == 0 ? p : 0;
		}
		s->next[s->n_used] = (uint32_t)((m - s->low) / 2);
	}
}

/* Clears the bits of all multiples, and those behind the end. */
static void
sieve_strike(struct sieve *s)
{
	uint64_t *bits = s->bits;

	memset(bits, 0xff, PRIMES_BITS / 8);
	for (size_t i = 0; i < s->n_used; i++) {
		uint32_t p = s->base[i], at = s->next[i];

		for (; at < PRIMES_BITS; at += p)
			bits[at / WORD] &= ~(UINT64_C(1) << at % WORD);
		s->next[i] = at - PRIMES_BITS;
	}
	for (uint32_t at = s->n_bits; at < PRIMES_BITS; at++)
		bits[at / WORD] &= ~(UINT64_C(1) << at % WORD);
}

/* Notes a prime down. Returns -1 with the error set: it is one too many. */
static int
sieve_note(struct sieve *s, uint64_t prime)
{
	if (s->count == HEAVY_VALUES_MAX) {
		call_fail(s->call, CODE_TOO_LARGE,
		    "there are over %d primes from params.from to params.to; "
		    "params.list false counts them",
		    HEAVY_VALUES_MAX);
		fault_add_number(&s->call->fault, "limit", HEAVY_VALUES_MAX);
		return -1;
	}
	s->list[s->count++] = prime;
	return 0;
}

/* Counts the primes of a segment, or notes them down. */
static int
sieve_harvest(struct sieve *s)
{
	for (uint32_t i = 0; i < PRIMES_BITS / WORD; i++) {
		uint64_t word = s->bits[i];

		if (s->list == NULL)
			s->count += (uint64_t)__builtin_popcountll(word);
		for (; s->list != NULL && word != 0; word &= word - 1) {
			uint64_t bit =
			    i * WORD + (uint64_t)__builtin_ctzll(word);

			if (sieve_note(s, s->low + 2 * bit) < 0)
				return -1;
		}
	}
	return 0;
}

/* Goes through all segments of odd numbers. */
static int
sieve_segments(struct sieve *s)
{
	s->low = s->from > 3 ? s->from | 1 : 3;
	for (; s->low <= s->to; s->low += 2 * (uint64_t)PRIMES_BITS) {
		uint64_t left = (s->to - s->low) / 2 + 1;

		s->n_bits = left < PRIMES_BITS ? (uint32_t)left : PRIMES_BITS;
		sieve_use(s);
		sieve_strike(s);
		if (sieve_harvest(s) < 0 ||
		    heavy_step(s->call, (double)(s->low - s->from),
			(double)(s->to - s->from)) < 0)
			return -1;
	}
	return 0;
}

/* Finds all, the even one first. */
static int
sieve_run(struct sieve *s, bool list)
{
	if (list) {
		s->list = malloc(HEAVY_VALUES_MAX * sizeof *s->list);
		if (s->list == NULL)
			return call_no_memory(s->call);
	}
	if (sieve_init(s) < 0 || sieve_find_base(s) < 0)
		return -1;
	if (s->from <= 2 && s->to >= 2) {
		if (list)
			s->list[0] = 2;
		s->count = 1;
	}
	return sieve_segments(s);
}

static void
sieve_pack(const struct sieve *s)
{
	struct call *call = s->call;

	msgpack_pack_map(&call->pk, s->list != NULL ? 2 : 1);
	call_pack_str(call, "count");
	msgpack_pack_uint64(&call->pk, s->count);
	if (s->list == NULL)
		return;
	call_pack_str(call, "primes");
	msgpack_pack_array(&call->pk, s->count);
	for (uint64_t i = 0; i < s->count; i++)
		msgpack_pack_uint64(&call->pk, s->list[i]);
}

static int
primes_run(struct call *call, const msgpack_object *const *args)
{
	int64_t from = call_int(args[PRIMES_FROM], 0);
	int64_t to = call_int(args[PRIMES_TO], 0);
	struct sieve s = {.call = call,
	    .from = (uint64_t)from,
	    .to = (uint64_t)to};
	int rc;

	if (from > to)
		return call_refuse(call, "params.from",
		    "an integer that is not over params.to", args[PRIMES_FROM]);
	if (to - from > PRIMES_WINDOW_MAX)
		return call_refuse(call, "params.to",
		    "an integer at most 1000000000 behind params.from",
		    args[PRIMES_TO]);
	rc = sieve_run(&s, call_bool(args[PRIMES_LIST], true));
	if (rc == 0)
		sieve_pack(&s);
	sieve_clear(&s);
	return rc;
}

const struct heavy_operation heavy_primes = {"primes", primes_fields,
    primes_run};

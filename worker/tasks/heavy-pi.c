/* monte-carlo-pi: points in a square, those that are in the circle counted. */

#include "worker/tasks/heavy.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#define PI_SAMPLES_MAX INT64_C(10000000000) /* 10^10, about a minute */
#define PI_SEED_MAX (INT64_C(1) << 53) /* so that every client can hold it */
#define PI_BLOCK 4096 /* samples */
#define PI_SAMPLE_WORDS 2 /* of 32 bits: x and y */
#define PI_QUARTERS 4.0 /* the square has the circle's quarter */

/*
 * Of a word of 32 bits the upper ones are the cell of 2^30, and the middle of
 * the cell is the point: an odd number below 2^31.
 */
#define PI_MIDDLE(word) ((uint64_t)(le32toh(word) >> 1 | 1))
#define PI_RADIUS_SQUARE (UINT64_C(1) << 62)

enum pi_field { PI_SAMPLES, PI_SEED };

static const struct field pi_fields[] = {
    [PI_SAMPLES] = {.name = "samples",
	.kinds = FIELD_INT,
	.required = true,
	.min = 1,
	.max = PI_SAMPLES_MAX,
	.about = "monte-carlo-pi: how many points."},
    [PI_SEED] = {.name = "seed",
	.kinds = FIELD_INT,
	.max = PI_SEED_MAX,
	.fallback = "a random one",
	.about = "monte-carlo-pi: the same seed gives the same result."},
    {.name = NULL},
};

/* Gives a block of random words, that of its number with this seed. */
static void
pi_fill(uint32_t words[PI_BLOCK * PI_SAMPLE_WORDS], uint64_t seed,
    uint64_t number)
{
	uint64_t key[randombytes_SEEDBYTES / sizeof(uint64_t)] = {htole64(seed),
	    htole64(number)};
	unsigned char bytes[randombytes_SEEDBYTES];

	memcpy(bytes, key, sizeof bytes);
	randombytes_buf_deterministic(words,
	    PI_BLOCK * PI_SAMPLE_WORDS * sizeof words[0], bytes);
}

/* Counts the points in the circle, of the first n of a block. */
static uint64_t
pi_count(const uint32_t *words, size_t n)
{
	uint64_t inside = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t x = PI_MIDDLE(words[PI_SAMPLE_WORDS * i]);
		uint64_t y = PI_MIDDLE(words[PI_SAMPLE_WORDS * i + 1]);

		inside += x * x + y * y < PI_RADIUS_SQUARE;
	}
	return inside;
}

static void
pi_pack(struct call *call, uint64_t inside, uint64_t samples, uint64_t seed)
{
	msgpack_pack_map(&call->pk, 4);
	call_pack_str(call, "pi");
	msgpack_pack_double(&call->pk,
	    PI_QUARTERS * (double)inside / (double)samples);
	call_pack_str(call, "inside");
	msgpack_pack_uint64(&call->pk, inside);
	call_pack_str(call, "samples");
	msgpack_pack_uint64(&call->pk, samples);
	call_pack_str(call, "seed");
	msgpack_pack_uint64(&call->pk, seed);
}

/* A seed that the system chooses. */
static int64_t
pi_seed(void)
{
	uint64_t seed;

	randombytes_buf(&seed, sizeof seed);
	return (int64_t)(seed % PI_SEED_MAX);
}

static int
pi_run(struct call *call, const msgpack_object *const *args)
{
	static uint32_t words[PI_BLOCK * PI_SAMPLE_WORDS];
	uint64_t samples = (uint64_t)call_int(args[PI_SAMPLES], 0);
	uint64_t seed =
	    (uint64_t)(args[PI_SEED] != NULL ? call_int(args[PI_SEED], 0)
					     : pi_seed());
	uint64_t inside = 0;

	for (uint64_t done = 0; done < samples; done += PI_BLOCK) {
		uint64_t left = samples - done;

		pi_fill(words, seed, done / PI_BLOCK);
		inside += pi_count(words, left < PI_BLOCK ? left : PI_BLOCK);
		if (heavy_step(call, (double)done, (double)samples) < 0)
			return -1;
	}
	pi_pack(call, inside, samples, seed);
	return 0;
}

const struct heavy_operation heavy_pi = {"monte-carlo-pi", pi_fields, pi_run};

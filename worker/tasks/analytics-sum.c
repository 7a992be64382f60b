#include "worker/tasks/analytics-sum.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#define SUM_BITS 32 /* of a digit */
#define SUM_MASK 0xffffffffu
#define SUM_TERM 3 /* digits that a term touches: 64 bits, shifted */
#define SUM_WHOLE (SUM_DIGITS + 2) /* with carries */
#define SUM_DIGITS ANALYTICS_SUM_DIGITS
#define SUM_UNIT 1074 /* bit 0 counts 2^-1074, the smallest double */
#define SUM_WIDTH (SUM_UNIT + 1024) /* bits of the largest double */
#define SUM_MANTISSA 53 /* bits of a double */
#define SUM_FRACTION_MASK (((uint64_t)1 << (SUM_MANTISSA - 1)) - 1)
#define SUM_EXPONENT_MASK 0x7ff
#define SUM_HEAD 2 /* bytes before packed digits: sign, place */

/* A sum as sign and digits, all carries done. */
struct whole {
	bool negative;
	int first, end; /* digits that are not 0 lie between; equal: 0 */
	uint32_t digits[SUM_WHOLE];
};

/* Makes room for n digits from `first` on. Returns 0 or -1. */
static int
sum_reserve(struct analytics_sum *s, struct analytics_memory *m, int first,
    int n)
{
	int from = s->n == 0 || first < s->first ? first : s->first;
	int end = first + n;
	int64_t *digits;

	if (s->n > 0 && first >= s->first && end <= s->first + s->n)
		return 0;
	if (s->n > 0 && end < s->first + s->n)
		end = s->first + s->n;
	digits =
	    analytics_memory_take(m, (size_t)(end - from) * sizeof *digits);
	if (digits == NULL)
		return -1;
	if (s->n > 0)
		memcpy(digits + (s->first - from), s->digits,
		    s->n * sizeof *digits);
	s->digits = digits;
	s->first = (uint8_t)from;
	s->n = (uint8_t)(end - from);
	return 0;
}

/* Adds bits, the lowest of which is at a place. */
static int
sum_add_bits(struct analytics_sum *s, struct analytics_memory *m, bool negative,
    uint64_t bits, int place)
{
	int at = place / SUM_BITS, shift = place % SUM_BITS;
	int64_t parts[SUM_TERM] = {
	    (int64_t)((bits << shift) & SUM_MASK),
	    (int64_t)((bits >> (SUM_BITS - shift)) & SUM_MASK),
	    shift == 0 ? 0 : (int64_t)(bits >> (2 * SUM_BITS - shift)),
	};

	if (sum_reserve(s, m, at, SUM_TERM) < 0)
		return -1;
	for (int i = 0; i < SUM_TERM; i++)
		s->digits[at - s->first + i] += negative ? -parts[i] : parts[i];
	return 0;
}

/* Adds a double, taken apart into its bits. */
static int
sum_add_double(struct analytics_sum *s, struct analytics_memory *m, double f)
{
	uint64_t bits;
	uint64_t mantissa;
	int exponent;

	memcpy(&bits, &f, sizeof bits);
	mantissa = bits & SUM_FRACTION_MASK;
	exponent = (int)(bits >> (SUM_MANTISSA - 1)) & SUM_EXPONENT_MASK;
	if (exponent > 0) {
		mantissa |= SUM_FRACTION_MASK + 1;
		exponent--; /* subnormals have the exponent of the next */
	}
	return sum_add_bits(s, m, signbit(f) != 0, mantissa, exponent);
}

int
analytics_sum_add(struct analytics_sum *s, struct analytics_memory *m,
    const struct analytics_number *number)
{
	switch (number->kind) {
	case NUMBER_NEGATIVE:
		return sum_add_bits(s, m, true, -(uint64_t)number->is.i,
		    SUM_UNIT);
	case NUMBER_NATURAL:
		return sum_add_bits(s, m, false, number->is.u, SUM_UNIT);
	default:
		return sum_add_double(s, m, number->is.f);
	}
}

/* Turns the sign of digits: two's complement. */
static void
whole_negate(struct whole *w)
{
	uint64_t carry = 1;

	for (int i = 0; i < SUM_WHOLE; i++) {
		carry += (uint32_t)~w->digits[i];
		w->digits[i] = (uint32_t)carry;
		carry >>= SUM_BITS;
	}
}

/* Does the carries. */
static void
whole_init(struct whole *w, const struct analytics_sum *s)
{
	int64_t carry = 0;

	memset(w, 0, sizeof *w);
	for (int i = s->first; i < SUM_WHOLE; i++) {
		if (i < s->first + s->n)
			carry += s->digits[i - s->first];
		w->digits[i] = (uint32_t)(carry & SUM_MASK);
		carry >>= SUM_BITS;
	}
	w->negative = carry < 0;
	if (w->negative)
		whole_negate(w);
	w->end = SUM_WHOLE;
	while (w->end > 0 && w->digits[w->end - 1] == 0)
		w->end--;
	while (w->first < w->end && w->digits[w->first] == 0)
		w->first++;
}

/* The 64 bits from a place on. */
static uint64_t
whole_bits(const struct whole *w, int place)
{
	uint64_t bits = 0;

	for (int i = SUM_TERM - 1; i >= 0; i--) {
		int at = place / SUM_BITS + i, shift = place % SUM_BITS;
		uint64_t digit = at < SUM_WHOLE ? w->digits[at] : 0;
		int move = i * SUM_BITS - shift;

		if (move < 2 * SUM_BITS)
			bits |= move < 0 ? digit >> -move : digit << move;
	}
	return bits;
}

/* Whether a bit below a place is set. */
static bool
whole_any_below(const struct whole *w, int place)
{
	int at = place / SUM_BITS;

	if (w->first < at && w->first < w->end)
		return true;
	return (w->digits[at] & (((uint32_t)1 << place % SUM_BITS) - 1)) != 0;
}

/* The number of bits up to the highest that is set. */
static int
whole_width(const struct whole *w)
{
	if (w->end == 0)
		return 0;
	return w->end * SUM_BITS - __builtin_clz(w->digits[w->end - 1]);
}

/* The magnitude as a double. */
static double
whole_magnitude(const struct whole *w)
{
	int place = whole_width(w) - SUM_MANTISSA;
	uint64_t mantissa;
	bool half;

	if (place <= 0) /* such a sum is a double itself */
		return ldexp((double)whole_bits(w, 0), -SUM_UNIT);
	mantissa = whole_bits(w, place) & (2 * SUM_FRACTION_MASK + 1);
	half = (whole_bits(w, place - 1) & 1) != 0;
	if (half && ((mantissa & 1) != 0 || whole_any_below(w, place - 1)))
		mantissa++;
	return ldexp((double)mantissa, place - SUM_UNIT);
}

static double
whole_double(const struct whole *w)
{
	return w->negative ? -whole_magnitude(w) : whole_magnitude(w);
}

double
analytics_sum_double(const struct analytics_sum *s)
{
	struct whole w;

	whole_init(&w, s);
	return whole_double(&w);
}

struct analytics_number
analytics_sum_value(const struct analytics_sum *s)
{
	struct analytics_number n = {.kind = NUMBER_FLOAT};
	struct whole w;
	uint64_t bits;

	whole_init(&w, s);
	bits = whole_bits(&w, SUM_UNIT);
	if (whole_any_below(&w, SUM_UNIT) ||
	    whole_width(&w) > SUM_UNIT + 2 * SUM_BITS ||
	    (w.negative && bits > (uint64_t)INT64_MAX + 1)) {
		n.is.f = whole_double(&w);
		return n;
	}
	n.kind = w.negative ? NUMBER_NEGATIVE : NUMBER_NATURAL;
	n.is.u = w.negative ? 0 - bits : bits;
	return n;
}

void
analytics_sum_pack(const struct analytics_sum *s, msgpack_packer *pk)
{
	uint8_t head[SUM_HEAD];
	struct whole w;

	whole_init(&w, s);
	if (w.end == 0) {
		msgpack_pack_bin(pk, 0);
		return;
	}
	head[0] = w.negative;
	head[1] = (uint8_t)w.first;
	for (int i = w.first; i < w.end; i++)
		w.digits[i] = htole32(w.digits[i]);
	msgpack_pack_bin(pk,
	    SUM_HEAD + (size_t)(w.end - w.first) * sizeof w.digits[0]);
	msgpack_pack_bin_body(pk, head, SUM_HEAD);
	msgpack_pack_bin_body(pk, w.digits + w.first,
	    (size_t)(w.end - w.first) * sizeof w.digits[0]);
}

/* A packed digit. */
static uint32_t
sum_digit(const uint8_t *digits, size_t i)
{
	uint32_t digit;

	memcpy(&digit, digits + i * sizeof digit, sizeof digit);
	return le32toh(digit);
}

/*
 * Whether packed digits, of the first of which the place is given, are as
 * analytics_sum_pack() makes them of n doubles: so no sum of them is too large.
 */
static bool
sum_is_packed(const uint8_t *digits, size_t len, unsigned int first, uint64_t n)
{
	size_t count = len / sizeof(uint32_t);
	uint32_t highest;
	int width;

	if (count == 0 || len % sizeof(uint32_t) != 0 ||
	    first + count > SUM_DIGITS)
		return false;
	highest = sum_digit(digits, count - 1);
	if (highest == 0 || sum_digit(digits, 0) == 0)
		return false;
	width = (int)(first + count) * SUM_BITS - __builtin_clz(highest);
	return width <= SUM_WIDTH + 2 * SUM_BITS - __builtin_clzll(n);
}

int
analytics_sum_merge(struct analytics_sum *s, struct analytics_memory *m,
    const msgpack_object *packed, uint64_t n)
{
	const uint8_t *bytes = (const uint8_t *)packed->via.bin.ptr;
	size_t len;

	if (packed->type != MSGPACK_OBJECT_BIN)
		return 1;
	len = packed->via.bin.size;
	if (len == 0)
		return 0;
	if (len < SUM_HEAD || bytes[0] > 1 ||
	    !sum_is_packed(bytes + SUM_HEAD, len - SUM_HEAD, bytes[1], n))
		return 1;
	len = (len - SUM_HEAD) / sizeof(uint32_t);
	if (sum_reserve(s, m, bytes[1], (int)len) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int64_t digit = sum_digit(bytes + SUM_HEAD, i);

		s->digits[bytes[1] - s->first + (int)i] +=
		    bytes[0] != 0 ? -digit : digit;
	}
	return 0;
}

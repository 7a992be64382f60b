#include "proto/range.h"

#define RANGE_KIND 1 /* a range of a file or memfd; others are to come */
#define RANGE_AT_INDEX 1
#define RANGE_AT_OFFSET 2
#define RANGE_AT_LEN 10
#define RANGE_NUMBER 8 /* bytes of a number, the high ones first */

static void
range_put(uint8_t *at, uint64_t n)
{
	for (int i = RANGE_NUMBER - 1; i >= 0; i--) {
		at[i] = (uint8_t)n;
		n >>= 8;
	}
}

static uint64_t
range_get(const uint8_t *at)
{
	uint64_t n = 0;

	for (int i = 0; i < RANGE_NUMBER; i++)
		n = n << 8 | at[i];
	return n;
}

void
range_pack(uint8_t body[RANGE_BODY], const struct range *range)
{
	body[0] = RANGE_KIND;
	body[RANGE_AT_INDEX] = range->index;
	range_put(body + RANGE_AT_OFFSET, range->offset);
	range_put(body + RANGE_AT_LEN, range->len);
}

int
range_parse(struct range *range, const void *body, size_t len)
{
	const uint8_t *at = body;

	if (len != RANGE_BODY || at[0] != RANGE_KIND)
		return -1;
	range->index = at[RANGE_AT_INDEX];
	range->offset = range_get(at + RANGE_AT_OFFSET);
	range->len = range_get(at + RANGE_AT_LEN);
	if (range->offset > INT64_MAX || range->len > INT64_MAX - range->offset)
		return -1;
	return 0;
}

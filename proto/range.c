#include "proto/range.h"

#include "proto/number.h"

#define RANGE_KIND 1 /* a range of a file or memfd; others are to come */
#define RANGE_AT_INDEX 1
#define RANGE_AT_OFFSET 2
#define RANGE_AT_LEN 10
#define RANGE_NUMBER 8 /* bytes of a number, the high ones first */

void
range_pack(uint8_t body[RANGE_BODY], const struct range *range)
{
	body[0] = RANGE_KIND;
	body[RANGE_AT_INDEX] = range->index;
	number_put(body + RANGE_AT_OFFSET, RANGE_NUMBER, range->offset);
	number_put(body + RANGE_AT_LEN, RANGE_NUMBER, range->len);
}

int
range_parse(struct range *range, const void *body, size_t len)
{
	const uint8_t *at = body;

	if (len != RANGE_BODY || at[0] != RANGE_KIND)
		return -1;
	range->index = at[RANGE_AT_INDEX];
	range->offset = number_get(at + RANGE_AT_OFFSET, RANGE_NUMBER);
	range->len = number_get(at + RANGE_AT_LEN, RANGE_NUMBER);
	if (range->offset > INT64_MAX || range->len > INT64_MAX - range->offset)
		return -1;
	return 0;
}

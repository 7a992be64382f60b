#include "worker/tasks/analytics-scalar.h"

#include <string.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/field.h"
#include "worker/tasks/analytics-number.h"

#define SCALAR_NUMBER_LEN (1 + sizeof(uint64_t)) /* kind and value */

/* Their order is that of results. */
enum scalar_tag {
	SCALAR_NIL,
	SCALAR_FALSE,
	SCALAR_TRUE,
	SCALAR_NUMBER,
	SCALAR_STR,
	SCALAR_BIN,
	SCALAR_NONE, /* not one of them */
};

/* The tag of a value, with the number if it is one. */
static enum scalar_tag
scalar_tag(const msgpack_object *value, struct analytics_number *number)
{
	if (value == NULL)
		return SCALAR_NIL;
	switch (value->type) {
	case MSGPACK_OBJECT_NIL:
		return SCALAR_NIL;
	case MSGPACK_OBJECT_BOOLEAN:
		return value->via.boolean ? SCALAR_TRUE : SCALAR_FALSE;
	case MSGPACK_OBJECT_STR:
		return SCALAR_STR;
	case MSGPACK_OBJECT_BIN:
		return SCALAR_BIN;
	default:
		return analytics_number_read(value, number) ? SCALAR_NUMBER
							    : SCALAR_NONE;
	}
}

size_t
analytics_scalar_size(const msgpack_object *value)
{
	struct analytics_number number;
	size_t len;

	switch (scalar_tag(value, &number)) {
	case SCALAR_NONE:
		return 0;
	case SCALAR_NUMBER:
		return 1 + SCALAR_NUMBER_LEN;
	case SCALAR_STR:
	case SCALAR_BIN:
		call_bytes(value, &len);
		return 1 + sizeof(uint32_t) + len;
	default:
		return 1;
	}
}

void
analytics_scalar_write(const msgpack_object *value, uint8_t *out)
{
	struct analytics_number number;
	enum scalar_tag tag = scalar_tag(value, &number);
	const uint8_t *bytes;
	uint32_t n;
	size_t len;

	*out++ = (uint8_t)tag;
	if (tag == SCALAR_NUMBER) {
		*out++ = (uint8_t)number.kind;
		memcpy(out, &number.is, sizeof number.is);
	} else if (tag == SCALAR_STR || tag == SCALAR_BIN) {
		bytes = call_bytes(value, &len);
		n = (uint32_t)len;
		memcpy(out, &n, sizeof n);
		if (len > 0)
			memcpy(out + sizeof n, bytes, len);
	}
}

/* Reads a written number, behind its tag. */
static struct analytics_number
scalar_number(const uint8_t *bytes)
{
	struct analytics_number n = {.kind = bytes[0]};

	memcpy(&n.is, bytes + 1, sizeof n.is);
	return n;
}

/* Length of a written string, behind its tag. */
static uint32_t
scalar_len(const uint8_t *bytes)
{
	uint32_t len;

	memcpy(&len, bytes, sizeof len);
	return len;
}

const uint8_t *
analytics_scalar_pack(const uint8_t *bytes, msgpack_packer *pk)
{
	enum scalar_tag tag = *bytes++;
	struct analytics_number number;
	uint32_t len;

	switch (tag) {
	case SCALAR_NUMBER:
		number = scalar_number(bytes);
		analytics_number_pack(&number, pk);
		return bytes + SCALAR_NUMBER_LEN;
	case SCALAR_STR:
	case SCALAR_BIN:
		len = scalar_len(bytes);
		bytes += sizeof len;
		if (tag == SCALAR_STR)
			msgpack_pack_str_with_body(pk, bytes, len);
		else
			msgpack_pack_bin_with_body(pk, bytes, len);
		return bytes + len;
	case SCALAR_NIL:
		msgpack_pack_nil(pk);
		return bytes;
	default:
		if (tag == SCALAR_TRUE)
			msgpack_pack_true(pk);
		else
			msgpack_pack_false(pk);
		return bytes;
	}
}

/* Compares two numbers behind their tags, and passes them. */
static int
scalar_compare_numbers(const uint8_t **a, const uint8_t **b)
{
	struct analytics_number x = scalar_number(*a), y = scalar_number(*b);

	*a += SCALAR_NUMBER_LEN;
	*b += SCALAR_NUMBER_LEN;
	return analytics_number_compare(&x, &y);
}

/* Compares two strings behind their tags, byte by byte, and passes them. */
static int
scalar_compare_strings(const uint8_t **a, const uint8_t **b)
{
	uint32_t n = scalar_len(*a), m = scalar_len(*b);
	int order = memcmp(*a + sizeof n, *b + sizeof m, n < m ? n : m);

	*a += sizeof n + n;
	*b += sizeof m + m;
	return order != 0 ? order : (n > m) - (n < m);
}

int
analytics_scalar_compare(const uint8_t **a, const uint8_t **b)
{
	enum scalar_tag tag = **a;

	if (tag != **b)
		return tag < **b ? -1 : 1;
	(*a)++;
	(*b)++;
	if (tag == SCALAR_NUMBER)
		return scalar_compare_numbers(a, b);
	if (tag == SCALAR_STR || tag == SCALAR_BIN)
		return scalar_compare_strings(a, b);
	return 0;
}

bool
analytics_scalar_hash(const msgpack_object *value, uint64_t *hash)
{
	/* no secret; the last byte tells the tag */
	uint8_t key[crypto_shorthash_KEYBYTES + 1] = "morod.distinct.?";
	uint8_t written[1 + SCALAR_NUMBER_LEN], out[crypto_shorthash_BYTES];
	const uint8_t *bytes = written;
	struct analytics_number number;
	enum scalar_tag tag = scalar_tag(value, &number);
	size_t len = sizeof written;

	if (tag == SCALAR_NONE)
		return false;
	if (tag == SCALAR_STR || tag == SCALAR_BIN) {
		bytes = call_bytes(value, &len);
	} else {
		len = analytics_scalar_size(value);
		analytics_scalar_write(value, written);
	}
	key[crypto_shorthash_KEYBYTES - 1] = (uint8_t)tag;
	crypto_shorthash(out, bytes, len, key);
	*hash = 0;
	for (size_t i = 0; i < sizeof out; i++)
		*hash |= (uint64_t)out[i] << (8 * i);
	return true;
}

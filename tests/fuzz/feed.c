#include "tests/fuzz/feed.h"

#include <string.h>

#include "worker/field.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FEED_DEPTH 4 /* containers in each other */
#define FEED_ELEMENTS 8 /* of a container, at most */
#define FEED_ODD 12 /* one value of so many is of another kind */
#define FEED_ABSENT 3 /* one optional field of so many is given */
#define FEED_LARGE 200 /* numbers over it are not tried for their size */

uint8_t
feed_byte(struct feed *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->at++;
}

/* A number of eight bytes. */
static uint64_t
feed_number(struct feed *f)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | feed_byte(f);
	return n;
}

const uint8_t *
feed_bytes(struct feed *f, size_t *len)
{
	const uint8_t *at = f->at;

	if (*len > f->left)
		*len = f->left;
	f->at += *len;
	f->left -= *len;
	return at;
}

/* A length: mostly short, sometimes all that there is. */
static size_t
feed_length(struct feed *f)
{
	uint8_t n = feed_byte(f);

	if (n < 200)
		return n % 64;
	return n < 250 ? n : f->left;
}

static void
feed_pack_text(struct feed *f, msgpack_packer *pk, bool bin)
{
	size_t len = feed_length(f);
	const void *bytes = feed_bytes(f, &len);

	if (bin)
		msgpack_pack_bin_with_body(pk, bytes, len);
	else
		msgpack_pack_str_with_body(pk, bytes, len);
}

static void
feed_pack_float(struct feed *f, msgpack_packer *pk)
{
	uint64_t bits = feed_number(f);
	double x;

	if (bits % 4 == 0) {
		msgpack_pack_double(pk, (double)(int8_t)(bits >> 8) / 4);
		return;
	}
	memcpy(&x, &bits, sizeof x);
	msgpack_pack_double(pk, x);
}

static void feed_pack_deep(struct feed *f, msgpack_packer *pk, int depth);

static void
feed_pack_array(struct feed *f, msgpack_packer *pk, int depth)
{
	size_t n = feed_byte(f) % FEED_ELEMENTS;

	msgpack_pack_array(pk, n);
	while (n-- > 0)
		feed_pack_deep(f, pk, depth + 1);
}

static void
feed_pack_map(struct feed *f, msgpack_packer *pk, int depth)
{
	size_t n = feed_byte(f) % FEED_ELEMENTS;

	msgpack_pack_map(pk, n);
	while (n-- > 0) {
		feed_pack_text(f, pk, false);
		feed_pack_deep(f, pk, depth + 1);
	}
}

/* Packs a value of one of the kinds. */
static void
feed_pack_kind(struct feed *f, msgpack_packer *pk, unsigned int kind, int depth)
{
	switch (kind) {
	case FIELD_STR:
	case FIELD_BIN:
		feed_pack_text(f, pk, kind == FIELD_BIN);
		break;
	case FIELD_INT:
		msgpack_pack_int64(pk, feed_byte(f) % 2
					   ? (int8_t)feed_byte(f)
					   : (int64_t)feed_number(f));
		break;
	case FIELD_FLOAT:
		feed_pack_float(f, pk);
		break;
	case FIELD_BOOL:
		if (feed_byte(f) % 2)
			msgpack_pack_true(pk);
		else
			msgpack_pack_false(pk);
		break;
	case FIELD_MAP:
		feed_pack_map(f, pk, depth);
		break;
	case FIELD_ARRAY:
		feed_pack_array(f, pk, depth);
		break;
	default:
		msgpack_pack_nil(pk);
	}
}

/* Packs a value of any kind, and of none that tables know. */
static void
feed_pack_deep(struct feed *f, msgpack_packer *pk, int depth)
{
	static const unsigned int kinds[] = {FIELD_STR, FIELD_BIN, FIELD_INT,
	    FIELD_FLOAT, FIELD_BOOL, FIELD_NIL, FIELD_MAP, FIELD_ARRAY};
	uint8_t choice = feed_byte(f);

	if (choice == 0xff) {
		msgpack_pack_uint64(pk, UINT64_MAX);
		return;
	}
	if (choice == 0xfe) {
		msgpack_pack_ext_with_body(pk, "ext", 3, (int8_t)depth);
		return;
	}
	choice %= depth < FEED_DEPTH ? COUNT(kinds) : COUNT(kinds) - 2;
	feed_pack_kind(f, pk, kinds[choice], depth);
}

/* Packs a number at, beside or between the limits of a field. */
static void
feed_pack_limited(struct feed *f, const struct field *field, msgpack_packer *pk)
{
	int64_t small =
	    field->max > FEED_LARGE ? FEED_LARGE : field->max - field->min;
	uint8_t choice = feed_byte(f);

	if (choice < 20)
		msgpack_pack_int64(pk, field->min - 1);
	else if (choice < 40)
		msgpack_pack_int64(pk, field->max + 1);
	else if (choice < 60 && field->max <= FEED_LARGE)
		msgpack_pack_int64(pk, field->max);
	else
		msgpack_pack_int64(pk, field->min + choice % (small + 1));
}

static void feed_pack_fields(struct feed *f, const struct field *fields,
    msgpack_packer *pk);

/* One of the kinds that a field takes. */
static unsigned int
feed_kind(struct feed *f, const struct field *field)
{
	unsigned int kind = 1u << feed_byte(f) % 8;

	for (int i = 0; i < 8 && (field->kinds & kind) == 0; i++)
		kind = kind == FIELD_NIL ? FIELD_STR : kind << 1;
	return kind;
}

/* Packs a value for a field. */
static void
feed_pack_field(struct feed *f, const struct field *field, msgpack_packer *pk)
{
	unsigned int kind = feed_kind(f, field);
	size_t n = 0;

	if (feed_byte(f) % FEED_ODD == FEED_ODD - 1) {
		feed_pack_deep(f, pk, 1);
	} else if (field->allowed != NULL) {
		while (field->allowed[n] != NULL)
			n++;
		n = feed_byte(f) % n;
		msgpack_pack_str_with_body(pk, field->allowed[n],
		    strlen(field->allowed[n]));
	} else if (kind == FIELD_MAP && field->fields != NULL) {
		feed_pack_fields(f, field->fields, pk);
	} else if (kind == FIELD_INT && field->max != 0) {
		feed_pack_limited(f, field, pk);
	} else {
		feed_pack_kind(f, pk, kind, 1);
	}
}

static void
feed_pack_fields(struct feed *f, const struct field *fields, msgpack_packer *pk)
{
	bool given[64] = {false};
	size_t n = 0;

	for (size_t i = 0; fields[i].name != NULL; i++) {
		given[i] = feed_byte(f) % FEED_ABSENT == 1 ||
			   (fields[i].required && feed_byte(f) % FEED_ODD);
		n += given[i];
	}
	msgpack_pack_map(pk, n);
	for (size_t i = 0; fields[i].name != NULL; i++) {
		if (!given[i])
			continue;
		msgpack_pack_str_with_body(pk, fields[i].name,
		    strlen(fields[i].name));
		feed_pack_field(f, &fields[i], pk);
	}
}

void
feed_pack_data(struct feed *f, const struct task_type *type, msgpack_packer *pk)
{
	if (type->fields == NULL || feed_byte(f) % 32 == 31)
		feed_pack_deep(f, pk, 0);
	else
		feed_pack_fields(f, type->fields, pk);
}

#define ZLIB_CONST /* it does not write to what it reads */

#include "worker/modules/image-png.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define PNG_SIGNATURE 8
#define PNG_BEFORE 8 /* bytes before a chunk's data: its length, its name */
#define PNG_AROUND 12 /* and with the checksum behind it */
#define PNG_NUMBER 4 /* bytes */
#define PNG_NAME_AT PNG_NUMBER
#define PNG_NAME 4 /* bytes */
#define PNG_WINDOW 16384 /* bytes that are unpacked at once */

struct png_chunk {
	const uint8_t *data;
	size_t len;
	const uint8_t *next; /* behind it */
};

/* Its numbers begin with the highest byte. */
static uint32_t
png_number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Finds the chunk at p, or false: the library will see what is wrong there. */
static bool
png_find(struct png_chunk *c, const uint8_t *p, const uint8_t *end)
{
	size_t room = (size_t)(end - p);

	if (room < PNG_AROUND || png_number(p) > room - PNG_AROUND)
		return false;
	c->len = png_number(p);
	c->data = p + PNG_BEFORE;
	c->next = p + PNG_AROUND + c->len;
	return true;
}

static bool
png_is(const struct png_chunk *c, const char *name)
{
	return memcmp(c->data - PNG_BEFORE + PNG_NAME_AT, name, PNG_NAME) == 0;
}

static bool
png_is_extra(const struct png_chunk *c)
{
	return png_is(c, "tEXt") || png_is(c, "zTXt") || png_is(c, "iTXt") ||
	       png_is(c, "iCCP");
}

/*
 * Bytes that packed ones become; it stops where they are too many. A profile is
 * as long as it claims to be: the library allocates that much.
 */
static size_t
png_unpack(const uint8_t *packed, size_t len, bool is_profile)
{
	z_stream z = {.next_in = packed, .avail_in = (uInt)len};
	uint8_t window[PNG_WINDOW];
	size_t n = 0, claim = 0;
	int rc = inflateInit(&z);

	if (rc != Z_OK)
		return IMAGE_PNG_EXTRAS_MAX; /* no memory: is not kept */
	while (rc == Z_OK && n <= IMAGE_PNG_EXTRAS_MAX) {
		size_t got;

		z.next_out = window;
		z.avail_out = sizeof window;
		rc = inflate(&z, Z_NO_FLUSH);
		got = sizeof window - z.avail_out;
		if (is_profile && n == 0 && got >= PNG_NUMBER)
			claim = png_number(window);
		n += got;
	}
	inflateEnd(&z);
	return n > claim ? n : claim;
}

/* What follows the next NUL. */
static const uint8_t *
png_skip(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *nul = memchr(p, '\0', (size_t)(end - p));

	return nul != NULL ? nul + 1 : end;
}

/* Where packed bytes begin in a text or a profile; NULL where none are. */
static const uint8_t *
png_packed(const struct png_chunk *c)
{
	const uint8_t *end = c->data + c->len;
	const uint8_t *p = png_skip(c->data, end);
	bool is_long = png_is(c, "iTXt");

	if (png_is(c, "tEXt") || (is_long && p < end && *p == 0))
		return NULL;
	p += is_long && p < end; /* that it is packed */
	p += p < end; /* how: there is one way */
	return is_long ? png_skip(png_skip(p, end), end) : p;
}

/* Bytes that a text or a profile takes. */
static size_t
png_cost(const struct png_chunk *c)
{
	const uint8_t *packed = png_packed(c);

	if (packed == NULL)
		return c->len;
	return c->len + png_unpack(packed, (size_t)(c->data + c->len - packed),
			    png_is(c, "iCCP"));
}

/*
 * Whether an image that ends in the midst of a chunk is to end before it: the
 * library allocates what a chunk claims to have, up to 2 GiB, and looks for it
 * then. Pixels it reads piece by piece.
 */
static bool
png_is_claim(const uint8_t *p, const uint8_t *end)
{
	return end - p >= PNG_BEFORE &&
	       memcmp(p + PNG_NAME_AT, "IDAT", PNG_NAME) != 0;
}

/* Finds the first text or profile that is too much, or chunk that is a claim. */
static const uint8_t *
png_excess(const uint8_t *p, const uint8_t *end)
{
	struct png_chunk c;
	size_t sum = 0;

	for (; png_find(&c, p, end); p = c.next) {
		if (png_is_extra(&c))
			sum += png_cost(&c);
		if (sum > IMAGE_PNG_EXTRAS_MAX)
			return p;
	}
	return png_is_claim(p, end) ? p : NULL;
}

/* Copies what is no text and no profile. Returns the end of the copy. */
static uint8_t *
png_strip(uint8_t *out, const uint8_t *p, const uint8_t *end)
{
	struct png_chunk c;

	for (; png_find(&c, p, end); p = c.next) {
		if (png_is_extra(&c))
			continue;
		memcpy(out, p, (size_t)(c.next - p));
		out += c.next - p;
	}
	if (png_is_claim(p, end))
		return out;
	memcpy(out, p, (size_t)(end - p));
	return out + (end - p);
}

int
image_png_sift(const uint8_t *bytes, size_t len, uint8_t **copy,
    size_t *copy_len)
{
	const uint8_t *end = bytes + len;
	const uint8_t *excess = png_excess(bytes + PNG_SIGNATURE, end);

	*copy = NULL;
	if (excess == NULL)
		return 0;
	*copy = malloc(len);
	if (*copy == NULL)
		return -1;
	memcpy(*copy, bytes, (size_t)(excess - bytes));
	*copy_len =
	    (size_t)(png_strip(*copy + (excess - bytes), excess, end) - *copy);
	return 0;
}

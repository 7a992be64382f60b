#include "worker/tasks/armor.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#define ARMOR_BYTES ((size_t)48 << 10) /* coded at a time; whole groups */
#define ARMOR_TEXT (ARMOR_BYTES / 3 * 4)
#define ARMOR_REST sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define ARMOR_LANES 16 /* characters that are looked at at once */
#define ARMOR_REST_TEXT 4 /* a text of the rest, with its NUL */

/* One envelope is written or read at a time; all is ciphertext. */
static uint8_t armor_bytes[ARMOR_BYTES];
static uint8_t armor_text[ARMOR_TEXT + 1]; /* OpenSSL ends it with a NUL */

/* Compilers make instructions for 16 bytes of what is done with these. */
typedef uint8_t armor_lanes __attribute__((vector_size(ARMOR_LANES)));

size_t
armor_text_len(size_t len)
{
	return len / 3 * 4 + (len % 3 > 0 ? len % 3 + 1 : 0);
}

size_t
armor_bytes_len(size_t text_len)
{
	return text_len / 4 * 3 + text_len % 4 * 3 / 4;
}

void
armor_out_begin(struct armor_out *out, uint8_t *to, bool plain)
{
	*out = (struct armor_out){.to = to, .plain = plain};
}

/* Makes text of the groups of three that wait, and of the rest at the end. */
static void
armor_out_flush(struct armor_out *out)
{
	size_t rest = out->n % 3, whole = out->n - rest;
	size_t n = whole / 3 * 4;
	uint8_t *to = out->to; /* here, the loop need not look for it */
	char text[ARMOR_REST_TEXT];

	EVP_EncodeBlock(armor_text, armor_bytes, (int)whole);
	/* of standard base64; a loop that compilers do 16 at a time */
	for (size_t i = 0; i < n; i++) {
		uint8_t c = armor_text[i];

		to[i] = c == '+' ? '-' : c == '/' ? '_' : c;
	}
	out->to += n;
	out->n = 0;
	if (rest == 0)
		return;
	sodium_bin2base64(text, sizeof text, armor_bytes + whole, rest,
	    ARMOR_REST);
	memcpy(out->to, text, rest + 1);
	out->to += rest + 1;
}

uint8_t *
armor_out_room(struct armor_out *out, size_t *len)
{
	if (out->plain)
		return out->to;
	if (*len > ARMOR_BYTES - out->n)
		*len = ARMOR_BYTES - out->n;
	return armor_bytes + out->n;
}

void
armor_out_add(struct armor_out *out, size_t len)
{
	if (out->plain) {
		out->to += len;
		return;
	}
	out->n += len;
	if (out->n == ARMOR_BYTES)
		armor_out_flush(out);
}

void
armor_out_end(struct armor_out *out)
{
	if (out->n > 0)
		armor_out_flush(out);
}

void
armor_out_write(struct armor_out *out, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t n = len;
		uint8_t *to = armor_out_room(out, &n);

		memcpy(to, bytes, n);
		armor_out_add(out, n);
		bytes += n;
		len -= n;
	}
}

void
armor_in_begin(struct armor_in *in, const uint8_t *from, size_t len, bool plain)
{
	*in = (struct armor_in){.plain = plain};
	if (plain) {
		in->at = from;
		in->n = len;
	} else {
		in->from = from;
		in->left = len;
	}
}

/*
 * Gives characters of base64url in standard base64, and sets the lanes of *bad
 * where it is none. A table takes as long as half of the decoding, because it
 * is looked into for one character at a time.
 */
static armor_lanes
armor_lanes_standard(armor_lanes c, armor_lanes *bad)
{
	armor_lanes letter = (armor_lanes)((c | 0x20) - 'a' < 26);
	armor_lanes digit = (armor_lanes)(c - '0' < 10);
	armor_lanes minus = (armor_lanes)(c == '-');
	armor_lanes line = (armor_lanes)(c == '_');

	*bad |= ~(letter | digit | minus | line);
	return c ^ (minus & ('-' ^ '+')) ^ (line & ('_' ^ '/'));
}

/*
 * Copies the text in standard base64. False: it has other characters, which
 * OpenSSL and libsodium would partly let pass.
 */
static bool
armor_in_standard(const uint8_t *from, size_t len)
{
	size_t whole = len - len % ARMOR_LANES;
	armor_lanes c, bad = {0};
	uint8_t any = 0;

	for (size_t i = 0; i < whole; i += ARMOR_LANES) {
		memcpy(&c, from + i, sizeof c);
		c = armor_lanes_standard(c, &bad);
		memcpy(armor_text + i, &c, sizeof c);
	}
	memset(&c, '-', sizeof c);
	memcpy(&c, from + whole, len - whole);
	c = armor_lanes_standard(c, &bad);
	memcpy(armor_text + whole, &c, len - whole);
	for (size_t i = 0; i < ARMOR_LANES; i++)
		any |= bad[i];
	return any == 0;
}

/* Decodes the two or three characters behind the last whole group. */
static int
armor_in_rest(struct armor_in *in, size_t len)
{
	size_t n = 0;

	if (sodium_base642bin(armor_bytes + in->n, ARMOR_BYTES - in->n,
		(const char *)in->from, len, NULL, &n, NULL, ARMOR_REST) != 0)
		return -1;
	in->n += n;
	in->left = 0;
	return 0;
}

/* Decodes the next piece; -1: there is none, or it is damaged. */
static int
armor_in_decode(struct armor_in *in)
{
	/* a rest goes with the piece before it: one group stays free for it */
	size_t most = ARMOR_TEXT - 4;
	size_t len = in->left < most ? in->left : most;
	size_t rest = len == in->left ? len % 4 : 0, whole = len - rest;

	if (len == 0 || !armor_in_standard(in->from, len))
		return -1;
	if (whole > 0 &&
	    EVP_DecodeBlock(armor_bytes, armor_text, (int)whole) < 0)
		return -1;
	in->at = armor_bytes;
	in->n = whole / 4 * 3;
	in->from += whole;
	in->left -= whole;
	return rest > 0 ? armor_in_rest(in, rest) : 0;
}

const uint8_t *
armor_in_next(struct armor_in *in, size_t *len)
{
	const uint8_t *at;

	if (in->n == 0 && (in->plain || armor_in_decode(in) < 0))
		return NULL;
	if (*len > in->n)
		*len = in->n;
	at = in->at;
	in->at += *len;
	in->n -= *len;
	return at;
}

int
armor_in_read(struct armor_in *in, uint8_t *to, size_t len)
{
	while (len > 0) {
		size_t n = len;
		const uint8_t *at = armor_in_next(in, &n);

		if (at == NULL)
			return -1;
		memcpy(to, at, n);
		to += n;
		len -= n;
	}
	return 0;
}

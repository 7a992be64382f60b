#include "worker/tasks/encoding.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/wipe.h"

#define ENCODING_SMALL 160 /* bytes of text: of a digest, or less */

/* Beside hex, which is no variant of base64, and bytes, which are no text. */
static const struct {
	const char *name;
	int variant;
} encoding_base64[] = {
    {"base64", sodium_base64_VARIANT_ORIGINAL},
    {"base64url", sodium_base64_VARIANT_URLSAFE_NO_PADDING},
};

const char *const encoding_names[] = {"hex", "base64", "base64url", "bin",
    NULL};

/* The variant of base64 that is meant, or 0: it is hex. */
static int
encoding_variant(const msgpack_object *encoding)
{
	for (size_t i = 0; i < sizeof encoding_base64 / sizeof *encoding_base64;
	     i++) {
		if (call_is(encoding, encoding_base64[i].name))
			return encoding_base64[i].variant;
	}
	return 0;
}

/* Spells the bytes; size counts the NUL at the end. */
static void
encoding_spell(int variant, char *text, size_t size, const uint8_t *bytes,
    size_t len)
{
	if (variant == 0)
		sodium_bin2hex(text, size, bytes, len);
	else
		sodium_bin2base64(text, size, bytes, len, variant);
}

/* Packs text that was made in a place of its own, its NUL not included. */
static int
encoding_pack_text(struct call *call, const char *text, size_t size)
{
	uint8_t *place = call_place(call, size - 1, true);

	if (place == NULL)
		return -1;
	memcpy(place, text, size - 1);
	return 0;
}

/* The same for text that is too long for the stack. */
static int
encoding_pack_long(struct call *call, int variant, size_t size,
    const uint8_t *bytes, size_t len)
{
	char *text = wipe_malloc(size);
	int rc;

	if (text == NULL)
		return call_no_memory(call);
	encoding_spell(variant, text, size, bytes, len);
	rc = encoding_pack_text(call, text, size);
	wipe_free(text);
	return rc;
}

int
encoding_pack(struct call *call, const msgpack_object *encoding,
    const uint8_t *bytes, size_t len)
{
	char text[ENCODING_SMALL];
	int variant = encoding_variant(encoding);
	size_t size = variant == 0 ? 2 * len + 1
				   : sodium_base64_encoded_len(len, variant);
	int rc;

	if (call_is(encoding, "bin")) {
		uint8_t *place = call_place(call, len, false);

		if (place == NULL)
			return -1;
		memcpy(place, bytes, len);
		return 0;
	}
	if (size > sizeof text)
		return encoding_pack_long(call, variant, size, bytes, len);
	encoding_spell(variant, text, size, bytes, len);
	rc = encoding_pack_text(call, text, size);
	sodium_memzero(text, sizeof text);
	return rc;
}

#include "worker/tasks/base64url.h"

#include <errno.h>
#include <stdbool.h>

#include <sodium.h>

#include "worker/wipe.h"

/* libsodium 1.0.18 reads every byte over 127 as if it were '_'. */
static bool
base64url_is_ascii(const char *text, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

uint8_t *
base64url_decode(const char *text, size_t text_len, size_t *len)
{
	size_t max = text_len / 4 * 3 + 3;
	uint8_t *out;

	errno = EINVAL;
	if (!base64url_is_ascii(text, text_len))
		return NULL;
	out = wipe_malloc(max);
	if (out == NULL)
		return NULL;
	if (sodium_base642bin(out, max, text, text_len, NULL, len, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0)
		return out;
	wipe_free(out);
	errno = EINVAL;
	return NULL;
}

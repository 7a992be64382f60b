#include "worker/tasks/token-bare.h"

#include <string.h>

#include <sodium.h>

#include "worker/tasks/token-key.h"
#include "worker/tasks/token-pem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BARE_BLANKS " \t\r\n"
#define BARE_HEX_MARKS ":" BARE_BLANKS /* OpenSSL writes bytes with colons */

/*
 * What stands in some forms and in no secret that was drawn. The first are
 * names of kinds, with their length before them, in base64.
 */
static const struct {
	const char *text;
	size_t len;
} bare_marks[] = {
#define MARK(text)                    \
	{                             \
		text, sizeof text - 1 \
	}
    MARK("AAAAB3NzaC1yc2E"), /* ssh-rsa */
    MARK("AAAAB3NzaC1kc3M"), /* ssh-dss */
    MARK("AAAAC3NzaC1lZDI1"), /* ssh-ed25519 */
    MARK("AAAAE2VjZHNh"), /* ecdsa-sha2-nistp256 and others */
    MARK("---- BEGIN SSH2"),
    MARK("B\0E\0G\0I\0N"), /* of PEM in UTF-16, of either order */
    MARK("<RSAKeyValue"),
    MARK("\"kty\""),
#undef MARK
};

/* With what base64 and hex begin: of DER, and of "-----BEGIN". */
static const char *const bare_base64[] = {"M", "LS0tLS1CRUdJT"};
static const char *const bare_hex[] = {"30", "2d", "2D"};

static bool
bare_starts(const uint8_t *bytes, size_t len, const char *const *with, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t need = strlen(with[i]);

		if (len >= need && memcmp(bytes, with[i], need) == 0)
			return true;
	}
	return false;
}

/* Whether bytes that were spelled otherwise are a key. */
static bool
bare_is_key(const uint8_t *bytes, size_t len)
{
	return token_pem_is(bytes, len) || token_pem_is_der(bytes, len);
}

/* Undoes base64 of either alphabet, as far as it goes. Returns the length. */
static size_t
bare_from_base64(const uint8_t *bytes, size_t len, uint8_t *to, size_t size)
{
	bool url =
	    memchr(bytes, '-', len) != NULL || memchr(bytes, '_', len) != NULL;
	const char *end;
	size_t n = 0;

	if (sodium_base642bin(to, size, (const char *)bytes, len, BARE_BLANKS,
		&n, &end,
		url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
		    : sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == -1)
		return 0;
	return n;
}

/* The same of hex. */
static size_t
bare_from_hex(const uint8_t *bytes, size_t len, uint8_t *to, size_t size)
{
	const char *end;
	size_t n = 0;

	if (sodium_hex2bin(to, size, (const char *)bytes, len, BARE_HEX_MARKS,
		&n, &end) == -1)
		return 0;
	return n;
}

/* Whether bytes are the spelling of a key; all secrets but few end soon. */
static bool
bare_is_spelled(const uint8_t *bytes, size_t len)
{
	uint8_t plain[TOKEN_KEY_SHARED_MAX];
	size_t n = 0;
	bool is;

	if (bare_starts(bytes, len, bare_base64, COUNT(bare_base64)))
		n = bare_from_base64(bytes, len, plain, sizeof plain);
	else if (bare_starts(bytes, len, bare_hex, COUNT(bare_hex)))
		n = bare_from_hex(bytes, len, plain, sizeof plain);
	is = n > 0 && bare_is_key(plain, n);
	sodium_memzero(plain, n);
	return is;
}

bool
token_bare_is(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < COUNT(bare_marks); i++) {
		if (memmem(bytes, len, bare_marks[i].text, bare_marks[i].len) !=
		    NULL)
			return true;
	}
	while (len > 0 && strchr(BARE_BLANKS, bytes[0]) != NULL &&
	       bytes[0] != '\0') {
		bytes++;
		len--;
	}
	return token_pem_is_der(bytes, len) || bare_is_spelled(bytes, len);
}

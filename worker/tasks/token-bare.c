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
#define MARK(text)                       \
	{                                \
		(text), sizeof(text) - 1 \
	}
    MARK("AAAAB3NzaC1yc2E"), /* ssh-rsa */
    MARK("AAAAB3NzaC1kc3M"), /* ssh-dss */
    MARK("AAAAC3NzaC1lZDI1"), /* ssh-ed25519 */
    MARK("AAAAE2VjZHNh"), /* ecdsa-sha2-nistp256 and others */
    MARK("---- BEGIN SSH2"),
    MARK("BEGIN PUBLIC KEY"), /* with other lines around than PEM's */
    MARK("BEGIN RSA PUBLIC KEY"),
    MARK("BEGIN CERTIFICATE"),
    MARK("B\0E\0G\0I\0N"), /* of PEM in UTF-16, of either order */
    MARK("<RSAKeyValue"),
    MARK("\"kty\""),
    MARK("\"x5c\""),
#undef MARK
};

/* What people put around a key: it is passed over. */
static const char *const bare_leads[] = {"\xef\xbb\xbf", "0x", "0X", "\"", "'",
    " ", "\t", "\r", "\n"};

/*
 * With what base64 and hex begin: of DER, of "-----BEGIN", and of a map in
 * JSON. A secret that was drawn seldom begins so, and then ends soon.
 */
static const char *const bare_base64[] = {"M", "LS0t", "ey", "ew"};
static const char *const bare_hex[] = {"30", "2d", "2D", "7b", "7B"};

/* Which of the texts bytes begin with: its length; 0: none. */
static size_t
bare_starts(const uint8_t *bytes, size_t len, const char *const *with, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t need = strlen(with[i]);

		if (len >= need && memcmp(bytes, with[i], need) == 0)
			return need;
	}
	return 0;
}

/* Whether one of the marks may begin so: each secret is looked through. */
static bool
bare_begins_mark(uint8_t c)
{
	return c == 'A' || c == 'B' || c == '-' || c == '<' || c == '"';
}

static bool
bare_is_mark(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < COUNT(bare_marks); i++) {
		if (len >= bare_marks[i].len &&
		    memcmp(bytes, bare_marks[i].text, bare_marks[i].len) == 0)
			return true;
	}
	return false;
}

static bool
bare_has_mark(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bare_begins_mark(bytes[i]) &&
		    bare_is_mark(bytes + i, len - i))
			return true;
	}
	return false;
}

/* Whether bytes that were spelled otherwise are a key. */
static bool
bare_is_key(const uint8_t *bytes, size_t len)
{
	return token_pem_is(bytes, len) || token_pem_is_der(bytes, len) ||
	       bare_has_mark(bytes, len);
}

/* Undoes base64 as far as it goes, and looks at it. */
static bool
bare_is_base64(const uint8_t *bytes, size_t len, int variant)
{
	uint8_t plain[TOKEN_KEY_SHARED_MAX];
	const char *end;
	size_t n = 0;
	bool is = sodium_base642bin(plain, sizeof plain, (const char *)bytes,
		      len, BARE_BLANKS, &n, &end, variant) == 0 &&
		  bare_is_key(plain, n);

	sodium_memzero(plain, sizeof plain);
	return is;
}

/* The same with hex. */
static bool
bare_is_hex(const uint8_t *bytes, size_t len)
{
	uint8_t plain[TOKEN_KEY_SHARED_MAX];
	const char *end;
	size_t n = 0;
	bool is = sodium_hex2bin(plain, sizeof plain, (const char *)bytes, len,
		      BARE_HEX_MARKS, &n, &end) == 0 &&
		  bare_is_key(plain, n);

	sodium_memzero(plain, sizeof plain);
	return is;
}

/* Whether bytes are the spelling of a key. */
static bool
bare_is_spelled(const uint8_t *bytes, size_t len)
{
	if (bare_starts(bytes, len, bare_base64, COUNT(bare_base64)) > 0)
		return bare_is_base64(bytes, len,
			   sodium_base64_VARIANT_ORIGINAL_NO_PADDING) ||
		       bare_is_base64(bytes, len,
			   sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return bare_starts(bytes, len, bare_hex, COUNT(bare_hex)) > 0 &&
	       bare_is_hex(bytes, len);
}

bool
token_bare_is(const uint8_t *bytes, size_t len)
{
	size_t n;

	if (bare_has_mark(bytes, len))
		return true;
	while (
	    (n = bare_starts(bytes, len, bare_leads, COUNT(bare_leads))) > 0) {
		bytes += n;
		len -= n;
	}
	return token_pem_is_der(bytes, len) || bare_is_spelled(bytes, len);
}

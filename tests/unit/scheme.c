#include "tests/unit/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/unit/forge-keys.h"

/* Where a key is NULL, it is made in the set-up: none is published. */
struct scheme scheme_list[SCHEMES] = {
    {"HS256", "SHA256", 0, "k", "k"},
    {"HS384", "SHA384", 0, "k", "k"},
    {"HS512", "SHA512", 0, "k", "k"},
    {"RS256", "SHA256", 0, FORGE_RSA, FORGE_RSA_PUBLIC},
    {"RS384", "SHA384", 0, FORGE_RSA, FORGE_RSA_PUBLIC},
    {"RS512", "SHA512", 0, FORGE_RSA, FORGE_RSA_PUBLIC},
    {"ES256", "SHA256", 32, FORGE_P256, FORGE_P256_PUBLIC},
    {"ES384", "SHA384", 48, NULL, NULL},
    {"ES512", "SHA512", 66, FORGE_P521, FORGE_P521_PUBLIC},
};

/* Makes what is not published. */
int
scheme_setup(void **state)
{
	if (tasking_setup(state) < 0)
		return -1;
	scheme_list[7].private = strdup(forge_private(forge_key("P-384")));
	scheme_list[7].public = strdup(forge_public(forge_key("P-384")));
	return 0;
}

int
scheme_teardown(void **state)
{
	free((char *)(uintptr_t)scheme_list[7].private);
	free((char *)(uintptr_t)scheme_list[7].public);
	return 0;
}

/* A token of a scheme with any header. */
const char *
scheme_token(size_t i, const char *header)
{
	return scheme_list[i].name[0] == 'H'
		   ? forge_hmac(scheme_list[i].md, header, SCHEME_PAYLOAD,
			 scheme_list[i].private)
		   : forge_signed(scheme_list[i].md, header, SCHEME_PAYLOAD,
			 scheme_list[i].private, scheme_list[i].half);
}

/* A good token of a scheme. */
const char *
scheme_good(size_t i)
{
	char header[64];

	snprintf(header, sizeof header, SCHEME_HEADER, scheme_list[i].name);
	return scheme_token(i, header);
}

const msgpack_object *
scheme_verify(size_t i, const char *token)
{
	return forge_verify_by(scheme_list[i].public, token, "{}");
}

/* The signature of a token; its length. */
size_t
scheme_signature(const char *token, uint8_t out[SCHEME_SIGNATURE])
{
	const char *text = strrchr(token, '.') + 1;
	size_t n = 0;

	assert_int_equal(sodium_base642bin(out, SCHEME_SIGNATURE, text,
			     strlen(text), NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	return n;
}

/* token_make(): from claims to a token. */

#include <string.h>

#include <jwt.h>
#include <sodium.h>

#include "worker/tasks/token-seal.h"
#include "worker/tasks/token.h"
#include "worker/wipe.h"

/* As the JWT library writes them: the same claims give the same text. */
#define MAKE_JSON (JSON_COMPACT | JSON_SORT_KEYS)
#define MAKE_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* The library's names of the algorithms that take a shared secret. */
static const jwt_alg_t make_library_algorithms[] = {
    [TOKEN_HS256] = JWT_ALG_HS256,
    [TOKEN_HS384] = JWT_ALG_HS384,
    [TOKEN_HS512] = JWT_ALG_HS512,
};

/* Gives the library a JSON object's text; 0, or an errno. */
static int
make_add(jwt_t *jwt, int (*add)(jwt_t *jwt, const char *text),
    const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	int rc = text != NULL ? add(jwt, text) : -1;

	wipe_free(text);
	return rc;
}

/* Fills in a token of the library; 0, or an errno. */
static int
make_fill(jwt_t *jwt, const json_t *header, const json_t *payload,
    int algorithm, const struct token_key *key)
{
	int rc = make_add(jwt, jwt_add_grants_json, payload);

	if (rc == 0 && json_object_size(header) > 0)
		rc = make_add(jwt, jwt_add_headers_json, header);
	if (rc == 0)
		rc = jwt_set_alg(jwt, make_library_algorithms[algorithm],
		    key->bytes, (int)key->len);
	return rc;
}

/* Has the JWT library make a token, with a shared secret. */
static char *
make_by_library(const json_t *header, const json_t *payload, int algorithm,
    const struct token_key *key)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) != 0)
		return NULL;
	if (make_fill(jwt, header, payload, algorithm, key) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	return text;
}

/* Writes the whole header: what was given, alg, and typ if there is none. */
static char *
make_header(const json_t *given, int algorithm)
{
	json_t *header = json_object();
	char *text = NULL;

	if (json_object_set_new(header, "typ", json_string("JWT")) == 0 &&
	    json_object_update(header, (json_t *)given) == 0 &&
	    json_object_set_new(header, "alg",
		json_string(token_key_algorithms[algorithm])) == 0)
		text = json_dumps(header, MAKE_JSON);
	json_decref(header);
	return text;
}

/* Appends bytes in base64url at a place; where it ends. */
static char *
make_append(char *at, const void *bytes, size_t len)
{
	size_t room = sodium_base64_encoded_len(len, MAKE_BASE64);

	sodium_bin2base64(at, room, bytes, len, MAKE_BASE64);
	return at + room - 1; /* room counts a NUL */
}

/* Joins header and payload, and signs them. */
static char *
make_signed(const char *header, const char *payload, int algorithm,
    const struct token_key *key)
{
	size_t header_len = strlen(header), payload_len = strlen(payload), n;
	char *text =
	    wipe_malloc(sodium_base64_encoded_len(header_len, MAKE_BASE64) +
			sodium_base64_encoded_len(payload_len, MAKE_BASE64) +
			sodium_base64_encoded_len(TOKEN_SEAL_MAX, MAKE_BASE64));
	uint8_t signature[TOKEN_SEAL_MAX];
	char *end;

	if (text == NULL)
		return NULL;
	end = make_append(text, header, header_len);
	*end++ = '.';
	end = make_append(end, payload, payload_len);
	n = token_seal_make(algorithm, key, text, (size_t)(end - text),
	    signature);
	if (n > 0) {
		*end++ = '.';
		make_append(end, signature, n);
		return text;
	}
	wipe_free(text);
	return NULL;
}

/*
 * Makes a token by OpenSSL, with a key that was parsed before: the library
 * would parse it for each token, which takes ten times as long as signing.
 */
static char *
make_by_key(const json_t *header, const json_t *payload, int algorithm,
    const struct token_key *key)
{
	char *header_text = make_header(header, algorithm);
	char *payload_text = json_dumps(payload, MAKE_JSON);
	char *text = NULL;

	if (header_text != NULL && payload_text != NULL)
		text = make_signed(header_text, payload_text, algorithm, key);
	wipe_free(header_text);
	wipe_free(payload_text);
	return text;
}

/* Whether the JWT library can make it: it overwrites every typ with "JWT". */
static bool
make_library_can(const json_t *header, const struct token_key *key)
{
	return key->kind == TOKEN_KIND_SHARED &&
	       json_object_get(header, "typ") == NULL;
}

char *
token_make(const json_t *header, const json_t *payload, int algorithm,
    const struct token_key *key)
{
	return (make_library_can(header, key)
		    ? make_by_library
		    : make_by_key)(header, payload, algorithm, key);
}

/* token_make(): from claims to a token. */

#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "worker/tasks/token-seal.h"
#include "worker/tasks/token.h"
#include "worker/wipe.h"

/* As JWT libraries write them: the same claims give the same text. */
#define MAKE_JSON (JSON_COMPACT | JSON_SORT_KEYS)
#define MAKE_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

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
 * The JWT library would parse a PEM key for each token, which takes ten times
 * as long as signing, and takes claims as text alone, which it parses, and writes
 * again: a token of 64 KiB took more than twice as long.
 */
char *
token_make(const json_t *header, const json_t *payload, int algorithm,
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

#include "worker/tasks/token.h"

#include <stdio.h>
#include <string.h>

#include "worker/tasks/base64url.h"
#include "worker/tasks/token-seal.h"
#include "worker/tasks/value.h"
#include "worker/wipe.h"

#define TOKEN_PARTS 3
#define TOKEN_HEADER_KEPT 256 /* bytes of a header's text that is kept */
#define TOKEN_NAME 64 /* bytes of an option's name, its NUL included */

/*
 * RFC 7515, 4.1.11: who does not understand what crit names must refuse the
 * token. b64 (RFC 7797) says that the payload is not what it looks like.
 */
const char *const token_forbidden[] = {"crit", "b64", NULL};

/* One of the three parts, in the token's text. */
struct part {
	const char *text;
	size_t len;
};

/* Checks one string of an option. */
static int
token_check_string(struct call *call, const char *name,
    const msgpack_object *arg)
{
	if (arg->type == MSGPACK_OBJECT_STR && arg->via.str.size > 0 &&
	    arg->via.str.size <= TOKEN_STRING_MAX)
		return 0;
	return call_refuse(call, name, "a string of 1 to 1024 bytes", arg);
}

/* Checks each string of an array. */
static int
token_check_array(struct call *call, const char *name,
    const msgpack_object *arg)
{
	char element[TOKEN_NAME];
	uint32_t n = arg->via.array.size;

	if (n == 0 || n > TOKEN_STRINGS_MAX)
		return call_refuse(call, name,
		    "a string or an array of 1 to 32 strings", arg);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(element, sizeof element, "%s[%u]", name, i);
		if (token_check_string(call, element, &arg->via.array.ptr[i]) <
		    0)
			return -1;
	}
	return 0;
}

json_t *
token_strings(struct call *call, const char *name, const msgpack_object *arg,
    bool many)
{
	int rc = many && arg->type == MSGPACK_OBJECT_ARRAY
		     ? token_check_array(call, name, arg)
		     : token_check_string(call, name, arg);

	return rc == 0 ? value_to_json(call, name, arg) : NULL;
}

/* Splits at the dots; false unless there are exactly two. */
static bool
token_split(const char *text, struct part parts[TOKEN_PARTS])
{
	for (int i = 0; i < TOKEN_PARTS; i++) {
		const char *end = strchrnul(text, '.');

		parts[i].text = text;
		parts[i].len = (size_t)(end - text);
		if (i == TOKEN_PARTS - 1)
			return *end == '\0';
		if (*end == '\0')
			return false;
		text = end + 1;
	}
	return false;
}

/* Reads a part as a JSON object without a name given twice, or NULL. */
static json_t *
token_object(const struct part *part)
{
	size_t len;
	uint8_t *text = base64url_decode(part->text, part->len, &len);
	json_t *json = NULL;

	if (text != NULL)
		json = json_loadb((const char *)text, len,
		    JSON_REJECT_DUPLICATES, NULL);
	wipe_free(text);
	if (json_is_object(json) && value_fits(json))
		return json;
	json_decref(json);
	return NULL;
}

/*
 * The header that was read last: nearly all tokens of one maker have the same.
 * It holds no secret and no claims.
 */
static struct {
	char text[TOKEN_HEADER_KEPT];
	size_t len; /* of its text; 0: none is kept */
	json_t *json; /* owned */
} token_last_header;

/* Reads the header, a new reference, or NULL. */
static json_t *
token_header(const struct part *part)
{
	json_t *json;

	if (part->len > 0 && part->len == token_last_header.len &&
	    memcmp(part->text, token_last_header.text, part->len) == 0)
		return json_incref(token_last_header.json);
	json = token_object(part);
	if (json == NULL || part->len > TOKEN_HEADER_KEPT)
		return json;
	json_decref(token_last_header.json);
	token_last_header.json = json_incref(json);
	token_last_header.len = part->len;
	memcpy(token_last_header.text, part->text, part->len);
	return json;
}

/* Whether the header asks for nothing that is not understood here. */
static bool
token_header_plain(const json_t *header, const char *expected)
{
	const json_t *typ = json_object_get(header, "typ");

	for (size_t i = 0; token_forbidden[i] != NULL; i++) {
		if (json_object_get(header, token_forbidden[i]) != NULL)
			return false;
	}
	if (typ == NULL)
		return expected == NULL;
	return json_is_string(typ) &&
	       strcasecmp(json_string_value(typ),
		   expected != NULL ? expected : "JWT") == 0;
}

const char *
token_parse(struct token *t, const uint8_t *text, size_t len, const char *typ)
{
	struct part parts[TOKEN_PARTS];

	memset(t, 0, sizeof *t);
	if (len == 0)
		return "jwt must be provided";
	if (len > TOKEN_MAX || memchr(text, '\0', len) != NULL)
		return "jwt malformed";
	t->text = wipe_malloc(len + 1);
	if (t->text == NULL)
		return "out of memory";
	memcpy(t->text, text, len);
	t->text[len] = '\0';
	if (!token_split(t->text, parts))
		return "jwt malformed";
	t->header = token_header(&parts[0]);
	t->payload = token_object(&parts[1]);
	if (t->header == NULL || t->payload == NULL ||
	    !token_header_plain(t->header, typ))
		return "invalid token";
	if (parts[2].len == 0)
		return "jwt signature is required";
	t->signed_len = (size_t)(parts[2].text - t->text) - 1;
	t->signature =
	    base64url_decode(parts[2].text, parts[2].len, &t->signature_len);
	return t->signature != NULL ? NULL : "invalid token";
}

void
token_clear(struct token *t)
{
	wipe_free(t->text);
	wipe_free(t->signature);
	json_decref(t->header);
	json_decref(t->payload);
	memset(t, 0, sizeof *t);
}

/*
 * By OpenSSL, not by the JWT library: that would take apart once more what
 * token_parse() has, take longer for it than for the signature, and parse the
 * key each time.
 */
bool
token_genuine(const struct token *t, int algorithm, const struct token_key *key)
{
	return token_seal_check(algorithm, key, t->text, t->signed_len,
	    t->signature, t->signature_len);
}

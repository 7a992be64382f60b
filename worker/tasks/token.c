#include "worker/tasks/token.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "worker/field.h"
#include "worker/tasks/base64url.h"
#include "worker/tasks/value.h"
#include "worker/wipe.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TOKEN_PARTS 3
#define TOKEN_HEADER_KEPT 256 /* bytes of a header's text that is kept */
#define TOKEN_NAME 64 /* bytes of an option's name, its NUL included */

const char *const token_algorithms[] = {"HS256", "HS384", "HS512", NULL};
static const jwt_alg_t token_library_algorithms[] = {JWT_ALG_HS256,
    JWT_ALG_HS384, JWT_ALG_HS512};
static const char *const token_digests[] = {"SHA256", "SHA384", "SHA512"};
static EVP_MAC_CTX *token_macs[COUNT(token_digests)]; /* without a key */

/* One of the three parts, in the token's text. */
struct part {
	const char *text;
	size_t len;
};

int
token_algorithm(const char *name, size_t len)
{
	for (int i = 0; token_algorithms[i] != NULL; i++) {
		if (strlen(token_algorithms[i]) == len &&
		    memcmp(token_algorithms[i], name, len) == 0)
			return i;
	}
	return -1;
}

int
token_secret(struct call *call, const msgpack_object *arg,
    struct token_secret *secret)
{
	static const char pem[] = "-----BEGIN";
	size_t len;

	secret->bytes = call_bytes(arg, &len);
	if (len == 0 || len > TOKEN_SECRET_MAX)
		return call_refuse(call, "secret",
		    "a string or bytes of 1 to 4096 bytes", arg);
	/*
	 * Who verifies with a public key by mistake would accept every token
	 * that was made with HMAC and that key, which is no secret.
	 */
	if (memmem(secret->bytes, len, pem, sizeof pem - 1) != NULL)
		return call_invalid(call, "secret",
		    "secret takes a shared secret, not a key in PEM: the HS "
		    "algorithms have no public keys");
	secret->len = (int)len;
	return 0;
}

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
token_header_plain(const json_t *header)
{
	const json_t *typ = json_object_get(header, "typ");

	if (json_object_get(header, "crit") != NULL)
		return false;
	return typ == NULL ||
	       (json_is_string(typ) &&
		   strcasecmp(json_string_value(typ), "JWT") == 0);
}

const char *
token_parse(struct token *t, const uint8_t *text, size_t len)
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
	    !token_header_plain(t->header))
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

/* Computes the signature that a text should have. Its length, or 0. */
static size_t
token_mac(int algorithm, const struct token_secret *secret, const char *text,
    size_t len, uint8_t mac[EVP_MAX_MD_SIZE])
{
	/* a context of its own: freeing it wipes the secret that it keeps */
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(token_macs[algorithm]);
	size_t n = 0;

	if (ctx == NULL ||
	    !EVP_MAC_init(ctx, secret->bytes, (size_t)secret->len, NULL) ||
	    !EVP_MAC_update(ctx, (const uint8_t *)text, len) ||
	    !EVP_MAC_final(ctx, mac, &n, EVP_MAX_MD_SIZE))
		n = 0;
	EVP_MAC_CTX_free(ctx);
	return n;
}

/*
 * By OpenSSL, not by the JWT library: that would take apart once more what
 * token_parse() has, and take longer for it than for the signature.
 */
bool
token_genuine(const struct token *t, int algorithm,
    const struct token_secret *secret)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t n = token_mac(algorithm, secret, t->text, t->signed_len, mac);
	bool genuine = n > 0 && n == t->signature_len &&
		       CRYPTO_memcmp(mac, t->signature, n) == 0;

	OPENSSL_cleanse(mac, sizeof mac);
	return genuine;
}

/* Fills in a token of the library; 0, or an errno. */
static int
token_fill(jwt_t *jwt, const json_t *payload, const char *keyid, int algorithm,
    const struct token_secret *secret)
{
	char *text = json_dumps(payload, JSON_COMPACT);
	int rc;

	if (text == NULL)
		return -1;
	rc = jwt_add_grants_json(jwt, text);
	wipe_free(text);
	if (rc == 0 && keyid != NULL)
		rc = jwt_add_header(jwt, "kid", keyid);
	if (rc == 0)
		rc = jwt_set_alg(jwt, token_library_algorithms[algorithm],
		    secret->bytes, secret->len);
	return rc;
}

char *
token_make(const json_t *payload, const char *keyid, int algorithm,
    const struct token_secret *secret)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) != 0)
		return NULL;
	if (token_fill(jwt, payload, keyid, algorithm, secret) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	return text;
}

/* Signs and verifies one token. */
static bool
token_try(int algorithm)
{
	const struct token_secret secret = {(const uint8_t *)"start", 5};
	json_t *payload = json_pack("{s:b}", "start", 1);
	char *text = token_make(payload, NULL, algorithm, &secret);
	struct token t = {.text = NULL};
	bool good =
	    text != NULL &&
	    token_parse(&t, (const uint8_t *)text, strlen(text)) == NULL &&
	    token_genuine(&t, algorithm, &secret);

	json_decref(payload);
	token_clear(&t);
	wipe_free(text);
	return good;
}

/* Makes the context that is copied for each token of an algorithm. */
static EVP_MAC_CTX *
token_mac_new(int algorithm)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		(char *)(uintptr_t)token_digests[algorithm], 0),
	    OSSL_PARAM_construct_end(),
	};

	EVP_MAC_free(hmac);
	if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

int
token_init(void)
{
	for (int i = 0; token_algorithms[i] != NULL; i++) {
		if (token_macs[i] == NULL)
			token_macs[i] = token_mac_new(i);
		if (token_macs[i] == NULL || !token_try(i))
			return -1;
	}
	return 0;
}

/* jwt:sign and jwt:verify; the keys of RS256 and ES256 are in bench-bare-pem.c */

#include "tools/bench-bare-token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include "tools/bench-spawn.h"

#define TOKEN_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define TOKEN_PART 1024 /* bytes of a part, decoded */
#define TOKEN_SECRET "0123456789abcdef0123456789abcdef"
#define TOKEN_SECRET_LEN (sizeof TOKEN_SECRET - 1)
#define TOKEN_GRANTS "{\"iat\":1700000000,\"role\":\"admin\",\"user\":7}"

#define TOKEN_SCOPES 1900 /* a token of nearly 64 KiB, the most that is taken */
#define TOKEN_SCOPE_FORMAT "orders:read:%08d"
#define TOKEN_SCOPE 24 /* bytes of one, its NUL included */
#define TOKEN_LARGE_GRANTS ((TOKEN_SCOPE + 4) * TOKEN_SCOPES)

static char *token_hs; /* with the secret */
static char *token_large; /* likewise, of TOKEN_SCOPES */
static char *token_large_grants;
static char *token_rs;
static EVP_MAC_CTX *token_hmac; /* of HMAC with SHA-256 and no key */

/* Claims with an array of many strings, in JSON. */
static char *
token_make_grants(void)
{
	char *grants = spawn_alloc(TOKEN_LARGE_GRANTS), *at = grants;

	at += sprintf(at, "{\"iat\":1700000000,\"scopes\":[");
	for (int i = 0; i < TOKEN_SCOPES; i++)
		at += sprintf(at, "%s\"" TOKEN_SCOPE_FORMAT "\"",
		    i > 0 ? "," : "", i);
	strcpy(at, "]}");
	return grants;
}

/* Makes a token; it is the caller's. */
static char *
token_make_hs(const char *grants)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, grants) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, (const uint8_t *)TOKEN_SECRET,
		TOKEN_SECRET_LEN) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	bare_check(text != NULL, "sign");
	return text;
}

static void
token_sign_work(const struct bare *bare)
{
	(void)bare;
	free(token_make_hs(TOKEN_GRANTS));
}

static void
token_sign_large_work(const struct bare *bare)
{
	(void)bare;
	free(token_make_hs(token_large_grants));
}

/* The library's way to a token's claims. */
static void
token_check_hs(const char *token)
{
	jwt_t *jwt = NULL;
	char *payload;
	int rc = jwt_decode(&jwt, token, (const uint8_t *)TOKEN_SECRET,
	    TOKEN_SECRET_LEN);

	bare_check(rc == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256, "verify");
	payload = jwt_get_grants_json(jwt, NULL);
	bare_check(payload != NULL, "verify");
	free(payload);
	jwt_free(jwt);
}

static void
token_verify_work(const struct bare *bare)
{
	(void)bare;
	token_check_hs(token_hs);
}

static void
token_verify_large_work(const struct bare *bare)
{
	(void)bare;
	token_check_hs(token_large);
}

/* Decodes one part of a token; gives its bytes. */
static size_t
token_decode(uint8_t *out, const char *part, size_t len)
{
	size_t n = 0;

	bare_check(sodium_base642bin(out, TOKEN_PART, part, len, NULL, &n, NULL,
		       TOKEN_BASE64) == 0,
	    "decode");
	return n;
}

/*
 * Takes a token apart: parses the payload, decodes the signature, and gives the
 * bytes of what was signed. The header is known.
 */
static size_t
token_take_apart(const char *token, uint8_t *signature, size_t *n)
{
	uint8_t bytes[TOKEN_PART];
	const char *payload = strchr(token, '.') + 1;
	const char *last = strchr(payload, '.') + 1;
	size_t len = token_decode(bytes, payload, (size_t)(last - payload) - 1);
	json_t *json =
	    json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);

	bare_check(json != NULL, "parse");
	json_decref(json);
	*n = token_decode(signature, last, strlen(last));
	return (size_t)(last - token) - 1;
}

/* The same with the calls that the worker makes. */
static void
token_verify_by_hand_work(const struct bare *bare)
{
	uint8_t signature[TOKEN_PART], mac[EVP_MAX_MD_SIZE];
	size_t n, made = 0, len = token_take_apart(token_hs, signature, &n);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(token_hmac);

	(void)bare;
	EVP_MAC_init(ctx, (const uint8_t *)TOKEN_SECRET, TOKEN_SECRET_LEN,
	    NULL);
	EVP_MAC_update(ctx, (const uint8_t *)token_hs, len);
	EVP_MAC_final(ctx, mac, &made, sizeof mac);
	bare_check(n == made && CRYPTO_memcmp(mac, signature, n) == 0,
	    "verify");
	EVP_MAC_CTX_free(ctx);
}

static void
token_verify_rs_work(const struct bare *bare)
{
	uint8_t signature[TOKEN_PART];
	size_t n, len = token_take_apart(token_rs, signature, &n);

	(void)bare;
	bare_check(token_pem_verify(token_rs, len, signature, n), "verify");
}

/* Writes base64url to *at, and moves it behind. */
static void
token_encode(char **at, const void *bytes, size_t n)
{
	sodium_bin2base64(*at, sodium_base64_ENCODED_LEN(n, TOKEN_BASE64),
	    bytes, n, TOKEN_BASE64);
	*at += strlen(*at);
}

/* Makes a token of the claims: head, payload of JSON, and a signature. */
static void
token_make(char *out, const char *algorithm,
    size_t (*sign)(const char *text, size_t len, uint8_t *signature))
{
	uint8_t signature[TOKEN_PEM_SIGNATURE];
	json_t *head = json_pack("{s:s, s:s}", "alg", algorithm, "typ", "JWT");
	json_t *claims = json_pack("{s:i, s:s, s:i}", "iat", 1700000000, "role",
	    "admin", "user", 7);
	char *text = json_dumps(head, JSON_COMPACT | JSON_SORT_KEYS);
	char *at = out;

	token_encode(&at, text, strlen(text));
	free(text);
	*at++ = '.';
	text = json_dumps(claims, JSON_COMPACT | JSON_SORT_KEYS);
	token_encode(&at, text, strlen(text));
	free(text);
	json_decref(head);
	json_decref(claims);
	*at = '.';
	token_encode(&(char *){at + 1}, signature,
	    sign(out, (size_t)(at - out), signature));
}

static void
token_sign_es_work(const struct bare *bare)
{
	(void)bare;
	token_make(bare_common.out, "ES256", token_pem_sign_es);
}

/* {"secret": ..., "payload": ...}, and the algorithm if it is not HS256. */
static void
token_form_sign(struct form *f, const char *secret, const char *algorithm)
{
	struct request r;

	request_init(&r, "jwt:sign", algorithm != NULL ? 3 : 2);
	request_str(&r, "secret", secret);
	request_key(&r, "payload");
	msgpack_pack_map(&r.pk, 3);
	request_key(&r, "iat");
	msgpack_pack_int64(&r.pk, 1700000000);
	request_str(&r, "role", "admin");
	request_key(&r, "user");
	msgpack_pack_int64(&r.pk, 7);
	if (algorithm != NULL) {
		request_key(&r, "options");
		msgpack_pack_map(&r.pk, 1);
		request_str(&r, "algorithm", algorithm);
	}
	request_end(&r, f);
}

/* {"secret": ..., "token": ...}, which is valid. */
static void
token_form_verify(struct form *f, const char *secret, const char *token)
{
	static const uint8_t valid[] = "\x82\xa5valid\xc3";
	struct request r;

	request_init(&r, "jwt:verify", 2);
	request_str(&r, "secret", secret);
	request_str(&r, "token", token);
	request_end(&r, f);
	f->expect_len = sizeof valid - 1;
	memcpy(f->expect, valid, f->expect_len);
}

static void
token_sign_form(const struct bare *bare, struct form *f, bool by_fd)
{
	(void)bare;
	(void)by_fd; /* their input is small */
	token_form_sign(f, TOKEN_SECRET, NULL);
}

static void
token_sign_large_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;
	char scope[TOKEN_SCOPE];

	(void)bare;
	(void)by_fd;
	request_init(&r, "jwt:sign", 2);
	request_str(&r, "secret", TOKEN_SECRET);
	request_key(&r, "payload");
	msgpack_pack_map(&r.pk, 2);
	request_key(&r, "iat");
	msgpack_pack_int64(&r.pk, 1700000000);
	request_key(&r, "scopes");
	msgpack_pack_array(&r.pk, TOKEN_SCOPES);
	for (int i = 0; i < TOKEN_SCOPES; i++) {
		snprintf(scope, sizeof scope, TOKEN_SCOPE_FORMAT, i);
		request_key(&r, scope);
	}
	request_end(&r, f);
}

static void
token_verify_form(const struct bare *bare, struct form *f, bool by_fd)
{
	(void)bare;
	(void)by_fd;
	token_form_verify(f, TOKEN_SECRET, token_hs);
}

static void
token_verify_large_form(const struct bare *bare, struct form *f, bool by_fd)
{
	(void)bare;
	(void)by_fd;
	token_form_verify(f, TOKEN_SECRET, token_large);
}

static void
token_sign_es_form(const struct bare *bare, struct form *f, bool by_fd)
{
	(void)bare;
	(void)by_fd;
	token_form_sign(f, token_pem_es_private(), "ES256");
}

static void
token_verify_rs_form(const struct bare *bare, struct form *f, bool by_fd)
{
	(void)bare;
	(void)by_fd;
	token_form_verify(f, token_pem_rs_public(), token_rs);
}

/* A context of HMAC with SHA-256 and no key. */
static void
token_init_hmac(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};

	token_hmac = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	bare_check(token_hmac != NULL &&
		       EVP_MAC_CTX_set_params(token_hmac, params),
	    "begin HMAC");
	EVP_MAC_free(mac);
}

static void
token_init(void)
{
	token_init_hmac();
	token_pem_init();
	token_hs = token_make_hs(TOKEN_GRANTS);
	token_large_grants = token_make_grants();
	token_large = token_make_hs(token_large_grants);
	token_make(bare_common.out, "RS256", token_pem_sign_rs);
	token_rs = strdup(bare_common.out);
	bare_check(token_rs != NULL, "sign");
}

static void
token_clear(void)
{
	free(token_hs);
	free(token_large);
	free(token_large_grants);
	free(token_rs);
	EVP_MAC_CTX_free(token_hmac);
	token_pem_clear();
}

#define TOKEN_HS 0, BARE_SHORT, NULL
#define TOKEN_LARGE BARE_BRIEF, BARE_MIDDLE, NULL
#define TOKEN_PEM (BARE_OPTIONAL | BARE_BRIEF), BARE_SHORT, NULL

static const struct bare token_rows[] = {
    {"jwt:sign", NULL, "libjwt, from claims in JSON", TOKEN_HS, token_sign_form,
	token_sign_work},
    {"jwt:verify", NULL, "jwt_decode() of libjwt", TOKEN_HS, token_verify_form,
	token_verify_work},
    {"jwt:verify", "openssl_ratio",
	"OpenSSL and jansson, as the worker calls them", TOKEN_HS,
	token_verify_form, token_verify_by_hand_work},
    {"jwt:sign.large", NULL, "libjwt, from claims in JSON: 1,900 strings",
	TOKEN_LARGE, token_sign_large_form, token_sign_large_work},
    {"jwt:verify.large", NULL, "jwt_decode() of libjwt, nearly 64 KiB",
	TOKEN_LARGE, token_verify_large_form, token_verify_large_work},
    {"jwt:verify.rs256", NULL,
	"OpenSSL with a key of 2,048 bits that is kept, and jansson", TOKEN_PEM,
	token_verify_rs_form, token_verify_rs_work},
    {"jwt:sign.es256", NULL, "OpenSSL with a key that is kept, and jansson",
	TOKEN_PEM, token_sign_es_form, token_sign_es_work},
    {NULL},
};

const struct bare_family bare_token = {token_init, token_clear, token_rows};

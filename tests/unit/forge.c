#include "tests/unit/forge.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#define FORGE_TEXTS 8 /* texts that are good at once */
#define FORGE_TEXT 65536 /* bytes of each */
#define FORGE_KEYS 16 /* kinds of keys */
#define FORGE_SIGNATURE 2048 /* bytes */

/* The next of the places for texts, emptied. */
static char *
next_text(void)
{
	static char texts[FORGE_TEXTS][FORGE_TEXT];
	static unsigned int next;
	char *text = texts[next++ % FORGE_TEXTS];

	text[0] = '\0';
	return text;
}

void
forge_append(char *out, const void *bytes, size_t len)
{
	const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

	/* it fills all that it is given */
	sodium_bin2base64(out + strlen(out),
	    sodium_base64_encoded_len(len, variant), bytes, len, variant);
}

/* Writes header and payload. */
static char *
join(const char *header, const char *payload)
{
	char *text = next_text();

	forge_append(text, header, strlen(header));
	strcat(text, ".");
	forge_append(text, payload, strlen(payload));
	return text;
}

const char *
forge_hmac(const char *md, const char *header, const char *payload,
    const char *secret)
{
	char *text = join(header, payload);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	HMAC(EVP_get_digestbyname(md), secret, (int)strlen(secret),
	    (const uint8_t *)text, strlen(text), mac, &n);
	assert_true(n > 0);
	strcat(text, ".");
	forge_append(text, mac, n);
	return text;
}

const char *
forge_payload(const char *payload)
{
	return forge_hmac("SHA256", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
	    payload, "k");
}

/* Writes a DER signature as two numbers. */
static size_t
to_numbers(uint8_t *bytes, size_t len, size_t half)
{
	const uint8_t *der = bytes;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	assert_non_null(sig);
	assert_true(BN_bn2binpad(ECDSA_SIG_get0_r(sig), bytes, (int)half) > 0);
	assert_true(
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), bytes + half, (int)half) > 0);
	ECDSA_SIG_free(sig);
	return 2 * half;
}

const char *
forge_signed(const char *md, const char *header, const char *payload,
    const char *pem, size_t half)
{
	char *text = join(header, payload);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[FORGE_SIGNATURE];
	size_t n = sizeof signature;

	assert_non_null(pkey);
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, md, NULL, NULL, pkey,
			     NULL),
	    1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &n,
			     (const uint8_t *)text, strlen(text)),
	    1);
	if (half > 0)
		n = to_numbers(signature, n, half);
	strcat(text, ".");
	forge_append(text, signature, n);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return text;
}

const char *
forge_resigned(const char *token, const void *bytes, size_t len)
{
	char *text = next_text();

	strcpy(text, token);
	*(strrchr(text, '.') + 1) = '\0';
	forge_append(text, bytes, len);
	return text;
}

/* Makes a key of a kind. */
static EVP_PKEY *
make_key(const char *kind)
{
	if (strncmp(kind, "RSA", 3) == 0)
		return EVP_RSA_gen((unsigned int)atoi(kind + 3));
	if (strncmp(kind, "ED", 2) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, kind);
	return EVP_EC_gen(kind);
}

EVP_PKEY *
forge_key(const char *kind)
{
	static struct {
		const char *kind;
		EVP_PKEY *pkey;
	} keys[FORGE_KEYS];
	size_t i = 0;

	while (keys[i].kind != NULL && strcmp(keys[i].kind, kind) != 0)
		i++;
	assert_true(i < FORGE_KEYS - 1);
	if (keys[i].kind == NULL) {
		keys[i].kind = kind;
		keys[i].pkey = make_key(kind);
	}
	assert_non_null(keys[i].pkey);
	return keys[i].pkey;
}

/* Takes the text out of a BIO that is at its end. */
static const char *
take_text(BIO *bio)
{
	char *text = next_text();
	int n = BIO_read(bio, text, FORGE_TEXT - 1);

	assert_true(n > 0);
	text[n] = '\0';
	BIO_free(bio);
	return text;
}

const char *
forge_private(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0,
			     NULL, NULL),
	    1);
	return take_text(bio);
}

const char *
forge_public(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	return take_text(bio);
}

const char *
forge_certificate(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x509 = X509_new();
	X509_NAME *name = X509_get_subject_name(x509);

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const uint8_t *)"forge", -1, -1, 0);
	X509_set_issuer_name(x509, name);
	/* long over: only the key is of interest */
	ASN1_TIME_set(X509_getm_notBefore(x509), 0);
	ASN1_TIME_set(X509_getm_notAfter(x509), 1);
	X509_set_pubkey(x509, pkey);
	assert_true(X509_sign(x509, pkey, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	X509_free(x509);
	return take_text(bio);
}

const char *
forge_json(const char *text)
{
	char *out = next_text(), *end = out;

	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*end++ = '\\';
		*end++ = *text == '\n' ? 'n' : *text;
	}
	*end = '\0';
	return out;
}

const msgpack_object *
forge_verify_by(const char *key, const char *token, const char *options)
{
	return tasking_ok("jwt:verify",
	    "{'token': '%s', 'secret': '%s', 'options': %s}", token,
	    forge_json(key), options);
}

const msgpack_object *
forge_verify(const char *token, const char *options)
{
	return forge_verify_by("k", token, options);
}

const msgpack_object *
forge_accepted(const msgpack_object *verdict)
{
	const msgpack_object *valid = tasking_get(verdict, "valid");

	assert_int_equal(valid->type, MSGPACK_OBJECT_BOOLEAN);
	if (!valid->via.boolean)
		fail_msg("not valid: %s",
		    tasking_text(tasking_get(verdict, "error")));
	assert_int_equal(verdict->via.map.size, 2);
	assert_non_null(tasking_get(verdict, "payload"));
	return tasking_get(verdict, "payload");
}

void
forge_rejected(const msgpack_object *verdict, const char *error)
{
	const msgpack_object *valid = tasking_get(verdict, "valid");

	assert_int_equal(valid->type, MSGPACK_OBJECT_BOOLEAN);
	assert_false(valid->via.boolean);
	assert_int_equal(verdict->via.map.size, 2);
	if (error != NULL)
		tasking_assert_str(tasking_get(verdict, "error"), error);
}

void
forge_judged(const msgpack_object *verdict, const char *error)
{
	if (error != NULL)
		forge_rejected(verdict, error);
	else
		forge_accepted(verdict);
}

const char *
forge_sign_by(const char *key, const char *options)
{
	return tasking_text(tasking_ok("jwt:sign",
	    "{'payload': {'a': 1}, 'secret': '%s', 'options': %s}",
	    forge_json(key), options));
}

void
forge_sign_refused(const char *key, const char *why)
{
	const struct fault *f = tasking_refuses("secret", "jwt:sign",
	    "{'payload': {}, 'secret': '%s'}", forge_json(key));

	tasking_assert_contains(f->message, why);
}

void
forge_verify_refused(const char *key, const char *why)
{
	const struct fault *f = tasking_refuses("secret", "jwt:verify",
	    "{'token': 'a.b.c', 'secret': '%s'}", forge_json(key));

	tasking_assert_contains(f->message, why);
}

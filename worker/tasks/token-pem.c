#include "worker/tasks/token-pem.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PEM_GROUP 32 /* bytes of a curve's name, its NUL included */
#define DER_SEQUENCE 0x30 /* the first byte of every key in DER */
#define DER_WRONG 0x80 /* of what ASN1_get_object() returns */

#define PEM_BEGIN "-----BEGIN"
#define PEM_LABEL_PARAMETERS "EC PARAMETERS"

/* One block of PEM, decoded. */
struct pem_block {
	char *label; /* "PRIVATE KEY"; owned, as the others */
	char *header; /* lines before the base64 */
	uint8_t *der;
	long len;
};

static EVP_PKEY *
pem_rsa_private(const uint8_t **der, long len)
{
	return d2i_PrivateKey(EVP_PKEY_RSA, NULL, der, len);
}

static EVP_PKEY *
pem_ec_private(const uint8_t **der, long len)
{
	return d2i_PrivateKey(EVP_PKEY_EC, NULL, der, len);
}

/* PKCS#8, of whatever kind. */
static EVP_PKEY *
pem_private(const uint8_t **der, long len)
{
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, der, len);
	EVP_PKEY *pkey = info != NULL ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return pkey;
}

static EVP_PKEY *
pem_rsa_public(const uint8_t **der, long len)
{
	return d2i_PublicKey(EVP_PKEY_RSA, NULL, der, len);
}

static EVP_PKEY *
pem_public(const uint8_t **der, long len)
{
	return d2i_PUBKEY(NULL, der, len);
}

/* The key that a certificate is about; nothing else of it is looked at. */
static EVP_PKEY *
pem_certificate(const uint8_t **der, long len)
{
	X509 *x509 = d2i_X509(NULL, der, len);
	EVP_PKEY *pkey = x509 != NULL ? X509_get_pubkey(x509) : NULL;

	X509_free(x509);
	return pkey;
}

/* The blocks that hold a key. */
static const struct {
	const char *label;
	bool is_private;
	EVP_PKEY *(*read)(const uint8_t **der, long len);
} pem_forms[] = {
    {"PRIVATE KEY", true, pem_private},
    {"RSA PRIVATE KEY", true, pem_rsa_private},
    {"EC PRIVATE KEY", true, pem_ec_private},
    {"PUBLIC KEY", false, pem_public},
    {"RSA PUBLIC KEY", false, pem_rsa_public},
    {"CERTIFICATE", false, pem_certificate},
};

/* Curves, as OpenSSL names them. */
static const struct {
	const char *name;
	enum token_kind kind;
} pem_curves[] = {
    {"prime256v1", TOKEN_KIND_P256},
    {"secp384r1", TOKEN_KIND_P384},
    {"secp521r1", TOKEN_KIND_P521},
};

/*
 * Numbers of a private RSA key, none of which is longer than the modulus in a
 * real one: what OpenSSL computes with longer ones takes minutes.
 */
static const char *const pem_rsa_numbers[] = {OSSL_PKEY_PARAM_RSA_D,
    OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
    OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

static bool
pem_contains(const uint8_t *bytes, size_t len, const char *text)
{
	return memmem(bytes, len, text, strlen(text)) != NULL;
}

bool
token_pem_is(const uint8_t *bytes, size_t len)
{
	return pem_contains(bytes, len, PEM_BEGIN);
}

/*
 * Whether bytes begin as a key in DER does: a sequence, whole, that begins with
 * a number or another sequence. 0x30 alone says little: it is a "0", with which
 * every 16th secret in hex begins.
 */
static bool
pem_is_sequence(const uint8_t *bytes, size_t len)
{
	const uint8_t *at = bytes;
	int tag = 0, class = 0;
	long n = 0;
	bool is;

	if (len < 2 || bytes[0] != DER_SEQUENCE)
		return false;
	is = !(ASN1_get_object(&at, &n, &tag, &class, (long)len) & DER_WRONG) &&
	     !(ASN1_get_object(&at, &n, &tag, &class, n) & DER_WRONG) &&
	     (tag == V_ASN1_INTEGER || tag == V_ASN1_SEQUENCE);
	ERR_clear_error();
	return is;
}

bool
token_pem_is_der(const uint8_t *bytes, size_t len)
{
	bool found = false;

	/* all secrets end here: parsing takes a millisecond */
	if (!pem_is_sequence(bytes, len))
		return false;
	for (size_t i = 0; i < COUNT(pem_forms) && !found; i++) {
		const uint8_t *der = bytes;
		EVP_PKEY *pkey = pem_forms[i].read(&der, (long)len);

		found = pkey != NULL;
		EVP_PKEY_free(pkey);
	}
	ERR_clear_error();
	return found;
}

static void
pem_block_clear(struct pem_block *block)
{
	/* these wipe what they free: see wipe_install() */
	OPENSSL_free(block->label);
	OPENSSL_free(block->header);
	OPENSSL_free(block->der);
	memset(block, 0, sizeof *block);
}

/* Reads the first block other than parameters of a curve; false: none. */
static bool
pem_block_read(BIO *bio, struct pem_block *block)
{
	/* this only decodes: it never asks for a passphrase */
	while (PEM_read_bio(bio, &block->label, &block->header, &block->der,
		   &block->len) == 1) {
		if (strcmp(block->label, PEM_LABEL_PARAMETERS) != 0)
			return true;
		pem_block_clear(block);
	}
	memset(block, 0, sizeof *block);
	return false;
}

/* How often a text stands in bytes. */
static size_t
pem_count(const uint8_t *bytes, size_t len, const char *text)
{
	const uint8_t *end = bytes + len, *at = bytes;
	size_t n = 0;

	while (
	    (at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL) {
		at += strlen(text);
		n++;
	}
	return n;
}

/* Refuses the key for a reason that may follow "secret". */
#define pem_refuse(call, ...) \
	call_invalid(call, TOKEN_KEY_FIELD, TOKEN_KEY_FIELD " " __VA_ARGS__)

/* Reads the key in a block. NULL with the call's error set. */
static EVP_PKEY *
pem_block_key(struct call *call, const struct pem_block *block,
    bool *is_private)
{
	const uint8_t *der = block->der;
	EVP_PKEY *pkey = NULL;
	size_t i = 0;

	while (i < COUNT(pem_forms) &&
	       strcmp(block->label, pem_forms[i].label) != 0)
		i++;
	if (i == COUNT(pem_forms) || block->header[0] != '\0') {
		pem_refuse(call,
		    "takes \"PRIVATE KEY\", \"RSA PRIVATE KEY\", \"EC PRIVATE "
		    "KEY\", \"PUBLIC KEY\", \"RSA PUBLIC KEY\" or "
		    "\"CERTIFICATE\" in PEM, without headers, not another "
		    "block");
		return NULL;
	}
	*is_private = pem_forms[i].is_private;
	pkey = pem_forms[i].read(&der, block->len);
	if (pkey != NULL && der == block->der + block->len)
		return pkey;
	EVP_PKEY_free(pkey);
	pem_refuse(call, "has a damaged key in PEM, or one of an unknown kind");
	return NULL;
}

/* Reads the one block that a text has. NULL with the call's error set. */
static EVP_PKEY *
pem_only_key(struct call *call, BIO *bio, bool *is_private)
{
	struct pem_block block;
	EVP_PKEY *pkey;

	if (!pem_block_read(bio, &block)) {
		pem_refuse(call, "has a damaged block of PEM");
		return NULL;
	}
	pkey = pem_block_key(call, &block, is_private);
	pem_block_clear(&block);
	return pkey;
}

/* Bits of a number of a key; 0: it has none of that name. */
static int
pem_bits(const EVP_PKEY *pkey, const char *name)
{
	BIGNUM *n = NULL;
	int bits = 0;

	if (EVP_PKEY_get_bn_param(pkey, name, &n) == 1)
		bits = BN_num_bits(n);
	BN_clear_free(n);
	return bits;
}

/* Whether the public exponent is odd, not 1, and short. */
static bool
pem_exponent_fits(const EVP_PKEY *pkey)
{
	BIGNUM *e = NULL;
	bool fits = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) &&
		    BN_is_odd(e) && !BN_is_one(e) &&
		    BN_num_bits(e) <= TOKEN_PEM_EXPONENT_MAX;

	BN_free(e);
	return fits;
}

/* Checks that a key of RSA is of a size that is safe, and can be afforded. */
static int
pem_check_rsa(struct call *call, const EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (bits < TOKEN_PEM_RSA_MIN || bits > TOKEN_PEM_RSA_MAX)
		return pem_refuse(call,
		    "takes an RSA key of %d to %d bits, not of %d",
		    TOKEN_PEM_RSA_MIN, TOKEN_PEM_RSA_MAX, bits);
	if (!pem_exponent_fits(pkey))
		return pem_refuse(call,
		    "takes an RSA key whose public exponent is odd, over 1 and "
		    "of at most %d bits",
		    TOKEN_PEM_EXPONENT_MAX);
	for (size_t i = 0; i < COUNT(pem_rsa_numbers); i++) {
		if (pem_bits(pkey, pem_rsa_numbers[i]) > bits)
			return pem_refuse(call,
			    "has an RSA key whose numbers do not fit together");
	}
	if (pem_bits(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3) > 0)
		return pem_refuse(call, "takes an RSA key of two primes");
	return 0;
}

/* Finds the curve of an EC key, which has a name and a point on it. */
static int
pem_check_ec(struct call *call, EVP_PKEY *pkey, enum token_kind *kind)
{
	char name[PEM_GROUP];
	int spelled_out = 0;
	size_t i = 0;

	if (EVP_PKEY_get_group_name(pkey, name, sizeof name, NULL) != 1)
		name[0] = '\0';
	EVP_PKEY_get_int_param(pkey,
	    OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out);
	while (i < COUNT(pem_curves) && strcmp(name, pem_curves[i].name) != 0)
		i++;
	if (i == COUNT(pem_curves) || spelled_out)
		return pem_refuse(call,
		    "takes an EC key of the named curves P-256, P-384 and "
		    "P-521, not of another");
	*kind = pem_curves[i].kind;
	return 0;
}

/* Checks that the public half of a key is one. */
static int
pem_check_public(struct call *call, EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool good = ctx != NULL && EVP_PKEY_public_check_quick(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good ? 0 : pem_refuse(call, "has a key that is no valid one");
}

/* Checks what a key is; -1 with the call's error set. */
static int
pem_check(struct call *call, EVP_PKEY *pkey, enum token_kind *kind)
{
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		*kind = TOKEN_KIND_RSA;
		return pem_check_rsa(call, pkey);
	}
	if (!EVP_PKEY_is_a(pkey, "EC"))
		return pem_refuse(call,
		    "takes a key of RSA or of the curves P-256, P-384 and "
		    "P-521, not of another kind");
	if (pem_check_ec(call, pkey, kind) < 0)
		return -1;
	return pem_check_public(call, pkey);
}

EVP_PKEY *
token_pem_read(struct call *call, const uint8_t *text, size_t len,
    enum token_kind *kind, bool *is_private)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	if (pem_contains(text, len, "BEGIN ENCRYPTED") ||
	    pem_contains(text, len, ",ENCRYPTED")) {
		pem_refuse(call,
		    "takes a key in PEM without a passphrase, not an encrypted "
		    "one");
		return NULL;
	}
	/* damaged ones count, too */
	if (pem_count(text, len, PEM_BEGIN) >
	    pem_count(text, len, PEM_BEGIN " " PEM_LABEL_PARAMETERS) + 1) {
		pem_refuse(call, "takes one key in PEM, not several blocks");
		return NULL;
	}
	bio = BIO_new_mem_buf(text, (int)len);
	if (bio != NULL)
		pkey = pem_only_key(call, bio, is_private);
	else
		call_no_memory(call);
	BIO_free(bio);
	if (pkey != NULL && pem_check(call, pkey, kind) < 0) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	ERR_clear_error();
	return pkey;
}

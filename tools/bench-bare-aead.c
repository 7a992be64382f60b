/* crypto:encrypt and crypto:decrypt */

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "tools/bench-bare.h"
#include "tools/bench-spawn.h"

#define AEAD_KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES /* of both */
#define AEAD_TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define AEAD_XCHACHA_NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define AEAD_GCM_NONCE 12
#define AEAD_SEALED \
	(AEAD_XCHACHA_NONCE + BARE_SIZE + AEAD_TAG + 2) /* and padding */
#define AEAD_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* A cipher: seals the text, and opens what is sealed. */
struct aead {
	const char *name; /* NULL: the default */
	const char *prefix; /* of an envelope of bytes; authenticated */
	size_t nonce;
	void (*seal)(void);
	bool (*open)(size_t n);
	/* base64url, from sealed to out and back; the length, 0: failed */
	void (*encode)(size_t n);
	size_t (*decode)(const char *text, size_t len);
};

static void aead_xchacha_seal(void), aead_gcm_seal(void);
static bool aead_xchacha_open(size_t n), aead_gcm_open(size_t n);
static void aead_sodium_encode(size_t n), aead_openssl_encode(size_t n);
static size_t aead_sodium_decode(const char *text, size_t len),
    aead_openssl_decode(const char *text, size_t len);

static const struct aead aead_xchacha = {NULL, "moro1b.", AEAD_XCHACHA_NONCE,
    aead_xchacha_seal, aead_xchacha_open, aead_sodium_encode,
    aead_sodium_decode};
static const struct aead aead_gcm = {"aes-256-gcm", "moro1gb.", AEAD_GCM_NONCE,
    aead_gcm_seal, aead_gcm_open, aead_openssl_encode, aead_openssl_decode};

static uint8_t *aead_sealed; /* nonce, ciphertext, tag */
static uint8_t aead_key[AEAD_KEY];
static struct request_input aead_envelopes[2]; /* of the two */
static EVP_CIPHER *aead_evp;
static EVP_CIPHER_CTX *aead_ctx;

static struct request_input *
aead_envelope(const struct aead *a)
{
	return &aead_envelopes[a == &aead_gcm];
}

static void
aead_xchacha_seal(void)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(aead_sealed +
						       AEAD_XCHACHA_NONCE,
	    NULL, (const uint8_t *)bare_common.text.bytes, BARE_SIZE,
	    (const uint8_t *)aead_xchacha.prefix, strlen(aead_xchacha.prefix),
	    NULL, aead_sealed, aead_key);
}

static bool
aead_xchacha_open(size_t n)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)
							      bare_common.out,
		   NULL, NULL, aead_sealed + AEAD_XCHACHA_NONCE,
		   n - AEAD_XCHACHA_NONCE, (const uint8_t *)aead_xchacha.prefix,
		   strlen(aead_xchacha.prefix), aead_sealed, aead_key) == 0;
}

/* Runs AES over all; the tag is the caller's. */
static bool
aead_gcm_run(uint8_t *to, const uint8_t *from, size_t len, bool seal)
{
	int n;

	return EVP_CipherInit_ex2(aead_ctx, aead_evp, aead_key, aead_sealed,
		   seal, NULL) == 1 &&
	       EVP_CipherUpdate(aead_ctx, NULL, &n,
		   (const uint8_t *)aead_gcm.prefix,
		   (int)strlen(aead_gcm.prefix)) == 1 &&
	       EVP_CipherUpdate(aead_ctx, to, &n, from, (int)len) == 1;
}

static void
aead_gcm_seal(void)
{
	uint8_t *to = aead_sealed + AEAD_GCM_NONCE;
	int n;

	bare_check(aead_gcm_run(to, (const uint8_t *)bare_common.text.bytes,
		       BARE_SIZE, true) &&
		       EVP_CipherFinal_ex(aead_ctx, to + BARE_SIZE, &n) == 1 &&
		       EVP_CIPHER_CTX_ctrl(aead_ctx, EVP_CTRL_AEAD_GET_TAG,
			   AEAD_TAG, to + BARE_SIZE) == 1,
	    "encrypt");
}

static bool
aead_gcm_open(size_t n)
{
	uint8_t *to = (uint8_t *)bare_common.out;
	uint8_t *tag = aead_sealed + n - AEAD_TAG;
	int more;

	return aead_gcm_run(to, aead_sealed + AEAD_GCM_NONCE,
		   n - AEAD_GCM_NONCE - AEAD_TAG, false) &&
	       EVP_CIPHER_CTX_ctrl(aead_ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG,
		   tag) == 1 &&
	       EVP_CipherFinal_ex(aead_ctx, to + BARE_SIZE, &more) == 1;
}

static void
aead_sodium_encode(size_t n)
{
	sodium_bin2base64(bare_common.out, bare_common.out_size, aead_sealed, n,
	    AEAD_BASE64);
}

static size_t
aead_sodium_decode(const char *text, size_t len)
{
	size_t n = 0;

	return sodium_base642bin(aead_sealed, AEAD_SEALED, text, len, NULL, &n,
		   NULL, AEAD_BASE64) == 0
		   ? n
		   : 0;
}

/* OpenSSL has standard base64, with padding. */
static void
aead_openssl_encode(size_t n)
{
	char *out = bare_common.out;
	int len = EVP_EncodeBlock((uint8_t *)out, aead_sealed, (int)n);

	for (int i = 0; i < len; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	out[len - (int)((3 - n % 3) % 3)] = '\0';
}

static size_t
aead_openssl_decode(const char *text, size_t len)
{
	size_t padding = (4 - len % 4) % 4;
	char *copy = bare_common.out;
	int n;

	for (size_t i = 0; i < len; i++)
		copy[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	memset(copy + len, '=', padding);
	n = EVP_DecodeBlock(aead_sealed, (const uint8_t *)copy,
	    (int)(len + padding));
	return n < 0 ? 0 : (size_t)n - padding;
}

static void
aead_encrypt_work(const struct bare *bare)
{
	const struct aead *a = bare->how;

	randombytes_buf(aead_sealed, a->nonce);
	a->seal();
	a->encode(a->nonce + BARE_SIZE + AEAD_TAG);
}

static void
aead_decrypt_work(const struct bare *bare)
{
	const struct aead *a = bare->how;
	const struct request_input *in = aead_envelope(a);
	size_t prefix = strlen(a->prefix);
	size_t n = a->decode(in->bytes + prefix, in->len - prefix);

	bare_check(n > 0 && a->open(n), "decrypt");
}

/* {"algorithm": ..., "key": ..., "data": ...}; the first where it is known. */
static void
aead_form(const struct aead *a, const char *type, bool named,
    const struct request_input *in, struct form *f, bool by_fd)
{
	struct request r;

	request_init(&r, type, named ? 3 : 2);
	if (named)
		request_str(&r, "algorithm", a->name);
	request_bin(&r, "key", aead_key, sizeof aead_key);
	request_large(&r, "data", in, by_fd, bare_common.result_fds);
	request_end(&r, f);
}

static void
aead_encrypt_form(const struct bare *bare, struct form *f, bool by_fd)
{
	const struct aead *a = bare->how;

	aead_form(a, "crypto:encrypt", a->name != NULL, &bare_common.text, f,
	    by_fd);
}

static void
aead_decrypt_form(const struct bare *bare, struct form *f, bool by_fd)
{
	const struct aead *a = bare->how;

	aead_form(a, "crypto:decrypt", false, aead_envelope(a), f, by_fd);
}

/* Makes an envelope to decrypt. */
static void
aead_make_envelope(const struct aead *a)
{
	const struct bare bare = {.how = a};
	size_t prefix = strlen(a->prefix), len;
	char *bytes;

	aead_encrypt_work(&bare);
	len = prefix + strlen(bare_common.out);
	bytes = spawn_alloc(len + 1);
	memcpy(bytes, a->prefix, prefix);
	memcpy(bytes + prefix, bare_common.out, len - prefix);
	request_input_init(aead_envelope(a), bytes, len);
}

static void
aead_init(void)
{
	aead_sealed = spawn_alloc(AEAD_SEALED);
	aead_evp = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	aead_ctx = EVP_CIPHER_CTX_new();
	bare_check(aead_evp != NULL && aead_ctx != NULL, "begin AES");
	randombytes_buf(aead_key, sizeof aead_key);
	aead_make_envelope(&aead_xchacha);
	aead_make_envelope(&aead_gcm);
}

static void
aead_clear(void)
{
	free(aead_sealed);
	EVP_CIPHER_free(aead_evp);
	EVP_CIPHER_CTX_free(aead_ctx);
	request_input_clear(aead_envelope(&aead_xchacha));
	request_input_clear(aead_envelope(&aead_gcm));
}

#define AEAD_DEFAULT (BARE_BY_FD | BARE_INLINE), BARE_MIDDLE, &aead_xchacha
#define AEAD_GCM \
	(BARE_BY_FD | BARE_BRIEF | BARE_OPTIONAL), BARE_MIDDLE, &aead_gcm

static const struct bare aead_rows[] = {
    {"crypto:encrypt", NULL,
	"libsodium's XChaCha20-Poly1305, then its base64url", AEAD_DEFAULT,
	aead_encrypt_form, aead_encrypt_work},
    {"crypto:decrypt", NULL,
	"libsodium's base64url, then its XChaCha20-Poly1305", AEAD_DEFAULT,
	aead_decrypt_form, aead_decrypt_work},
    {"crypto:encrypt.aes-256-gcm", NULL,
	"OpenSSL's AES of one context, then its base64", AEAD_GCM,
	aead_encrypt_form, aead_encrypt_work},
    {"crypto:decrypt.aes-256-gcm", NULL,
	"OpenSSL's base64, then its AES of one context", AEAD_GCM,
	aead_decrypt_form, aead_decrypt_work},
    {NULL},
};

const struct bare_family bare_aead = {aead_init, aead_clear, aead_rows};

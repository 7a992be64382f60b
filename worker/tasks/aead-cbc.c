/*
 * crypto:decrypt with algorithm "aes-256-cbc": what the ancestor wrote, so that
 * data can be moved over. Nothing authenticates it.
 */

#include <errno.h>
#include <string.h>

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/aead-work.h"
#include "worker/wipe.h"

#define CBC_BLOCK ((size_t)16)
#define CBC_PIECE ((size_t)1 << 20) /* bytes between reports of progress */
#define CBC_KEY_TAKES \
	"32 bytes, a string of 32 bytes or 64 hex digits with aes-256-cbc"
#define CBC_IV_TAKES "16 bytes, a string of 16 bytes or 32 hex digits"

struct cbc {
	struct call *call;
	uint8_t key[CIPHER_KEY];
	uint8_t iv[CBC_BLOCK];
	const char *hex; /* the ciphertext */
	size_t hex_len;
	uint8_t *bytes; /* ciphertext, then plaintext in its place */
	size_t len;
};

static EVP_CIPHER *cbc_cipher; /* fetched before the first call, or NULL */

/* It may be missing: only who asks for it is told. */
int
aead_cbc_init(void)
{
	if (cbc_cipher == NULL)
		cbc_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return 0;
}

/* Reads exactly len bytes from hex digits of either case. */
static int
cbc_hex(uint8_t *to, size_t len, const char *hex, size_t hex_len)
{
	size_t n;

	return hex_len == 2 * len &&
		       sodium_hex2bin(to, len, hex, hex_len, NULL, &n, NULL) ==
			   0 &&
		       n == len
		   ? 0
		   : -1;
}

/* Reads len bytes of a key or IV: as they are, or a string of hex digits. */
static int
cbc_bytes(uint8_t *to, size_t len, const msgpack_object *arg)
{
	size_t n;
	const uint8_t *bytes = call_bytes(arg, &n);

	if (n != len)
		return arg->type == MSGPACK_OBJECT_STR
			   ? cbc_hex(to, len, (const char *)bytes, n)
			   : -1;
	memcpy(to, bytes, len);
	return 0;
}

/* What this form has no place for is not silently left out. */
static int
cbc_check(struct call *call)
{
	static const struct {
		enum aead_field field;
		const char *name;
	} none[] = {{AEAD_AAD, "aad"}, {AEAD_KDF, "kdf"}};

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		if (call->args[none[i].field] != NULL)
			return call_invalid(call, none[i].name,
			    "%s does not go with aes-256-cbc", none[i].name);
	}
	return cbc_cipher != NULL
		   ? 0
		   : call_fail(call, CODE_UNSUPPORTED,
			 "this system's OpenSSL does not offer aes-256-cbc");
}

/* Says that data have not the form. */
static int
cbc_no_form(struct call *call)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    "data is not what aes-256-cbc gives: 32 hex digits of IV and a "
	    "colon (or the field iv), then hex digits of whole blocks of 16 "
	    "bytes");
}

/* Finds the IV, which stands in front of a colon or in a field. */
static int
cbc_read_iv(struct cbc *c)
{
	const msgpack_object *iv = c->call->args[AEAD_IV];
	const char *colon = memchr(c->hex, ':', c->hex_len);
	size_t n;

	if (iv != NULL && colon != NULL)
		return call_invalid(c->call, "iv",
		    "iv is given, and data have one of their own");
	if (iv != NULL)
		return cbc_bytes(c->iv, sizeof c->iv, iv) == 0
			   ? 0
			   : call_refuse(c->call, "iv", CBC_IV_TAKES, iv);
	if (colon == NULL)
		return call_invalid(c->call, "iv",
		    "iv is missing, and data have none in front of a colon; "
		    "it takes " CBC_IV_TAKES);
	n = (size_t)(colon - c->hex);
	if (cbc_hex(c->iv, sizeof c->iv, c->hex, n) < 0)
		return cbc_no_form(c->call);
	c->hex += n + 1;
	c->hex_len -= n + 1;
	return 0;
}

/* Reads the ciphertext, whose length is known to be good. */
static int
cbc_read_hex(struct cbc *c)
{
	size_t done = 0;

	while (done < c->len) {
		size_t n =
		    c->len - done < CBC_PIECE ? c->len - done : CBC_PIECE;

		call_progress(c->call, (double)done, (double)c->len, NULL);
		if (cbc_hex(c->bytes + done, n, c->hex + 2 * done, 2 * n) < 0)
			return cbc_no_form(c->call);
		done += n;
	}
	return 0;
}

/* Reads the key, the IV and the ciphertext. */
static int
cbc_read(struct cbc *c)
{
	const msgpack_object *key = c->call->args[AEAD_KEY];

	if (cbc_bytes(c->key, sizeof c->key, key) < 0)
		return call_refuse(c->call, "key", CBC_KEY_TAKES, key);
	c->hex =
	    (const char *)call_bytes(c->call->args[AEAD_DATA], &c->hex_len);
	if (cbc_read_iv(c) < 0)
		return -1;
	c->len = c->hex_len / 2;
	if (c->len == 0 || c->hex_len % (2 * CBC_BLOCK) != 0)
		return cbc_no_form(c->call);
	c->bytes = wipe_malloc(c->len);
	return c->bytes != NULL ? cbc_read_hex(c) : call_no_memory(c->call);
}

/*
 * Decrypts in place, in one step: what OpenSSL holds back of a piece would
 * overlap with the next one. False: the padding is wrong, whatever the reason.
 */
static bool
cbc_decrypt(struct cbc *c, EVP_CIPHER_CTX *ctx)
{
	int n, last;

	if (EVP_DecryptInit_ex2(ctx, cbc_cipher, c->key, c->iv, NULL) != 1 ||
	    EVP_DecryptUpdate(ctx, c->bytes, &n, c->bytes, (int)c->len) != 1 ||
	    EVP_DecryptFinal_ex(ctx, c->bytes + n, &last) != 1)
		return false;
	c->len = (size_t)n + (size_t)last;
	return true;
}

/* Packs the plaintext: a string if it is one, else bytes. */
static int
cbc_pack(const struct cbc *c)
{
	uint8_t *place;
	json_t *text;

	/* jansson checks UTF-8; it makes a copy, which its allocator wipes */
	errno = 0;
	text = json_stringn((const char *)c->bytes, c->len);
	if (text == NULL && errno == ENOMEM)
		return call_no_memory(c->call);
	place = call_place(c->call, c->len, text != NULL);
	json_decref(text);
	if (place == NULL)
		return -1;
	if (c->len > 0)
		memcpy(place, c->bytes, c->len);
	return 0;
}

/* Decrypts what was read, and packs it. */
static int
cbc_open(struct cbc *c)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool good;

	if (ctx == NULL)
		return call_no_memory(c->call);
	good = cbc_decrypt(c, ctx);
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	if (!good)
		return call_fail(c->call, CODE_WORKER_ERROR,
		    "cannot decrypt: wrong key or changed data");
	return cbc_pack(c);
}

int
aead_cbc_run(struct call *call)
{
	struct cbc c = {.call = call};
	int rc = -1;

	if (cbc_check(call) == 0 && cbc_read(&c) == 0)
		rc = cbc_open(&c);
	wipe_free(c.bytes);
	sodium_memzero(&c, sizeof c);
	return rc;
}

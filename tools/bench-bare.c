#include "tools/bench-bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <jwt.h>
#include <msgpack.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <zstd.h>

#include "proto/range.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-spawn.h"
#include "tools/bench-text.h"

#define BARE_SIZE ((size_t)1 << 20)
#define BARE_LEVEL 3 /* of zstd: the default of data:compress */
#define BARE_PREFIX "moro1b." /* of an envelope of bytes */
#define BARE_PREFIX_LEN (sizeof BARE_PREFIX - 1)
#define BARE_NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define BARE_TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define BARE_SEALED (BARE_NONCE + BARE_SIZE + BARE_TAG)
#define BARE_BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define BARE_ENVELOPE (BARE_SEALED * 4 / 3 + 16) /* bytes, at most */
#define BARE_TOKEN 1024 /* bytes of a part, decoded */
#define BARE_SECRET "0123456789abcdef0123456789abcdef"
#define BARE_GRANTS "{\"iat\":1700000000,\"role\":\"admin\",\"user\":7}"

/* What is worked on, and where results go. */
static struct {
	char *text; /* BARE_SIZE bytes */
	int text_fds[BARE_FILES]; /* owned: files with the same, for morod */
	char *out; /* room for any result */
	size_t out_size;
	char *packed; /* the text, compressed */
	size_t packed_len;
	int packed_fds[BARE_FILES];
	uint8_t *sealed; /* BARE_SEALED bytes */
	char *envelope; /* the text, encrypted */
	size_t envelope_len;
	int envelope_fds[BARE_FILES];
	int result_fds[BARE_FILES]; /* owned: for the results of morod's */
	uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	char *token;
	EVP_MD *sha256;
	EVP_MAC_CTX *hmac;
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
} bare;

/* The library must do it: else there is nothing to compare. */
static void
bare_check(bool done, const char *what)
{
	if (!done)
		cleanup_die("cannot %s with the library alone", what);
}

static void
bare_hash(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int n = 0;

	bare_check(EVP_Digest(bare.text, BARE_SIZE, digest, &n, bare.sha256,
		       NULL) == 1,
	    "hash");
	sodium_bin2hex(hex, sizeof hex, digest, n);
}

static void
bare_encrypt(void)
{
	randombytes_buf(bare.sealed, BARE_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(bare.sealed + BARE_NONCE,
	    NULL, (const uint8_t *)bare.text, BARE_SIZE,
	    (const uint8_t *)BARE_PREFIX, BARE_PREFIX_LEN, NULL, bare.sealed,
	    bare.key);
	sodium_bin2base64(bare.out, bare.out_size, bare.sealed, BARE_SEALED,
	    BARE_BASE64);
}

static void
bare_decrypt(void)
{
	size_t n = 0;
	int rc = sodium_base642bin(bare.sealed, BARE_SEALED,
	    bare.envelope + BARE_PREFIX_LEN,
	    bare.envelope_len - BARE_PREFIX_LEN, NULL, &n, NULL, BARE_BASE64);

	if (rc == 0)
		rc = crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)
								    bare.out,
		    NULL, NULL, bare.sealed + BARE_NONCE, n - BARE_NONCE,
		    (const uint8_t *)BARE_PREFIX, BARE_PREFIX_LEN, bare.sealed,
		    bare.key);
	bare_check(rc == 0, "decrypt");
}

static void
bare_compress(void)
{
	size_t n;

	ZSTD_CCtx_reset(bare.cctx, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(bare.cctx, ZSTD_c_compressionLevel, BARE_LEVEL);
	ZSTD_CCtx_setParameter(bare.cctx, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(bare.cctx, bare.out, bare.out_size, bare.text,
	    BARE_SIZE);
	bare_check(!ZSTD_isError(n), "compress");
	bare.packed_len = n;
}

static void
bare_decompress(void)
{
	ZSTD_inBuffer in = {bare.packed, bare.packed_len, 0};
	ZSTD_outBuffer out = {bare.out, bare.out_size, 0};
	size_t rc;

	ZSTD_DCtx_reset(bare.dctx, ZSTD_reset_session_only);
	rc = ZSTD_decompressStream(bare.dctx, &out, &in);
	bare_check(rc == 0 && out.pos == BARE_SIZE, "decompress");
}

/* Makes a token; it is the caller's. */
static char *
bare_make_token(void)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, BARE_GRANTS) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, (const uint8_t *)BARE_SECRET,
		sizeof BARE_SECRET - 1) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	bare_check(text != NULL, "sign");
	return text;
}

static void
bare_sign(void)
{
	free(bare_make_token());
}

static void
bare_verify(void)
{
	jwt_t *jwt = NULL;
	char *payload;
	int rc = jwt_decode(&jwt, bare.token, (const uint8_t *)BARE_SECRET,
	    sizeof BARE_SECRET - 1);

	bare_check(rc == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256, "verify");
	payload = jwt_get_grants_json(jwt, NULL);
	bare_check(payload != NULL, "verify");
	free(payload);
	jwt_free(jwt);
}

/* Decodes one part of the token; gives its bytes. */
static size_t
bare_decode(uint8_t *out, size_t size, const char *part, size_t len)
{
	size_t n = 0;

	bare_check(sodium_base642bin(out, size, part, len, NULL, &n, NULL,
		       BARE_BASE64) == 0,
	    "decode");
	return n;
}

/* The same with the calls that the worker makes: the header is known. */
static void
bare_verify_by_hand(void)
{
	uint8_t bytes[BARE_TOKEN], mac[EVP_MAX_MD_SIZE];
	const char *payload = strchr(bare.token, '.') + 1;
	const char *signature = strchr(payload, '.') + 1;
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(bare.hmac);
	size_t n = 0, len;
	json_t *json;

	len = bare_decode(bytes, sizeof bytes, payload,
	    (size_t)(signature - payload) - 1);
	json =
	    json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
	bare_check(json != NULL, "parse");
	EVP_MAC_init(ctx, (const uint8_t *)BARE_SECRET, sizeof BARE_SECRET - 1,
	    NULL);
	EVP_MAC_update(ctx, (const uint8_t *)bare.token,
	    (size_t)(signature - bare.token) - 1);
	EVP_MAC_final(ctx, mac, &n, sizeof mac);
	len = bare_decode(bytes, sizeof bytes, signature, strlen(signature));
	bare_check(n == len && CRYPTO_memcmp(mac, bytes, n) == 0, "verify");
	EVP_MAC_CTX_free(ctx);
	json_decref(json);
}

/* A context of HMAC with SHA-256 and no key. */
static EVP_MAC_CTX *
bare_make_hmac(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};

	bare_check(ctx != NULL && EVP_MAC_CTX_set_params(ctx, params),
	    "begin HMAC");
	EVP_MAC_free(mac);
	return ctx;
}

/* Packs a string. */
static void
bare_pack_str(msgpack_packer *pk, const char *text, size_t len)
{
	msgpack_pack_str(pk, len);
	msgpack_pack_str_body(pk, text, len);
}

/* The large input of a request. */
struct bare_input {
	const char *field;
	const char *bytes;
	size_t len;
	const int *fds; /* files with these bytes; NULL: they go in messages */
	bool large_result; /* with fd: it goes to a file, too */
};

/* Packs all of a file: the range that stands for it. */
static void
bare_pack_range(msgpack_packer *pk, size_t len)
{
	const struct range range = {.index = 0, .offset = 0, .len = len};
	uint8_t body[RANGE_BODY];

	range_pack(body, &range);
	msgpack_pack_ext(pk, sizeof body, RANGE_EXT);
	msgpack_pack_ext_body(pk, body, sizeof body);
}

/* A request with {FIELD: input}, and {"key": the key} before it if wanted. */
static void
bare_form_large(struct form *f, const char *type,
    const struct bare_input *input, bool keyed)
{
	struct form_task task = {.type = type};
	msgpack_sbuffer buf;
	msgpack_packer pk;

	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, keyed ? 2 : 1);
	if (keyed) {
		bare_pack_str(&pk, "key", 3);
		msgpack_pack_bin(&pk, sizeof bare.key);
		msgpack_pack_bin_body(&pk, bare.key, sizeof bare.key);
	}
	bare_pack_str(&pk, input->field, strlen(input->field));
	if (input->fds != NULL) {
		bare_pack_range(&pk, input->len);
	} else {
		msgpack_pack_bin(&pk, input->len);
		task.tail = input->bytes;
		task.tail_len = input->len;
	}
	task.data = buf.data;
	task.data_len = buf.size;
	form_task(f, &task, input->fds,
	    input->fds != NULL && input->large_result ? bare.result_fds : NULL);
	msgpack_sbuffer_destroy(&buf);
}

static void
bare_hash_form(struct form *f, bool by_fd)
{
	const struct bare_input input = {"input", bare.text, BARE_SIZE,
	    by_fd ? bare.text_fds : NULL, false};

	bare_form_large(f, "crypto:hash", &input, false);
}

static void
bare_encrypt_form(struct form *f, bool by_fd)
{
	const struct bare_input input = {"data", bare.text, BARE_SIZE,
	    by_fd ? bare.text_fds : NULL, true};

	bare_form_large(f, "crypto:encrypt", &input, true);
}

static void
bare_decrypt_form(struct form *f, bool by_fd)
{
	const struct bare_input input = {"data", bare.envelope,
	    bare.envelope_len, by_fd ? bare.envelope_fds : NULL, true};

	bare_form_large(f, "crypto:decrypt", &input, true);
}

static void
bare_compress_form(struct form *f, bool by_fd)
{
	const struct bare_input input = {"input", bare.text, BARE_SIZE,
	    by_fd ? bare.text_fds : NULL, true};

	bare_form_large(f, "data:compress", &input, false);
}

static void
bare_decompress_form(struct form *f, bool by_fd)
{
	const struct bare_input input = {"input", bare.packed, bare.packed_len,
	    by_fd ? bare.packed_fds : NULL, true};

	bare_form_large(f, "data:decompress", &input, false);
}

/* A request of the jwt family: {"secret": ..., FIELD: ...}. */
static void
bare_form_jwt(struct form *f, const char *type, bool sign)
{
	struct form_task task = {.type = type};
	msgpack_sbuffer buf;
	msgpack_packer pk;

	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, 2);
	bare_pack_str(&pk, "secret", strlen("secret"));
	bare_pack_str(&pk, BARE_SECRET, sizeof BARE_SECRET - 1);
	if (sign) {
		bare_pack_str(&pk, "payload", strlen("payload"));
		msgpack_pack_map(&pk, 3);
		bare_pack_str(&pk, "iat", strlen("iat"));
		msgpack_pack_int64(&pk, 1700000000);
		bare_pack_str(&pk, "role", strlen("role"));
		bare_pack_str(&pk, "admin", strlen("admin"));
		bare_pack_str(&pk, "user", strlen("user"));
		msgpack_pack_int64(&pk, 7);
	} else {
		bare_pack_str(&pk, "token", strlen("token"));
		bare_pack_str(&pk, bare.token, strlen(bare.token));
	}
	task.data = buf.data;
	task.data_len = buf.size;
	form_task(f, &task, NULL, NULL);
	msgpack_sbuffer_destroy(&buf);
}

static void
bare_sign_form(struct form *f, bool by_fd)
{
	(void)by_fd; /* its input is small */
	bare_form_jwt(f, "jwt:sign", true);
}

static void
bare_verify_form(struct form *f, bool by_fd)
{
	static const uint8_t valid[] = "\x82\xa5valid\xc3";

	(void)by_fd;
	bare_form_jwt(f, "jwt:verify", false);
	f->expect_len = sizeof valid - 1;
	memcpy(f->expect, valid, f->expect_len);
}

#define BARE_INLINE "inline_ratio", "input and result in messages"

const struct bare bare_table[] = {
    {"crypto:hash", BARE_INLINE, true, bare_hash_form, bare_hash},
    {"crypto:encrypt", BARE_INLINE, true, bare_encrypt_form, bare_encrypt},
    {"crypto:decrypt", BARE_INLINE, true, bare_decrypt_form, bare_decrypt},
    {"data:compress", BARE_INLINE, true, bare_compress_form, bare_compress},
    {"data:decompress", BARE_INLINE, true, bare_decompress_form,
	bare_decompress},
    {"jwt:sign", "ratio", NULL, false, bare_sign_form, bare_sign},
    {"jwt:verify", "ratio", "against jwt_decode() of libjwt", false,
	bare_verify_form, bare_verify},
    {"jwt:verify", "openssl_ratio",
	"against OpenSSL and jansson, as the worker calls them", false,
	bare_verify_form, bare_verify_by_hand},
    {NULL, NULL, NULL, false, NULL, NULL},
};

/* A file in memory with these bytes; if there are any it cannot shrink. */
static int
bare_file(const char *bytes, size_t len)
{
	int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len ||
	    fcntl(fd, F_ADD_SEALS, len > 0 ? F_SEAL_SHRINK : 0) == -1)
		cleanup_die("cannot fill a memfd: %s", strerror(errno));
	return fd;
}

void
bare_init(void)
{
	uint64_t state = 0;

	bare_check(sodium_init() >= 0, "begin");
	bare.text = spawn_alloc(BARE_SIZE);
	text_fill(bare.text, BARE_SIZE, &state);
	bare.out_size = BARE_ENVELOPE + ZSTD_compressBound(BARE_SIZE);
	bare.out = spawn_alloc(bare.out_size);
	bare.sealed = spawn_alloc(BARE_SEALED);
	randombytes_buf(bare.key, sizeof bare.key);
	bare.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	bare.cctx = ZSTD_createCCtx();
	bare.dctx = ZSTD_createDCtx();
	bare.token = bare_make_token();
	bare.hmac = bare_make_hmac();
	bare_compress();
	bare.packed = spawn_alloc(bare.packed_len);
	memcpy(bare.packed, bare.out, bare.packed_len);
	bare_encrypt();
	bare.envelope_len = BARE_PREFIX_LEN + strlen(bare.out);
	bare.envelope = spawn_alloc(bare.envelope_len + 1);
	memcpy(bare.envelope, BARE_PREFIX, BARE_PREFIX_LEN);
	strcpy(bare.envelope + BARE_PREFIX_LEN, bare.out);
	for (int i = 0; i < BARE_FILES; i++) {
		bare.text_fds[i] = bare_file(bare.text, BARE_SIZE);
		bare.packed_fds[i] = bare_file(bare.packed, bare.packed_len);
		bare.envelope_fds[i] =
		    bare_file(bare.envelope, bare.envelope_len);
		bare.result_fds[i] = bare_file("", 0);
	}
}

void
bare_clear(void)
{
	for (int i = 0; i < BARE_FILES; i++) {
		close(bare.text_fds[i]);
		close(bare.packed_fds[i]);
		close(bare.envelope_fds[i]);
		close(bare.result_fds[i]);
	}
	free(bare.text);
	free(bare.out);
	free(bare.packed);
	free(bare.sealed);
	free(bare.envelope);
	free(bare.token);
	EVP_MD_free(bare.sha256);
	EVP_MAC_CTX_free(bare.hmac);
	ZSTD_freeCCtx(bare.cctx);
	ZSTD_freeDCtx(bare.dctx);
	memset(&bare, 0, sizeof bare);
}

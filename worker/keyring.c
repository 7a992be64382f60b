#include "worker/keyring.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "proto/words.h"
#include "worker/call.h"
#include "worker/keyring-file.h"
#include "worker/tasks/token-pem.h"

#define KEYRING_BLANKS " \t\r\n"

/*
 * Which types may use a key that names none: all but this one, which would make
 * what is as good as the signature or the token of another type.
 */
#define KEYRING_UNSAID "crypto:hash"

/*
 * Keeps ids apart from all else that is made of a secret. Who has an id can try
 * whether a secret is the one: so can who has a token or an envelope of it.
 */
static const unsigned char keyring_purpose[] = "morod.key.ident1";

static struct keyring_key *keyring_keys;
static size_t keyring_n;

/*
 * The public half of a key in PEM, in DER, which the caller frees. Returns its
 * length, or -1 with a sentence.
 */
static int
keyring_public(const uint8_t *pem, size_t len, unsigned char **der, char *why,
    size_t size)
{
	static struct call call; /* whose fault says what is wrong */
	enum token_kind kind;
	bool is_private;
	EVP_PKEY *key = token_pem_read(&call, pem, len, &kind, &is_private);
	int n = -1;

	if (key != NULL)
		n = i2d_PUBKEY(key, der);
	if (n <= 0)
		snprintf(why, size, "has PEM that no token's key is: %.200s",
		    key == NULL ? call.fault.message : "it has no public half");
	EVP_PKEY_free(key);
	return n;
}

/*
 * Makes a version's id. Both halves of a pair have the same: what one signs is
 * checked by the other, which may have another name. False: it cannot be read.
 */
static bool
keyring_identify(struct keyring_version *v, const uint8_t *bytes, size_t len,
    char *why, size_t size)
{
	uint8_t whole[crypto_generichash_blake2b_BYTES_MIN];
	unsigned char *der = NULL;
	int n;

	_Static_assert(sizeof keyring_purpose - 1 ==
			   crypto_generichash_blake2b_PERSONALBYTES,
	    "the purpose fills the personal bytes");
	if (token_pem_is(bytes, len)) {
		n = keyring_public(bytes, len, &der, why, size);
		if (n <= 0)
			return false;
		bytes = der;
		len = (size_t)n;
	}
	crypto_generichash_blake2b_salt_personal(whole, sizeof whole, bytes,
	    len, NULL, 0, NULL, keyring_purpose);
	memcpy(v->id, whole, KEYRING_ID);
	sodium_memzero(whole, sizeof whole);
	sodium_bin2hex(v->text, sizeof v->text, v->id, KEYRING_ID);
	OPENSSL_free(der);
	return true;
}

/* Takes the end of one line off a text. */
static size_t
keyring_chomp(const uint8_t *bytes, size_t len)
{
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	return len > 0 && bytes[len - 1] == '\r' ? len - 1 : len;
}

/* Makes bytes of what spells them, in their place. -1: it does not. */
static int
keyring_decode(enum keyring_format format, uint8_t *bytes, size_t *len)
{
	const char *text = (const char *)bytes, *end;
	size_t all = *len;
	uint8_t *to;
	int rc;

	/* libsodium passes over a byte 0 where it does over blanks */
	if (memchr(bytes, '\0', all) != NULL)
		return -1;
	to = sodium_malloc(all);
	if (to == NULL)
		return -1;
	if (format == KEYRING_HEX) {
		rc = sodium_hex2bin(to, all, text, all, KEYRING_BLANKS, len,
		    &end);
	} else {
		rc = sodium_base642bin(to, all, text, all, KEYRING_BLANKS, len,
		    &end, sodium_base64_VARIANT_ORIGINAL);
		if (rc != 0 || end != text + all)
			rc = sodium_base642bin(to, all, text, all,
			    KEYRING_BLANKS, len, &end,
			    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	}
	rc = rc == 0 && end == text + all ? 0 : -1;
	if (rc == 0)
		memcpy(bytes, to, *len);
	sodium_free(to);
	return rc;
}

/* Has a version be a secret of a format. */
static void
keyring_set(struct keyring_version *v, enum keyring_format format,
    const uint8_t *bytes, size_t len)
{
	if (format == KEYRING_TEXT) {
		v->value.type = MSGPACK_OBJECT_STR;
		v->value.via.str.size = (uint32_t)len;
		v->value.via.str.ptr = (const char *)bytes;
	} else {
		v->value.type = MSGPACK_OBJECT_BIN;
		v->value.via.bin.size = (uint32_t)len;
		v->value.via.bin.ptr = (const char *)bytes;
	}
}

/* Gives the value that the bytes of a file are. False with a sentence. */
static bool
keyring_value(struct keyring_version *v, enum keyring_format format,
    uint8_t *bytes, size_t len, char *why, size_t size)
{
	static const char *const words[] = {
	    [KEYRING_BASE64] = "no base64",
	    [KEYRING_HEX] = "no hex digits",
	};

	if (format == KEYRING_TEXT) {
		len = keyring_chomp(bytes, len);
		if (memchr(bytes, '\0', len) != NULL) {
			snprintf(why, size,
			    "has a byte 0, and is no text: format = binary is "
			    "for such files");
			return false;
		}
	} else if (format != KEYRING_BINARY &&
		   keyring_decode(format, bytes, &len) != 0) {
		snprintf(why, size, "is %s, as its format says", words[format]);
		return false;
	}
	if (len == 0) {
		snprintf(why, size, "is empty");
		return false;
	}
	if (!keyring_identify(v, bytes, len, why, size))
		return false;
	keyring_set(v, format, bytes, len);
	return true;
}

/* Reads one version. Returns 0, or -1 with a sentence. */
static int
keyring_read(struct keyring_key *key, const struct keyring_source *source,
    const char *file, char *why, size_t size)
{
	struct keyring_version *v = &key->versions[key->n];
	char words[KEYRING_WHY];
	uint8_t *bytes;
	int len;

	if (key->n == KEYRING_VERSIONS) {
		snprintf(why, size, "has more than %d versions",
		    KEYRING_VERSIONS);
		return -1;
	}
	len = keyring_file_read(file, source->owner, KEYRING_FILE_MAX, &bytes,
	    why, size);
	if (len == -1)
		return -1;
	if (!keyring_value(v, source->format, bytes, (size_t)len, words,
		sizeof words)) {
		snprintf(why, size, "%s %s", file, words);
		sodium_free(bytes);
		return -1;
	}
	if (keyring_version(key, v->id) != NULL) {
		snprintf(why, size, "%s holds the same as another of its files",
		    file);
		sodium_free(bytes);
		return -1;
	}
	sodium_mprotect_readonly(bytes);
	key->n++;
	return 0;
}

/* Wipes the versions that were read. */
static void
keyring_forget(struct keyring_key *key)
{
	for (size_t i = 0; i < key->n; i++) {
		/* sodium_free() wipes */
		sodium_free(
		    (void *)(uintptr_t)key->versions[i].value.via.bin.ptr);
	}
	key->n = 0;
}

/* Reads all versions. Returns 0, or -1 with a sentence. */
static int
keyring_read_all(struct keyring_key *key, const struct keyring_source *source,
    char *why, size_t size)
{
	const char *list = source->old != NULL ? source->old : "", *path;
	char file[PATH_MAX];
	size_t len;

	if (keyring_read(key, source, source->file, why, size) == -1)
		return -1;
	while ((path = words_next_path(&list, &len)) != NULL) {
		snprintf(file, sizeof file, "%.*s", (int)len, path);
		if (keyring_read(key, source, file, why, size) == -1)
			return -1;
	}
	return 0;
}

void
keyring_ids(const struct keyring_key *key, char out[KEYRING_IDS])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < key->n; i++)
		len += (size_t)snprintf(out + len, KEYRING_IDS - len, "%s%s",
		    i > 0 ? "," : "", key->versions[i].text);
}

/* Whether that is the id of the key's version `i`, in small letters or large. */
static bool
keyring_is_version(const struct keyring_key *key, size_t i, const char *id,
    size_t len)
{
	return i < key->n && len == strlen(key->versions[i].text) &&
	       strncasecmp(id, key->versions[i].text, len) == 0;
}

/* Whether the versions are those that must be there. */
static bool
keyring_is_expected(const struct keyring_key *key, const char *versions,
    char *why, size_t size)
{
	char ids[KEYRING_IDS];
	const char *list = versions, *id;
	size_t n = 0, len;

	if (versions == NULL)
		return true;
	while ((id = words_next(&list, &len)) != NULL &&
	       keyring_is_version(key, n, id, len))
		n++;
	if (id == NULL && n == key->n)
		return true;
	keyring_ids(key, ids);
	snprintf(why, size, "its files hold the versions %s, not %s", ids,
	    versions);
	return false;
}

/* Has the libraries ready, as the master does: it may not have been there yet. */
static bool
keyring_begin(void)
{
	return sodium_init() >= 0 &&
	       OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

/* Makes room for one more key of a source. NULL: no memory. */
static struct keyring_key *
keyring_new(const struct keyring_source *source)
{
	struct keyring_key *keys =
	    reallocarray(keyring_keys, keyring_n + 1, sizeof *keys);
	struct keyring_key *key;

	if (keys == NULL)
		return NULL;
	keyring_keys = keys;
	key = &keys[keyring_n];
	memset(key, 0, sizeof *key);
	key->name = source->name;
	key->types = source->types;
	return key;
}

int
keyring_add(const struct keyring_source *source, char *why, size_t size)
{
	struct keyring_key *key = keyring_begin() ? keyring_new(source) : NULL;

	if (key == NULL) {
		snprintf(why, size, "no memory");
		return -1;
	}
	if (keyring_read_all(key, source, why, size) == -1 ||
	    !keyring_is_expected(key, source->versions, why, size)) {
		keyring_forget(key);
		return -1;
	}
	keyring_n++;
	return 0;
}

/* What stands before a version in the file; the secret's bytes follow. */
struct keyring_record {
	uint32_t left; /* versions of the key that follow this one */
	uint32_t len;
	uint8_t id[KEYRING_ID];
};

/* Writes all bytes. */
static int
keyring_write(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads all bytes at a place, which is moved behind them. */
static int
keyring_pread(int fd, off_t *place, void *bytes, size_t len)
{
	uint8_t *at = bytes;

	while (len > 0) {
		/* all workers have the same descriptor, with one offset */
		ssize_t n = pread(fd, at, len, *place);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENODATA;
		if (n <= 0)
			return -1;
		at += n;
		*place += n;
		len -= (size_t)n;
	}
	return 0;
}

int
keyring_give(int fd)
{
	for (size_t i = 0; i < keyring_n; i++) {
		const struct keyring_key *key = &keyring_keys[i];

		for (size_t k = 0; k < key->n; k++) {
			const struct keyring_version *v = &key->versions[k];
			struct keyring_record r = {
			    .left = (uint32_t)(key->n - k - 1),
			};
			size_t len;
			const uint8_t *bytes = call_bytes(&v->value, &len);

			r.len = (uint32_t)len;
			memcpy(r.id, v->id, sizeof r.id);
			if (keyring_write(fd, &r, sizeof r) == -1 ||
			    keyring_write(fd, bytes, len) == -1)
				return -1;
		}
	}
	return 0;
}

/* Takes the next version from the file; *left: how many follow. */
static int
keyring_take_version(struct keyring_key *key, enum keyring_format format,
    int fd, off_t *place, uint32_t *left)
{
	struct keyring_version *v = &key->versions[key->n];
	struct keyring_record r;
	uint8_t *bytes;

	if (keyring_pread(fd, place, &r, sizeof r) == -1)
		return -1;
	bytes = sodium_malloc(r.len);
	if (bytes == NULL)
		return -1;
	if (keyring_pread(fd, place, bytes, r.len) == -1) {
		sodium_free(bytes);
		return -1;
	}
	sodium_mprotect_readonly(bytes);
	memcpy(v->id, r.id, sizeof v->id);
	sodium_bin2hex(v->text, sizeof v->text, v->id, KEYRING_ID);
	keyring_set(v, format, bytes, r.len);
	key->n++;
	*left = r.left;
	return 0;
}

int
keyring_take(const struct keyring_source *sources, size_t n, int fd)
{
	off_t place = 0;

	for (size_t i = 0; i < n; i++) {
		struct keyring_key *key = keyring_new(&sources[i]);
		uint32_t left = 1;

		while (key != NULL && left > 0) {
			if (keyring_take_version(key, sources[i].format, fd,
				&place, &left) == -1) {
				keyring_forget(key);
				return -1;
			}
		}
		if (key == NULL)
			return -1;
		keyring_n++;
	}
	return 0;
}

const struct keyring_key *
keyring_find(const char *name, size_t len)
{
	for (size_t i = 0; i < keyring_n; i++) {
		if (strlen(keyring_keys[i].name) == len &&
		    memcmp(keyring_keys[i].name, name, len) == 0)
			return &keyring_keys[i];
	}
	return NULL;
}

const struct keyring_version *
keyring_version(const struct keyring_key *key, const uint8_t id[KEYRING_ID])
{
	for (size_t i = 0; i < key->n; i++) {
		if (memcmp(key->versions[i].id, id, KEYRING_ID) == 0)
			return &key->versions[i];
	}
	return NULL;
}

const struct keyring_version *
keyring_version_text(const struct keyring_key *key, const char *text,
    size_t len)
{
	for (size_t i = 0; len == KEYRING_ID_TEXT && i < key->n; i++) {
		if (memcmp(key->versions[i].text, text, len) == 0)
			return &key->versions[i];
	}
	return NULL;
}

bool
keyring_allows(const struct keyring_key *key, const char *type)
{
	const char *list = key->types, *name;
	size_t len;

	if (list == NULL)
		return strcmp(type, KEYRING_UNSAID) != 0;
	while ((name = words_next(&list, &len)) != NULL) {
		if (strlen(type) == len && memcmp(type, name, len) == 0)
			return true;
	}
	return false;
}

void
keyring_clear(void)
{
	for (size_t i = 0; i < keyring_n; i++)
		keyring_forget(&keyring_keys[i]);
	free(keyring_keys);
	keyring_keys = NULL;
	keyring_n = 0;
}

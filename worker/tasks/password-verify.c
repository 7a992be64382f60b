#include "worker/tasks/password-verify.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <crypt.h>
#include <sodium.h>

#include "worker/call.h"
#include "worker/wipe.h"

/* What the libraries take besides the memory that a hash asks for. */
#define VERIFY_SLACK ((size_t)1 << 20)

/*
 * Whether that much memory may be had. libsodium answers "wrong password" when
 * it gets none, and libcrypt "malformed hash": so it is asked for beforehand.
 * Nothing touches it, so it costs nothing.
 */
static bool
verify_memory(uint64_t size)
{
	size_t all = (size_t)size + VERIFY_SLACK;
	void *p = mmap(NULL, all, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, all);
	return true;
}

/* The libraries that read a hash found that it is none. */
static int
verify_malformed(struct call *call, const struct password_hash *h)
{
	return call_invalid(call, "hash", "hash is not a whole %s hash",
	    h->scheme->name);
}

static int
verify_argon2(struct call *call, const struct password_hash *h,
    const uint8_t *password, size_t len, bool *valid)
{
	errno = 0;
	*valid =
	    crypto_pwhash_str_verify(h->text, (const char *)password, len) == 0;
	/* EINVAL is a mismatch; of a string that is no hash it says nothing */
	return *valid || errno == EINVAL ? 0 : verify_malformed(call, h);
}

static int
verify_scrypt(struct call *call, const struct password_hash *h,
    const uint8_t *password, size_t len, bool *valid)
{
	*valid = crypto_pwhash_scryptsalsa208sha256_str_verify(h->text,
		     (const char *)password, len) == 0;
	return 0;
}

/* Compares what libcrypt makes of a password with the hash itself. */
static int
verify_crypt_text(struct call *call, const struct password_hash *h,
    const char *password, struct crypt_data *data, bool *valid)
{
	const char *made = crypt_rn(password, h->text, data, sizeof *data);
	size_t len = strlen(h->text);

	if (made == NULL || strlen(made) != len)
		return verify_malformed(call, h);
	*valid = sodium_memcmp(made, h->text, len) == 0;
	return 0;
}

/*
 * libcrypt takes C strings. bcrypt never saw more than 72 bytes of a password,
 * so its hashes are checked with these; other kinds did, so there a password
 * that is too long for the library is refused, rather than cut.
 */
static int
verify_crypt(struct call *call, const struct password_hash *h,
    const uint8_t *password, size_t len, bool *valid)
{
	char text[CRYPT_MAX_PASSPHRASE_SIZE];
	struct crypt_data *data;
	int rc;

	if (memchr(password, '\0', len) != NULL)
		return call_invalid(call, "password",
		    "password holds a NUL byte, which %s cannot hash",
		    h->scheme->name);
	if (h->scheme->password_max != 0 && len > h->scheme->password_max)
		len = h->scheme->password_max;
	if (len >= sizeof text)
		return call_invalid(call, "password",
		    "password has %zu bytes; with %s it takes at most %zu", len,
		    h->scheme->name, sizeof text - 1);
	data = wipe_malloc(sizeof *data);
	if (data == NULL)
		return call_no_memory(call);
	memset(data, 0, sizeof *data);
	memcpy(text, password, len);
	text[len] = '\0';
	rc = verify_crypt_text(call, h, text, data, valid);
	sodium_memzero(text, sizeof text);
	wipe_free(data);
	return rc;
}

int
password_verify(struct call *call, const struct password_hash *h,
    const uint8_t *password, size_t len, bool *valid)
{
	static int (*const with[])(struct call *, const struct password_hash *,
	    const uint8_t *, size_t, bool *) = {
	    [PASSWORD_ARGON2] = verify_argon2,
	    [PASSWORD_SCRYPT] = verify_scrypt,
	    [PASSWORD_CRYPT] = verify_crypt,
	};

	if (!verify_memory(h->memory))
		return call_no_memory(call);
	return with[h->scheme->library](call, h, password, len, valid);
}

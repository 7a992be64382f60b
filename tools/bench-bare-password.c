/* password:hash and password:verify, at the default cost */

#include <string.h>

#include <sodium.h>

#include "tools/bench-bare.h"

#define PASSWORD "correct horse battery staple"
#define PASSWORD_LEN (sizeof PASSWORD - 1)
#define PASSWORD_OPS crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE
#define PASSWORD_MEMORY crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE

static char password_hash[crypto_pwhash_STRBYTES];

static void
password_hash_work(const struct bare *bare)
{
	char hash[crypto_pwhash_STRBYTES];

	(void)bare;
	bare_check(crypto_pwhash_str_alg(hash, PASSWORD, PASSWORD_LEN,
		       PASSWORD_OPS, PASSWORD_MEMORY,
		       crypto_pwhash_ALG_ARGON2ID13) == 0,
	    "hash a password");
}

static void
password_verify_work(const struct bare *bare)
{
	(void)bare;
	bare_check(crypto_pwhash_str_verify(password_hash, PASSWORD,
		       PASSWORD_LEN) == 0,
	    "verify a password");
}

static void
password_hash_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	(void)by_fd; /* its input is small */
	request_init(&r, "password:hash", 1);
	request_str(&r, "password", PASSWORD);
	request_end(&r, f);
}

static void
password_verify_form(const struct bare *bare, struct form *f, bool by_fd)
{
	static const uint8_t valid[] = "\x83\xa5valid\xc3";
	struct request r;

	(void)bare;
	(void)by_fd;
	request_init(&r, "password:verify", 2);
	request_str(&r, "password", PASSWORD);
	request_str(&r, "hash", password_hash);
	request_end(&r, f);
	f->expect_len = sizeof valid - 1;
	memcpy(f->expect, valid, f->expect_len);
}

static void
password_init(void)
{
	bare_check(crypto_pwhash_str_alg(password_hash, PASSWORD, PASSWORD_LEN,
		       PASSWORD_OPS, PASSWORD_MEMORY,
		       crypto_pwhash_ALG_ARGON2ID13) == 0,
	    "hash a password");
}

static void
password_clear(void)
{
	sodium_memzero(password_hash, sizeof password_hash);
}

#define PASSWORD_ROW (BARE_BRIEF | BARE_LONG), BARE_SLOW, NULL

static const struct bare password_rows[] = {
    {"password:hash", NULL, "crypto_pwhash_str_alg(), interactive",
	PASSWORD_ROW, password_hash_form, password_hash_work},
    {"password:verify", NULL, "crypto_pwhash_str_verify(), interactive",
	PASSWORD_ROW, password_verify_form, password_verify_work},
    {NULL},
};

const struct bare_family bare_password = {password_init, password_clear,
    password_rows};

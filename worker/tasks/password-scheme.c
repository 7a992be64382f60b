#include "worker/tasks/password-scheme.h"

#include <stdlib.h>
#include <string.h>

#include "worker/call.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KIB ((uint64_t)1024)
#define NUMBER_DIGITS 10 /* of a number in a hash, at most */

/* The alphabet of crypt(3), each character at its value. */
static const char scheme_alphabet[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#define SCHEME_BITS 6 /* of a character */
/* What stands in hashes besides: base64's last two, and the signs between. */
#define SCHEME_SIGNS "+$=,-"

#define BCRYPT_LEN 53 /* characters of salt and digest */
#define BCRYPT_PASSWORD 72 /* bytes that bcrypt looks at */
#define SHA256_TAIL 43
#define SHA512_TAIL 86
#define YESCRYPT_TAIL 43
#define SCRYPT_LEN 98 /* characters behind the prefix */
#define SCRYPT_NUMBER 5 /* characters of r and of p */
#define SCRYPT_LOG_N_MAX 23 /* with the least r, 1 GiB */
#define SCRYPT_BLOCK ((uint64_t)128) /* bytes, for each r and N */

/* Steps over text; false when something else stands there. */
static bool
scheme_skip(const char **at, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Reads a decimal number without zeros in front. */
static bool
scheme_number(const char **at, uint64_t *out)
{
	size_t len = strspn(*at, "0123456789");

	if (len == 0 || len > NUMBER_DIGITS || (**at == '0' && len > 1))
		return false;
	*out = strtoull(*at, NULL, 10);
	*at += len;
	return true;
}

/* Reads n characters of crypt(3)'s alphabet as a number, least first. */
static bool
scheme_digits(const char **at, size_t n, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		const char *c = strchr(scheme_alphabet, **at);

		if (**at == '\0' || c == NULL)
			return false;
		*out |= (uint64_t)(c - scheme_alphabet) << (i * SCHEME_BITS);
		++*at;
	}
	return true;
}

/* Notes what is over its limit; the first is told. */
static void
scheme_limit(struct password_hash *h, const char *what, uint64_t asked,
    uint64_t limit)
{
	if (asked <= limit || h->excess != NULL)
		return;
	h->excess = what;
	h->asked = asked;
	h->limit = limit;
}

/* v=19$m=65536,t=2,p=1$SALT$DIGEST; libsodium checks the rest. */
static bool
scheme_argon2(struct password_hash *h, const char *at)
{
	uint64_t kib, lanes;

	if (!scheme_skip(&at, "v=19$m=") || !scheme_number(&at, &kib) ||
	    !scheme_skip(&at, ",t=") || !scheme_number(&at, &h->iterations) ||
	    !scheme_skip(&at, ",p=") || !scheme_number(&at, &lanes) ||
	    *at != '$')
		return false;
	h->memory = kib * KIB;
	scheme_limit(h, "memory", h->memory, PASSWORD_MEMORY_MAX);
	scheme_limit(h, "number of lanes", lanes, PASSWORD_ARGON2_LANES_MAX);
	if (h->excess == NULL)
		scheme_limit(h, "memory times iterations",
		    h->memory * h->iterations, COST_WORK_MAX);
	return true;
}

/* log2 N, r, p, then 43 characters of salt, '$', and 43 of digest. */
static bool
scheme_scrypt(struct password_hash *h, const char *at)
{
	uint64_t log_n, r, p;

	if (strlen(at) != SCRYPT_LEN || !scheme_digits(&at, 1, &log_n) ||
	    !scheme_digits(&at, SCRYPT_NUMBER, &r) ||
	    !scheme_digits(&at, SCRYPT_NUMBER, &p) || log_n == 0 || r == 0 ||
	    p == 0)
		return false;
	/* r and p have 30 bits: nothing is lost up to here */
	h->memory =
	    log_n > SCRYPT_LOG_N_MAX ? UINT64_MAX : (SCRYPT_BLOCK * r) << log_n;
	scheme_limit(h, "memory", h->memory, PASSWORD_MEMORY_MAX);
	/* these blocks are made and hashed apart from the memory above */
	if (h->excess == NULL)
		scheme_limit(h, "r times p", r * p, PASSWORD_SCRYPT_BLOCKS_MAX);
	if (h->excess == NULL)
		scheme_limit(h, "memory times p", h->memory * p,
		    PASSWORD_SCRYPT_WORK_MAX);
	if (h->excess == NULL)
		h->memory += SCRYPT_BLOCK * r * p;
	return true;
}

/* COST$, then salt and digest in one. */
static bool
scheme_bcrypt(struct password_hash *h, const char *at)
{
	uint64_t cost;

	if (strspn(at, "0123456789") != 2 || at[2] != '$' ||
	    strlen(at + 3) != BCRYPT_LEN)
		return false;
	cost = strtoull(at, NULL, 10);
	scheme_limit(h, "bcrypt cost", cost, PASSWORD_BCRYPT_COST_MAX);
	return cost >= PASSWORD_BCRYPT_COST_MIN;
}

/* Perhaps rounds=N$; then SALT$DIGEST. */
static bool
scheme_sha(struct password_hash *h, const char *at)
{
	uint64_t rounds = PASSWORD_SHA_ROUNDS_MIN;

	if (scheme_skip(&at, "rounds=") &&
	    (!scheme_number(&at, &rounds) || !scheme_skip(&at, "$")))
		return false;
	scheme_limit(h, "number of rounds", rounds, PASSWORD_SHA_ROUNDS_MAX);
	return rounds >= PASSWORD_SHA_ROUNDS_MIN && strchr(at, '$') != NULL;
}

/*
 * The parameters that crypt_gensalt(3) makes, and no others: their general
 * form is a language of its own. r is 8 or 32; N, and so the memory, is 2 to
 * the power of one more than the second letter's value.
 */
static bool
scheme_yescrypt(struct password_hash *h, const char *at)
{
	static const char *const known[] = {"j75$", "j85$", "j7T$", "j8T$",
	    "j9T$", "jAT$", "jBT$", "jCT$", "jDT$", "jET$", "jFT$"};
	size_t i = 0;
	uint64_t log_n, r;

	while (i < COUNT(known) && !scheme_skip(&at, known[i]))
		i++;
	if (i == COUNT(known) || strchr(at, '$') == NULL)
		return false;
	at = known[i] + 1;
	scheme_digits(&at, 1, &log_n);
	scheme_digits(&at, 1, &r);
	h->memory = (SCRYPT_BLOCK * (r + 1)) << (log_n + 1);
	return true;
}

static const struct password_scheme scheme_known[] = {
    {"$argon2id$", "argon2id", PASSWORD_ARGON2, 0, 0, scheme_argon2},
    {"$argon2i$", "argon2i", PASSWORD_ARGON2, 0, 0, scheme_argon2},
    {"$7$", "scrypt", PASSWORD_SCRYPT, 0, 0, scheme_scrypt},
    {"$2b$", "bcrypt", PASSWORD_CRYPT, 0, BCRYPT_PASSWORD, scheme_bcrypt},
    {"$2y$", "bcrypt", PASSWORD_CRYPT, 0, BCRYPT_PASSWORD, scheme_bcrypt},
    {"$2a$", "bcrypt", PASSWORD_CRYPT, 0, BCRYPT_PASSWORD, scheme_bcrypt},
    {"$5$", "sha256-crypt", PASSWORD_CRYPT, SHA256_TAIL, 0, scheme_sha},
    {"$6$", "sha512-crypt", PASSWORD_CRYPT, SHA512_TAIL, 0, scheme_sha},
    {"$y$", "yescrypt", PASSWORD_CRYPT, YESCRYPT_TAIL, 0, scheme_yescrypt},
};

/* Kinds that are not taken, and why. */
static const struct {
	const char *prefix;
	const char *why;
} scheme_refused[] = {
    {"$1$", "is of md5-crypt, which is broken"},
    {"$2x$", "is of a bcrypt that confuses passwords"},
    {"$argon2d$", "is of argon2d, which is not for passwords"},
};

#define SCHEME_DES_LEN 13 /* characters of a hash without any '$' */

/* Why a hash of no known kind is refused. */
static const char *
scheme_why(const char *text)
{
	for (size_t i = 0; i < COUNT(scheme_refused); i++) {
		if (strncmp(text, scheme_refused[i].prefix,
			strlen(scheme_refused[i].prefix)) == 0)
			return scheme_refused[i].why;
	}
	if (*text == '_' ||
	    (strlen(text) == SCHEME_DES_LEN &&
		strspn(text, scheme_alphabet) == SCHEME_DES_LEN))
		return "is of DES, which is broken";
	return "is of no known kind";
}

/* Whether only characters of hashes stand there, and as many as must. */
static bool
scheme_fits(const struct password_scheme *s, const char *text)
{
	const char *at = text;

	while (*at != '\0' && (strchr(scheme_alphabet, *at) != NULL ||
				  strchr(SCHEME_SIGNS, *at) != NULL))
		at++;
	return *at == '\0' &&
	       (s->tail == 0 || strlen(strrchr(text, '$') + 1) == s->tail);
}

/* Says what the hash asks for, and may not. */
static int
scheme_too_costly(struct call *call, const struct password_hash *h)
{
	call_fail(call, CODE_TOO_LARGE,
	    "hash is too costly: its %s is %llu, at most %llu is taken",
	    h->excess, (unsigned long long)h->asked,
	    (unsigned long long)h->limit);
	fault_add_text(&call->fault, "field", "hash");
	fault_add_number(&call->fault, "limit", (int64_t)h->limit);
	return -1;
}

int
password_scheme_read(struct call *call, const uint8_t *bytes, size_t len,
    struct password_hash *h)
{
	const struct password_scheme *s = scheme_known;

	memset(h, 0, sizeof *h);
	memcpy(h->text, bytes, len);
	if (strlen(h->text) != len)
		return call_invalid(call, "hash", "hash holds a NUL byte");
	while (s < scheme_known + COUNT(scheme_known) &&
	       strncmp(h->text, s->prefix, strlen(s->prefix)) != 0)
		s++;
	if (s == scheme_known + COUNT(scheme_known))
		return call_invalid(call, "hash",
		    "hash %s; it takes argon2id, argon2i, scrypt ($7$), "
		    "bcrypt, SHA-crypt ($5$, $6$) and yescrypt ($y$)",
		    scheme_why(h->text));
	h->scheme = s;
	if (!scheme_fits(s, h->text) ||
	    !s->parse(h, h->text + strlen(s->prefix)))
		return call_invalid(call, "hash", "hash is not a whole %s hash",
		    s->name);
	return h->excess != NULL ? scheme_too_costly(call, h) : 0;
}

#include "worker/tasks/token-key.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "worker/tasks/token-bare.h"
#include "worker/tasks/token-pem.h"
#include "worker/tasks/token-seal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KEY_ID_LEN crypto_generichash_BYTES

const char *const token_key_algorithms[] = {
    [TOKEN_HS256] = "HS256",
    [TOKEN_HS384] = "HS384",
    [TOKEN_HS512] = "HS512",
    [TOKEN_RS256] = "RS256",
    [TOKEN_RS384] = "RS384",
    [TOKEN_RS512] = "RS512",
    [TOKEN_ES256] = "ES256",
    [TOKEN_ES384] = "ES384",
    [TOKEN_ES512] = "ES512",
    [TOKEN_ALGORITHMS] = NULL,
};

static const enum token_kind key_kinds[TOKEN_ALGORITHMS] = {
    [TOKEN_HS256] = TOKEN_KIND_SHARED,
    [TOKEN_HS384] = TOKEN_KIND_SHARED,
    [TOKEN_HS512] = TOKEN_KIND_SHARED,
    [TOKEN_RS256] = TOKEN_KIND_RSA,
    [TOKEN_RS384] = TOKEN_KIND_RSA,
    [TOKEN_RS512] = TOKEN_KIND_RSA,
    [TOKEN_ES256] = TOKEN_KIND_P256,
    [TOKEN_ES384] = TOKEN_KIND_P384,
    [TOKEN_ES512] = TOKEN_KIND_P521,
};

/* Kinds in words, with what they are for. */
static const char *const key_words[TOKEN_KINDS] = {
    [TOKEN_KIND_SHARED] = "a shared secret, which is for HS256, HS384, HS512",
    [TOKEN_KIND_RSA] = "an RSA key, which is for RS256, RS384, RS512",
    [TOKEN_KIND_P256] = "a key of P-256, which is for ES256",
    [TOKEN_KIND_P384] = "a key of P-384, which is for ES384",
    [TOKEN_KIND_P521] = "a key of P-521, which is for ES512",
};

/*
 * Keys that were parsed: that takes ten times as long as a signature. They are
 * found by a keyed hash of their PEM, so that the PEM need not be kept; it is
 * keyed, so that nobody can choose two that collide, or tell the PEM from it.
 */
static struct kept {
	uint8_t id[KEY_ID_LEN];
	struct token_key key; /* pkey NULL: the place is free */
	uint64_t used; /* when: counts uses */
} key_kept[TOKEN_KEY_KEPT];

static uint8_t key_id_key[crypto_generichash_KEYBYTES];
static uint64_t key_uses; /* 0: key_id_key is not chosen yet */
static unsigned int key_parsed;

int
token_key_algorithm(const char *name, size_t len)
{
	for (int i = 0; i < TOKEN_ALGORITHMS; i++) {
		if (strlen(token_key_algorithms[i]) == len &&
		    memcmp(token_key_algorithms[i], name, len) == 0)
			return i;
	}
	return -1;
}

enum token_kind
token_key_kind(int algorithm)
{
	return key_kinds[algorithm];
}

int
token_key_default(const struct token_key *key)
{
	int i = 0;

	while (key_kinds[i] != key->kind)
		i++;
	return i;
}

unsigned int
token_key_allowed(const struct token_key *key)
{
	unsigned int bits = 0;

	for (int i = 0; i < TOKEN_ALGORITHMS; i++)
		bits |= key_kinds[i] == key->kind ? 1u << i : 0;
	return bits;
}

int
token_key_check(struct call *call, const char *option, int algorithm,
    const struct token_key *key)
{
	if (key_kinds[algorithm] == key->kind)
		return 0;
	return call_invalid(call, option,
	    "%s has %s, but " TOKEN_KEY_FIELD " is %s", option,
	    token_key_algorithms[algorithm], key_words[key->kind]);
}

unsigned int
token_key_parsed(void)
{
	return key_parsed;
}

/* Frees a place. */
static void
key_drop(struct kept *place)
{
	EVP_PKEY_free(place->key.pkey);
	sodium_memzero(place, sizeof *place);
}

void
token_key_forget(void)
{
	for (size_t i = 0; i < COUNT(key_kept); i++)
		key_drop(&key_kept[i]);
	sodium_memzero(key_id_key, sizeof key_id_key);
	key_uses = 0;
}

/* Computes by what a key is found. */
static void
key_identify(const uint8_t *pem, size_t len, uint8_t id[KEY_ID_LEN])
{
	if (key_uses++ == 0)
		randombytes_buf(key_id_key, sizeof key_id_key);
	crypto_generichash(id, KEY_ID_LEN, pem, len, key_id_key,
	    sizeof key_id_key);
}

/* The place of a key, or the one to take for it, which is then emptied. */
static struct kept *
key_find(const uint8_t id[KEY_ID_LEN])
{
	struct kept *oldest = &key_kept[0];

	for (size_t i = 0; i < COUNT(key_kept); i++) {
		struct kept *place = &key_kept[i];

		if (place->key.pkey != NULL &&
		    sodium_memcmp(place->id, id, KEY_ID_LEN) == 0)
			return place;
		/* a free place was never used */
		if (place->used < oldest->used)
			oldest = place;
	}
	key_drop(oldest);
	return oldest;
}

/*
 * Checks that what a private key signs is right by its public half: a key
 * whose halves are of two keys would make tokens that nobody takes.
 */
static int
key_try(struct call *call, const struct token_key *key)
{
	static const char text[] = "try";
	uint8_t signature[TOKEN_SEAL_MAX];
	int algorithm = token_key_default(key);
	size_t n =
	    token_seal_make(algorithm, key, text, sizeof text, signature);

	if (n > 0 &&
	    token_seal_check(algorithm, key, text, sizeof text, signature, n))
		return 0;
	return call_invalid(call, TOKEN_KEY_FIELD,
	    TOKEN_KEY_FIELD " has a private key whose halves do not fit "
			    "together");
}

/* Parses a key into an empty place; -1 with the call's error set. */
static int
key_parse(struct call *call, const uint8_t *pem, size_t len, struct kept *place)
{
	struct token_key *key = &place->key;

	key_parsed++;
	key->pkey =
	    token_pem_read(call, pem, len, &key->kind, &key->is_private);
	if (key->pkey == NULL)
		return -1;
	if (!key->is_private || key_try(call, key) == 0)
		return 0;
	key_drop(place);
	return -1;
}

/* Gives the key in PEM, parsed now or earlier. */
static int
key_read_pem(struct call *call, const uint8_t *pem, size_t len,
    struct token_key *key)
{
	uint8_t id[KEY_ID_LEN];
	struct kept *place;

	key_identify(pem, len, id);
	place = key_find(id);
	if (place->key.pkey == NULL && key_parse(call, pem, len, place) < 0)
		return -1;
	memcpy(place->id, id, sizeof id);
	place->used = key_uses;
	*key = place->key;
	return 0;
}

/*
 * Refuses the half of a key that the other end should have. A named one is on
 * no other end: what it signs it may check.
 */
static int
key_check_half(struct call *call, const struct token_key *key, bool to_sign)
{
	if (key->is_private == to_sign || (!to_sign && call->key != NULL))
		return 0;
	return call_invalid(call, TOKEN_KEY_FIELD,
	    to_sign ? TOKEN_KEY_FIELD
		" takes a private key to sign with, not a public one"
		    : TOKEN_KEY_FIELD
		" takes a public key or a certificate to verify with, not a "
		"private key: who only checks tokens has no need of it");
}

/* Takes a shared secret. */
static int
key_read_shared(struct call *call, const msgpack_object *arg,
    struct token_key *key)
{
	size_t len;
	const uint8_t *bytes = call_bytes(arg, &len);

	if (len == 0 || len > TOKEN_KEY_SHARED_MAX)
		return call_refuse(call, TOKEN_KEY_FIELD,
		    "a shared secret of 1 to 4096 bytes, or a key in PEM", arg);
	if (token_bare_is(bytes, len))
		return call_invalid(call, TOKEN_KEY_FIELD,
		    TOKEN_KEY_FIELD " takes a shared secret, or a key in PEM, "
				    "not a key in another form");
	*key = (struct token_key){.kind = TOKEN_KIND_SHARED,
	    .bytes = bytes,
	    .len = len};
	return 0;
}

int
token_key_read(struct call *call, const msgpack_object *arg, bool to_sign,
    struct token_key *key)
{
	size_t len;
	const uint8_t *bytes = call_bytes(arg, &len);

	/*
	 * Who verifies with a public key by mistake would accept every token
	 * that was made with HMAC and that key, which is no secret. So what
	 * looks like PEM is never a shared secret, readable or not.
	 */
	if (!token_pem_is(bytes, len))
		return key_read_shared(call, arg, key);
	if (key_read_pem(call, bytes, len, key) < 0)
		return -1;
	return key_check_half(call, key, to_sign);
}

/*
 * Secrets leave nothing in the process: after each task, with its input and
 * output wiped as the worker's loop does, a mark that was part of the secret
 * is nowhere in memory.
 */

#include "tests/unit/tasking.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "tests/unit/forge-keys.h"
#include "worker/tasks/token-key.h"
#include "worker/wipe.h"

#define MARK_LEN ((size_t)32)
#define MASK 0x15
#define CHUNK ((size_t)1 << 16)
#define REGION_MAX ((size_t)256 << 20)
#define LINE ((size_t)65) /* of PEM, its end included */

/* The mark, masked: it stands in memory only where mark() puts it. */
static char masked[] = "hrfw=xzzw|L*%dgxzzw=xzzwsgzpt3|}";

static struct output out;
static struct call call;

/* Writes the mark; letters, digits and a few signs, all ASCII. */
static void
mark(char *to)
{
	_Static_assert(sizeof masked - 1 == MARK_LEN, "length of the mark");

	for (size_t i = 0; i < MARK_LEN; i++)
		to[i] = (char)(masked[i] ^ MASK);
}

/* Counts marks in len bytes, without making one to compare with. */
static int
count_in(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	int n = 0;

	while ((p = memchr(p, masked[0] ^ MASK, (size_t)(end - p))) != NULL) {
		size_t k = 0;

		while (k < MARK_LEN && p + k < end &&
		       (char)(p[k] ^ MASK) == masked[k])
			k++;
		n += k == MARK_LEN;
		p++;
	}
	return n;
}

/* Counts marks in one region of this process; what cannot be read has none. */
static int
count_region(int mem, uint64_t from, uint64_t to)
{
	static uint8_t chunk[CHUNK];
	int n = 0;

	while (from < to) {
		size_t want = to - from < CHUNK ? to - from : CHUNK;
		ssize_t got = pread(mem, chunk, want, (off_t)from);

		if (got <= (ssize_t)MARK_LEN)
			break;
		/* the region of the chunk itself is read last, and is clean */
		n += count_in(chunk, (size_t)got);
		explicit_bzero(chunk, sizeof chunk);
		if ((size_t)got == want && want < CHUNK)
			break;
		from += (size_t)got - (MARK_LEN - 1);
	}
	return n;
}

/* Counts marks in all of this process's memory that can be written. */
static int
count(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), n = 0;
	char line[512], mode[8];
	uint64_t from, to;

	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to,
			mode) == 3 &&
		    mode[1] == 'w' && to - from <= REGION_MAX)
			n += count_region(mem, from, to);
	}
	fclose(maps);
	close(mem);
	return n;
}

/* Runs a type on two fields, the second one holding the mark. */
static int
run(const char *type, const char *name, msgpack_object value, const char *key,
    const char *secret, size_t secret_len)
{
	msgpack_object_kv kv[2] = {
	    {tasking_str(name, strlen(name)), value},
	    {tasking_str(key, strlen(key)), tasking_str(secret, secret_len)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	return call_run(&call, registry_find(type, strlen(type)), &data, &out,
	    1 << 20);
}

/* Must be clean once the input is wiped. */
static void
check(char *input)
{
	assert_true(count() > 0);
	wipe_stack();
	explicit_bzero(input, 4 * MARK_LEN);
	output_wipe(&out);
	assert_int_equal(count(), 0);
}

static void
test_the_test(void **state)
{
	char *input = malloc(4 * MARK_LEN);

	assert_int_equal(count(), 0);
	mark(input + 5);
	assert_true(count() > 0);
	explicit_bzero(input, 4 * MARK_LEN);
	assert_int_equal(count(), 0);
	free(input);
}

/* All of the block, whatever was asked for. */
static void
test_wipe_free(void **state)
{
	char *p = wipe_malloc(4 * MARK_LEN), *more;

	mark(p + 3 * MARK_LEN);
	more = wipe_realloc(p, 100000);
	assert_true(count_in((uint8_t *)more, 4 * MARK_LEN) == 1);
	wipe_free(more);
	assert_int_equal(count(), 0);
	wipe_free(NULL);
	p = wipe_realloc(NULL, 10);
	assert_non_null(p);
	wipe_free(p);
}

/* What OpenSSL frees, too: it has copies of keys that nobody else sees. */
static void
test_openssl_free(void **state)
{
	char *p = OPENSSL_malloc(4 * MARK_LEN);

	mark(p + MARK_LEN);
	p = OPENSSL_realloc(p, 100000);
	assert_int_equal(count(), 1);
	OPENSSL_free(p);
	assert_int_equal(count(), 0);
	p = OPENSSL_malloc(4 * MARK_LEN);
	assert_null(OPENSSL_realloc(p, 0));
}

static void
test_sign_secret(void **state)
{
	char *input = calloc(4, MARK_LEN);
	msgpack_object payload = {.type = MSGPACK_OBJECT_MAP};

	mark(input);
	mark(input + 2 * MARK_LEN);
	/* short, one block, and hashed because it is longer than a block */
	assert_int_equal(run("jwt:sign", "payload", payload, "secret", input,
			     MARK_LEN),
	    0);
	output_wipe(&out);
	assert_int_equal(run("jwt:sign", "payload", payload, "secret", input,
			     3 * MARK_LEN),
	    0);
	check(input);
	free(input);
}

static void
test_verify_secret(void **state)
{
	static const char token[] =
	    "eyJhbGciOiJIUzI1NiJ9.e30."
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	char *input = calloc(4, MARK_LEN);

	mark(input);
	assert_int_equal(run("jwt:verify", "token",
			     tasking_str(token, strlen(token)), "secret", input,
			     MARK_LEN),
	    0);
	check(input);
	free(input);
}

/* RFC 7515, A.3: the number that is the private key, highest byte first. */
static const uint8_t number[MARK_LEN] = {0x8e, 0x9b, 0x10, 0x9e, 0x71, 0x90,
    0x98, 0xbf, 0x98, 0x04, 0x87, 0xdf, 0x1f, 0x5d, 0x77, 0xe9, 0xcb, 0x29,
    0x60, 0x6e, 0xbe, 0xd2, 0x26, 0x3b, 0x5f, 0x57, 0xc2, 0x13, 0xdf, 0x84,
    0xf4, 0xb2};

/* Has other bytes looked for, from now on; without a copy of them. */
static void
look_for(const void *bytes, bool reversed)
{
	for (size_t k = 0; k < MARK_LEN; k++)
		masked[k] =
		    (char)(((const char *)
				   bytes)[reversed ? MARK_LEN - 1 - k : k] ^
			   MASK);
}

/* Signs with a PEM that is wiped afterwards, as the worker's loop does. */
static void
sign_with_pem(void)
{
	size_t len = strlen(FORGE_P256);
	char *input = malloc(len + 1);
	msgpack_object payload = {.type = MSGPACK_OBJECT_MAP};

	memcpy(input, FORGE_P256, len + 1);
	assert_int_equal(run("jwt:sign", "payload", payload, "secret", input,
			     len),
	    0);
	wipe_stack();
	wipe_free(input);
	output_wipe(&out);
}

/*
 * A private key stays in the worker, parsed, until it is given up; its text,
 * and the bytes that the text stands for, do not.
 */
static void
test_private_key(void **state)
{
	static const char first[] = "-----BEGIN PRIVATE KEY-----\n";
	char old[sizeof masked];

	memcpy(old, masked, sizeof old);
	sign_with_pem();
	/* the secret part of the second line of base64 */
	look_for(&FORGE_P256[sizeof first - 1 + LINE], false);
	assert_int_equal(count(), 0);
	look_for(number, false);
	assert_int_equal(count(), 0);
	/* how OpenSSL keeps it; this is what shows that the test can see */
	look_for(number, true);
	assert_true(count() > 0);
	token_key_forget();
	assert_int_equal(count(), 0);
	memcpy(masked, old, sizeof old);
}

static void
test_cipher_key(void **state)
{
	char *input = calloc(4, MARK_LEN);

	mark(input);
	assert_int_equal(run("crypto:encrypt", "data", tasking_str("x", 1),
			     "key", input, MARK_LEN),
	    0);
	check(input);
	free(input);
}

/* The plaintext, going in and coming out. */
static void
test_cipher_data(void **state)
{
	static const char key[] = "a key that is no secret here";
	char *input = calloc(4, MARK_LEN), text[256];
	msgpack_unpacked u;
	size_t off = 0, len;

	mark(input);
	assert_int_equal(run("crypto:encrypt", "key",
			     tasking_str(key, strlen(key)), "data", input,
			     MARK_LEN),
	    0);
	msgpack_unpacked_init(&u);
	assert_int_equal(msgpack_unpack_next(&u, (const char *)out.bytes,
			     out.len, &off),
	    MSGPACK_UNPACK_SUCCESS);
	call_text(&u.data, text, sizeof text);
	len = u.data.via.str.size;
	msgpack_unpacked_destroy(&u);
	check(input);
	mark(input); /* check() wants to have seen one */
	assert_int_equal(run("crypto:decrypt", "key",
			     tasking_str(key, strlen(key)), "data", text, len),
	    0);
	assert_int_equal(count_in(out.bytes, out.len), 1);
	check(input);
	/* a wrong key leaves nothing either */
	mark(input);
	assert_int_equal(run("crypto:decrypt", "key",
			     tasking_str("another key, much too long", 26),
			     "data", text, len),
	    -1);
	check(input);
	free(input);
}

static void
test_hash_input(void **state)
{
	static const char *const algorithms[] = {"sha256", "sha512", "md5",
	    "blake2b"};
	char *input = calloc(4, MARK_LEN);

	for (size_t i = 0; i < 4; i++) {
		mark(input);
		mark(input + MARK_LEN);
		assert_int_equal(run("crypto:hash", "algorithm",
				     tasking_str(algorithms[i],
					 strlen(algorithms[i])),
				     "input", input, 2 * MARK_LEN + 7),
		    0);
		check(input);
	}
	free(input);
}

static int
setup(void **state)
{
	output_init(&out, 1 << 20);
	return tasking_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_test),
	    cmocka_unit_test(test_wipe_free),
	    cmocka_unit_test(test_openssl_free),
	    cmocka_unit_test(test_sign_secret),
	    cmocka_unit_test(test_verify_secret),
	    cmocka_unit_test(test_private_key),
	    cmocka_unit_test(test_cipher_key),
	    cmocka_unit_test(test_cipher_data),
	    cmocka_unit_test(test_hash_input),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

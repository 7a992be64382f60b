/* Forms of envelopes: algorithms, text and bytes, and what others made. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define KEY "a long secret string"
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define GCM "'algorithm': 'aes-256-gcm'"

/* Decryption must fail with WORKER_ERROR, reason failed. */
static void
decrypt_fails(const char *text)
{
	const struct fault *f = tasking_fails("crypto:decrypt",
	    "{'data': '%s', 'key': '" KEY "'}", text);

	assert_int_equal(f->code, CODE_WORKER_ERROR);
	assert_string_equal(f->reason, "failed");
}

/* What earlier versions wrote: these two were made by the first one. */
static void
test_old_envelopes(void **state)
{
	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': "
			       "'moro1s.vYRoBxM_1P4X6-"
			       "UFS1hDqqWuepxgPrOaRcIpBGCrrDbA"
			       "I8ZbYc-yErUmoAAdAg', 'key': '" KEY
			       "', 'aad': 'user 7'}"),
	    "gr\xc3\xbc\xc3\x9f");
	tasking_assert_bin(tasking_ok("crypto:decrypt",
			       "{'data': "
			       "'moro1b."
			       "GOe7hFJrQl2xTmcpfVmZoFu5jilbdvaitAsN4TENowEx"
			       "pUzgmNQqzs-6-w', 'key': '" HEX "'}"),
	    "\x00\xff\x80", 3);
}

/* AES-256-GCM of Python's cryptography. */
static void
test_foreign_gcm(void **state)
{
	tasking_assert_bin(tasking_ok("crypto:decrypt",
			       "{'data': "
			       "'moro1gb."
			       "QEFCQ0RFRkdISUpL4kYuOYOnJHSu0VNjL3naWwuVVQ'"
			       ", 'key': '" HEX "'}"),
	    "\x00\xff\x80", 3);
}

/* All kinds of envelopes: their heads, and that they open. */
static void
test_heads(void **state)
{
	static const struct {
		const char *data, *more, *head;
	} cases[] = {
	    {"'hello'", "'algorithm': 'xchacha20-poly1305'", "moro1s."},
	    {"'hello'", "'encoding': 'text'", "moro1s."},
	    {"'hello'", "'encoding': 'bin'", "moro1s:"},
	    {"{'$bin': '00'}", "'encoding': 'bin'", "moro1b:"},
	    {"'hello'", GCM, "moro1gs."},
	    {"{'$bin': '00'}", GCM, "moro1gb."},
	    {"'hello'", GCM ", 'encoding': 'bin'", "moro1gs:"},
	    {"{'$bin': '00'}", GCM ", 'encoding': 'bin'", "moro1gb:"},
	};
	size_t head;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const msgpack_object *made = tasking_ok("crypto:encrypt",
		    "{'data': %s, 'key': '%s', %s}", cases[i].data, KEY,
		    cases[i].more);
		bool bin = cases[i].head[strlen(cases[i].head) - 1] == ':';
		bool gcm = strchr(cases[i].head, 'g') != NULL;
		size_t len = cases[i].data[0] == '{' ? 1 : 5;

		head = strlen(cases[i].head);
		assert_int_equal(made->type,
		    bin ? MSGPACK_OBJECT_BIN : MSGPACK_OBJECT_STR);
		assert_memory_equal(made->via.str.ptr, cases[i].head, head);
		if (bin)
			assert_int_equal(made->via.bin.size,
			    head + (gcm ? 12 : 24) + len + 16);
	}
}

/* Runs a map of data, key and maybe one field more. */
static int
run(const char *type, msgpack_object data, const char *name, const char *value)
{
	msgpack_object_kv kv[3] = {
	    {tasking_str("data", 4), data},
	    {tasking_str("key", 3), tasking_str(KEY, strlen(KEY))},
	    {tasking_str(name, strlen(name)),
		tasking_str(value, strlen(value))},
	};
	msgpack_object map = {.type = MSGPACK_OBJECT_MAP,
	    .via.map = {name[0] != '\0' ? 3 : 2, kv}};

	return tasking_run(type, &map, TASKING_RESULT_MAX);
}

/* Data of all lengths around what is worked on at a time, in every form. */
static void
test_lengths(void **state)
{
	static const size_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 49100, 49112,
	    49124, 49136, 49152, 49153, 98304, 1048576, 1048577, 3000001};
	static const char *const fields[][2] = {{"", ""},
	    {"algorithm", "aes-256-gcm"}, {"encoding", "bin"}};
	uint8_t *bytes = malloc(3000001), *copy = malloc(5000000);

	randombytes_buf(bytes, 3000001);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		for (size_t f = 0; f < 3; f++) {
			msgpack_object data = tasking_bin(bytes, lengths[i]);

			assert_int_equal(run("crypto:encrypt", data,
					     fields[f][0], fields[f][1]),
			    0);
			data = *tasking_result();
			memcpy(copy, data.via.bin.ptr, data.via.bin.size);
			data.via.bin.ptr = (char *)copy;
			assert_int_equal(run("crypto:decrypt", data, "", ""),
			    0);
			tasking_assert_bin(tasking_result(), bytes, lengths[i]);
		}
	}
	free(bytes);
	free(copy);
}

/* An envelope of bytes may come as a string, and one of text as bytes. */
static void
test_kind_of_envelope_is_free(void **state)
{
	msgpack_object data;
	uint8_t copy[100];

	assert_int_equal(run("crypto:encrypt", tasking_str("hello", 5),
			     "encoding", "bin"),
	    0);
	data = *tasking_result();
	memcpy(copy, data.via.bin.ptr, data.via.bin.size);
	data = tasking_str(copy, data.via.bin.size);
	assert_int_equal(run("crypto:decrypt", data, "", ""), 0);
	tasking_assert_str(tasking_result(), "hello");
	assert_int_equal(run("crypto:encrypt", tasking_str("hello", 5), "", ""),
	    0);
	data = *tasking_result();
	memcpy(copy, data.via.str.ptr, data.via.str.size);
	data = tasking_bin(copy, data.via.str.size);
	assert_int_equal(run("crypto:decrypt", data, "", ""), 0);
	tasking_assert_str(tasking_result(), "hello");
}

/* Every bit and every cut of the other forms; the head is of use as it is. */
static void
test_every_bit_of_bytes(void **state)
{
	uint8_t copy[100];
	size_t len;

	tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '" KEY "', " GCM ", 'encoding': 'bin'}");
	len = tasking_result()->via.bin.size;
	memcpy(copy, tasking_result()->via.bin.ptr, len);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(run("crypto:decrypt", tasking_bin(copy, len),
				     "", ""),
		    -1);
		assert_int_equal(tasking_fault()->code, CODE_WORKER_ERROR);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < len; n++)
		assert_int_equal(run("crypto:decrypt", tasking_bin(copy, n), "",
				     ""),
		    -1);
	assert_int_equal(run("crypto:decrypt", tasking_bin(copy, len), "", ""),
	    0);
}

/* An envelope cannot be passed off as one of the other algorithm. */
static void
test_heads_are_authenticated(void **state)
{
	char other[256];
	const char *text = tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': 'hello hello hello hello', 'key': '%s', " GCM "}", KEY));

	snprintf(other, sizeof other, "moro1s.%s", text + 8);
	decrypt_fails(other);
	snprintf(other, sizeof other, "moro1gb.%s", text + 8);
	decrypt_fails(other);
	snprintf(other, sizeof other, "moro1gs:%s", text + 8);
	decrypt_fails(other);
	snprintf(other, sizeof other, "moro1gks.%s", text + 8);
	decrypt_fails(other);
	snprintf(other, sizeof other, "moro1kgs.%s", text + 8);
	decrypt_fails(other);
}

/* With `algorithm`, an envelope of another one is not opened. */
static void
test_algorithm_is_pinned(void **state)
{
	static const char *const names[] = {"xchacha20-poly1305",
	    "aes-256-gcm"};

	for (size_t i = 0; i < 2; i++) {
		const char *text = tasking_text(tasking_ok("crypto:encrypt",
		    "{'data': 'hello', 'key': '%s', 'algorithm': '%s'}", KEY,
		    names[i]));
		const struct fault *f;

		tasking_assert_str(tasking_ok("crypto:decrypt",
				       "{'data': '%s', 'key': '%s', "
				       "'algorithm': '%s'}",
				       text, KEY, names[i]),
		    "hello");
		f = tasking_fails("crypto:decrypt",
		    "{'data': '%s', 'key': '%s', 'algorithm': '%s'}", text, KEY,
		    names[1 - i]);
		assert_int_equal(f->code, CODE_WORKER_ERROR);
		tasking_assert_contains(f->message, names[i]);
	}
}

static void
test_refusals(void **state)
{
	tasking_refuses("algorithm", "crypto:encrypt",
	    "{'data': 'x', 'key': '" KEY "', 'algorithm': 'aes-128-gcm'}");
	tasking_refuses("algorithm", "crypto:decrypt",
	    "{'data': 'x', 'key': '" KEY "', 'algorithm': 'AES-256-GCM'}");
	tasking_refuses("encoding", "crypto:encrypt",
	    "{'data': 'x', 'key': '" KEY "', 'encoding': 'hex'}");
	tasking_refuses("encoding", "crypto:decrypt",
	    "{'data': 'x', 'key': '" KEY "', 'encoding': 'bin'}");
	tasking_refuses("iv", "crypto:encrypt",
	    "{'data': 'x', 'key': '" KEY "', 'iv': 'x'}");
}

/* The limit of aad: 65536 bytes, and one more. */
static void
test_aad_limit(void **state)
{
	static char aad[65538];

	memset(aad, 'a', 65537);
	assert_int_equal(run("crypto:encrypt", tasking_str("x", 1), "aad", aad),
	    -1);
	tasking_assert_contains(tasking_fault()->message, "65536");
	aad[65536] = '\0';
	assert_int_equal(run("crypto:encrypt", tasking_str("x", 1), "aad", aad),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_old_envelopes),
	    cmocka_unit_test(test_foreign_gcm),
	    cmocka_unit_test(test_heads),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_kind_of_envelope_is_free),
	    cmocka_unit_test(test_every_bit_of_bytes),
	    cmocka_unit_test(test_heads_are_authenticated),
	    cmocka_unit_test(test_algorithm_is_pinned),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_aad_limit),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

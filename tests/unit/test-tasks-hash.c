/* crypto:hash: published vectors, encodings, refusals. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

/* FIPS 180-4, FIPS 202, RFC 1321 and RFC 7693, A and B: all of "abc". */
static const struct {
	const char *algorithm;
	const char *hex;
} abc[] = {
    {"sha256",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"sha384",
	"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
	"8086072ba1e7cc2358baeca134c825a7"},
    {"sha512",
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"md5", "900150983cd24fb0d6963f7d28e17f72"},
    {"sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {"sha512-256",
	"53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    {"sha3-256",
	"3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
    {"sha3-512",
	"b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
	"10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"},
    {"blake2s",
	"508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"},
    {"blake2b",
	"ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
	"7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
};

static void
test_vectors(void **state)
{
	for (size_t i = 0; i < sizeof abc / sizeof abc[0]; i++)
		tasking_assert_str(tasking_ok("crypto:hash",
				       "{'input': 'abc', 'algorithm': '%s'}",
				       abc[i].algorithm),
		    abc[i].hex);
}

static void
test_defaults_and_alias(void **state)
{
	tasking_assert_str(tasking_ok("crypto:hash", "{'input': 'abc'}"),
	    abc[0].hex);
	tasking_assert_str(tasking_ok("crypto:hash", "{'data': 'abc'}"),
	    abc[0].hex);
	tasking_assert_str(tasking_ok("crypto:hash",
			       "{'data': {'$bin': '616263'}}"),
	    abc[0].hex);
}

static void
test_empty(void **state)
{
	tasking_assert_str(tasking_ok("crypto:hash", "{'input': ''}"),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	tasking_assert_str(tasking_ok("crypto:hash",
			       "{'input': {'$bin': ''}, 'algorithm': 'md5'}"),
	    "d41d8cd98f00b204e9800998ecf8427e");
	/* NIST's CAVP, SHA3_256ShortMsg.rsp: of no bits */
	tasking_assert_str(tasking_ok("crypto:hash",
			       "{'input': '', 'algorithm': 'sha3-256'}"),
	    "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
}

static void
test_encodings(void **state)
{
	static const uint8_t raw[] = {0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f,
	    0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72};

	tasking_assert_bin(tasking_ok("crypto:hash",
			       "{'input': 'abc', 'algorithm': 'md5', "
			       "'encoding': 'bin'}"),
	    raw, sizeof raw);
	tasking_assert_str(tasking_ok("crypto:hash",
			       "{'input': 'abc', 'algorithm': 'md5', "
			       "'encoding': 'base64'}"),
	    "kAFQmDzST7DWlj99KOF/cg==");
	tasking_assert_str(tasking_ok("crypto:hash",
			       "{'input': 'abc', 'encoding': 'base64'}"),
	    "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
	tasking_assert_str(tasking_ok("crypto:hash",
			       "{'input': 'abc', 'encoding': 'base64url'}"),
	    "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

/* A million times "a", FIPS 180-2 appendix B.3: more than one block. */
static void
test_long(void **state)
{
	size_t len = 1000000;
	char *a = malloc(len);
	msgpack_object_kv kv = {.key = tasking_str("input", 5)};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {1, &kv}};

	memset(a, 'a', len);
	kv.val = tasking_bin(a, len);
	assert_int_equal(tasking_run("crypto:hash", &data, TASKING_RESULT_MAX),
	    0);
	tasking_assert_str(tasking_result(),
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(a);
}

static void
test_refusals(void **state)
{
	const char *t = "crypto:hash";
	const struct fault *f;

	tasking_refuses("input", t, "{}");
	tasking_refuses("input", t, "{'algorithm': 'md5'}");
	tasking_refuses("input", t, "{'input': 5}");
	tasking_refuses("input", t, "{'input': null}");
	tasking_refuses("input", t, "{'input': ['abc']}");
	tasking_refuses("input", t, "{'input': 'abc', 'data': 'abc'}");
	tasking_refuses("algorithm", t, "{'input': 'abc', 'algorithm': 256}");
	tasking_refuses("encoding", t, "{'input': 'abc', 'encoding': 'HEX'}");
	tasking_refuses("inptu", t, "{'inptu': 'abc'}");
	tasking_refuses("data", t, "'abc'");
	tasking_refuses("data", t, "null");
	tasking_refuses("data", t, "['abc']");
	f = tasking_refuses("algorithm", t,
	    "{'input': 'abc', 'algorithm': 'sha3'}");
	tasking_assert_contains(f->message, "Unknown hash algorithm \"sha3\"");
	tasking_assert_contains(f->message, "\"blake2b\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_defaults_and_alias),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_encodings),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

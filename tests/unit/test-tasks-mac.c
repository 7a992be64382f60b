/* crypto:hash with a key: published vectors, limits, what is forgotten. */

#include "tests/unit/tasking.h"

#include <string.h>

static const struct {
	const char *algorithm;
	const char *key; /* hex */
	const char *input;
	const char *digest;
} vectors[] = {
    /* RFC 4231, 4.2 */
    {"sha224", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	"896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"},
    /* RFC 4231, 4.3 */
    {"sha224", "4a656665",
	"7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	"a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
    /* RFC 4231, 4.7 */
    {"sha224",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	"65204b6579202d2048617368204b6579204669727374",
	"95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e"},
    /* RFC 4231, 4.8 */
    {"sha224",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"5468697320697320612074657374207573696e672061206c6172676572207468"
	"616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	"68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	"647320746f20626520686173686564206265666f7265206265696e6720757365"
	"642062792074686520484d414320616c676f726974686d2e",
	"3a854166ac5d9f023f54d517d0b39dbd946770db9c2b95c9f6f565d1"},
    /* RFC 4231, 4.2 */
    {"sha256", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    /* RFC 4231, 4.3 */
    {"sha256", "4a656665",
	"7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    /* RFC 4231, 4.4 */
    {"sha256", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	"dddddddddddddddddddddddddddddddddddd",
	"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    /* RFC 4231, 4.5 */
    {"sha256", "0102030405060708090a0b0c0d0e0f10111213141516171819",
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    /* RFC 4231, 4.7 */
    {"sha256",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	"65204b6579202d2048617368204b6579204669727374",
	"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    /* RFC 4231, 4.8 */
    {"sha256",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"5468697320697320612074657374207573696e672061206c6172676572207468"
	"616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	"68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	"647320746f20626520686173686564206265666f7265206265696e6720757365"
	"642062792074686520484d414320616c676f726974686d2e",
	"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    /* RFC 4231, 4.2 */
    {"sha384", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	"faea9ea9076ede7f4af152e8b2fa9cb6"},
    /* RFC 4231, 4.3 */
    {"sha384", "4a656665",
	"7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	"8e2240ca5e69e2c78b3239ecfab21649"},
    /* RFC 4231, 4.7 */
    {"sha384",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	"65204b6579202d2048617368204b6579204669727374",
	"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
	"0c2ef6ab4030fe8296248df163f44952"},
    /* RFC 4231, 4.8 */
    {"sha384",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"5468697320697320612074657374207573696e672061206c6172676572207468"
	"616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	"68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	"647320746f20626520686173686564206265666f7265206265696e6720757365"
	"642062792074686520484d414320616c676f726974686d2e",
	"6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
	"a678cc31e799176d3860e6110c46523e"},
    /* RFC 4231, 4.2 */
    {"sha512", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
    /* RFC 4231, 4.3 */
    {"sha512", "4a656665",
	"7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    /* RFC 4231, 4.4 */
    {"sha512", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	"dddddddddddddddddddddddddddddddddddd",
	"fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
	"bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
    /* RFC 4231, 4.5 */
    {"sha512", "0102030405060708090a0b0c0d0e0f10111213141516171819",
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
	"a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
    /* RFC 4231, 4.7 */
    {"sha512",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	"65204b6579202d2048617368204b6579204669727374",
	"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
    /* RFC 4231, 4.8 */
    {"sha512",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaa",
	"5468697320697320612074657374207573696e672061206c6172676572207468"
	"616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	"68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	"647320746f20626520686173686564206265666f7265206265696e6720757365"
	"642062792074686520484d414320616c676f726974686d2e",
	"e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
	"b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
    /* RFC 2202, 2, test 1 */
    {"md5", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	"9294727a3638bb1c13f48ef8158bfc9d"},
    /* RFC 2202, 2, test 2 */
    {"md5", "4a656665",
	"7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	"750c783e6ab0b503eaa86e310a5db738"},
    /* RFC 2202, 2, test 6 */
    {"md5",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	"65204b6579202d2048617368204b6579204669727374",
	"6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
    /* RFC 2202, 3, test 1 */
    {"sha1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	"b617318655057264e28bc0b6fb378c8ef146be00"},
    /* RFC 2202, 3, test 2 */
    {"sha1", "4a656665",
	"7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    /* RFC 2202, 3, test 6 */
    {"sha1",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	"65204b6579202d2048617368204b6579204669727374",
	"aa4ae5e15272d00e95705637ce8a3b55ed402112"},
    /* NIST, example values of HMAC_SHA3 */
    {"sha3-256",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	"53616d706c65206d65737361676520666f72206b65796c656e3c626c6f636b6c"
	"656e",
	"4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205"},
    /* NIST, example values of HMAC_SHA3 */
    {"sha3-256",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	"8081828384858687",
	"53616d706c65206d65737361676520666f72206b65796c656e3d626c6f636b6c"
	"656e",
	"68b94e2e538a9be4103bebb5aa016d47961d4d1aa906061313b557f8af2c3faa"},
    /* NIST, example values of HMAC_SHA3 */
    {"sha3-256",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	"a0a1a2a3a4a5a6a7",
	"53616d706c65206d65737361676520666f72206b65796c656e3e626c6f636b6c"
	"656e",
	"9bcf2c238e235c3ce88404e813bd2f3a97185ac6f238c63d6229a00b07974258"},
    /* NIST, example values of HMAC_SHA3 */
    {"sha3-512",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
	"53616d706c65206d65737361676520666f72206b65796c656e3c626c6f636b6c"
	"656e",
	"4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5"
	"f7ebe9868031db1a8f8eb7b6b95e5c5e3f657a8996c86a2f6527e307f0213196"},
    /* BLAKE2's blake2b-kat, 0 bytes */
    {"blake2b",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
	"",
	"10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
	"b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568"},
    /* BLAKE2's blake2b-kat, 255 bytes */
    {"blake2b",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	"c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe",
	"142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248"
	"4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461"},
    /* BLAKE2's blake2s-kat, 0 bytes */
    {"blake2s",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "",
	"48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49"},
    /* BLAKE2's blake2s-kat, 255 bytes */
    {"blake2s",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	"c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	"e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe",
	"3fb735061abc519dfe979e54c1ee5bfad0a9d858b3315bad34bde999efd724dd"},
};

#define N (sizeof vectors / sizeof vectors[0])
#define TYPE "crypto:hash"

/* Runs one of them, with its key as bytes. */
static void
check_vector(size_t i)
{
	tasking_assert_str(tasking_ok(TYPE,
			       "{'algorithm': '%s', 'key': {'$bin': '%s'}, "
			       "'input': {'$bin': '%s'}}",
			       vectors[i].algorithm, vectors[i].key,
			       vectors[i].input),
	    vectors[i].digest);
}

static void
test_vectors(void **state)
{
	for (size_t i = 0; i < N; i++)
		check_vector(i);
}

/* The contexts are kept: nothing of one call is in the next. */
static void
test_contexts_are_clean(void **state)
{
	for (size_t i = N; i-- > 0;) {
		check_vector(i);
		tasking_assert_str(tasking_ok(TYPE, "{'input': 'abc'}"),
		    "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad");
		check_vector(i);
	}
}

/* RFC 4231, 4.3: a key of text is its bytes; encodings are those of digests. */
static void
test_text_key(void **state)
{
	const char *json = "{'key': 'Jefe', 'input': 'what do ya want for "
			   "nothing?', 'encoding': '%s'}";

	tasking_assert_str(tasking_ok(TYPE, json, "hex"),
	    "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843");
	tasking_assert_str(tasking_ok(TYPE, json, "base64url"),
	    "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
}

/* Data whose key has n bytes. */
static int
run_with_key(const char *algorithm, size_t n)
{
	static uint8_t key[5000];
	msgpack_object_kv kv[3] = {
	    {tasking_str("input", 5), tasking_str("abc", 3)},
	    {tasking_str("algorithm", 9),
		tasking_str(algorithm, strlen(algorithm))},
	    {tasking_str("key", 3), tasking_bin(key, n)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {3, kv}};

	return tasking_run(TYPE, &data, TASKING_RESULT_MAX);
}

static void
test_key_lengths(void **state)
{
	static const struct {
		const char *algorithm;
		size_t max;
	} limits[] = {{"sha256", 4096}, {"sha3-512", 4096}, {"md5", 4096},
	    {"blake2b", 64}, {"blake2s", 32}};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		const struct fault *f = tasking_fault();

		assert_int_equal(run_with_key(limits[i].algorithm, 1), 0);
		assert_int_equal(run_with_key(limits[i].algorithm,
				     limits[i].max),
		    0);
		assert_int_equal(run_with_key(limits[i].algorithm,
				     limits[i].max + 1),
		    -1);
		assert_int_equal(f->code, CODE_INVALID_ARGUMENT);
		assert_string_equal(tasking_detail(f, "field"), "key");
		assert_int_equal(run_with_key(limits[i].algorithm, 0), -1);
		assert_string_equal(tasking_detail(f, "field"), "key");
	}
	run_with_key("blake2s", 33);
	tasking_assert_contains(tasking_fault()->message,
	    "key takes 1 to 32 bytes with blake2s, not 33 bytes");
}

static void
test_refusals(void **state)
{
	tasking_refuses("key", TYPE, "{'input': 'abc', 'key': ''}");
	tasking_refuses("key", TYPE, "{'input': 'abc', 'key': 5}");
	tasking_refuses("key", TYPE, "{'input': 'abc', 'key': null}");
	tasking_refuses("input", TYPE, "{'key': 'abc'}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_contexts_are_clean),
	    cmocka_unit_test(test_text_key),
	    cmocka_unit_test(test_key_lengths),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

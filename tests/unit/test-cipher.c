/* The ciphers below crypto:encrypt, against what others published. */

#include "tests/unit/tasking.h"

#include <string.h>

#include <sodium.h>

#include "worker/tasks/cipher.h"

#define TEXT_MAX 256 /* bytes of a vector's message */

struct vector {
	const char *name;
	enum cipher_id id;
	const char *key, *nonce, *aad, *plain, *sealed, *tag; /* hex */
};

#define SUNSCREEN                                                              \
	"4c616469657320616e642047656e746c656d656e206f662074686520636c61737320" \
	"6f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c7920" \
	"6f6e652074697020666f7220746865206675747572652c2073756e73637265656e20" \
	"776f756c642062652069742e"
#define GCM_KEY                            \
	"feffe9928665731c6d6a8f9467308308" \
	"feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                          \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_SEALED                                                         \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
#define ZERO_16 "00000000000000000000000000000000"

static const struct vector vectors[] = {
    {"draft-irtf-cfrg-xchacha-03, A.3.1", CIPHER_XCHACHA20_POLY1305,
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	"404142434445464748494a4b4c4d4e4f5051525354555657",
	"50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
	"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c"
	"7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba4"
	"0db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c9763"
	"7da9768812f615c68b13b52e",
	"c0875924c1c7987947deafd8780acf49"},
    {"GCM, McGrew and Viega, test case 13", CIPHER_AES_256_GCM, ZERO_16 ZERO_16,
	"000000000000000000000000", "", "", "",
	"530f8afbc74536b9a963b4f1c4cb738b"},
    {"GCM, McGrew and Viega, test case 14", CIPHER_AES_256_GCM, ZERO_16 ZERO_16,
	"000000000000000000000000", "", ZERO_16,
	"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"GCM, McGrew and Viega, test case 15", CIPHER_AES_256_GCM, GCM_KEY,
	"cafebabefacedbaddecaf888", "", GCM_PLAIN "1aafd255",
	GCM_SEALED "898015ad", "b094dac5d93471bdec1a502270e3cc6c"},
    {"GCM, McGrew and Viega, test case 16", CIPHER_AES_256_GCM, GCM_KEY,
	"cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	GCM_PLAIN, GCM_SEALED, "76fc6ece0f4e1768cddf8853bb2d551b"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static size_t
unhex(uint8_t *to, size_t max, const char *hex)
{
	size_t n;

	assert_int_equal(sodium_hex2bin(to, max, hex, strlen(hex), NULL, &n,
			     NULL),
	    0);
	return n;
}

/* A vector's values as bytes. */
static struct {
	uint8_t key[CIPHER_KEY], nonce[CIPHER_NONCE_MAX], aad[64];
	uint8_t plain[TEXT_MAX], sealed[TEXT_MAX], tag[CIPHER_TAG];
	size_t len, aad_len;
} at;

static void
take(const struct vector *v)
{
	assert_int_equal(unhex(at.key, sizeof at.key, v->key), CIPHER_KEY);
	assert_int_equal(unhex(at.nonce, sizeof at.nonce, v->nonce),
	    cipher_nonce(v->id));
	assert_int_equal(unhex(at.tag, sizeof at.tag, v->tag), CIPHER_TAG);
	at.aad_len = unhex(at.aad, sizeof at.aad, v->aad);
	at.len = unhex(at.plain, sizeof at.plain, v->plain);
	assert_int_equal(unhex(at.sealed, sizeof at.sealed, v->sealed), at.len);
}

/* Begins, with the additional data in two parts. */
static void
begin(const struct vector *v, bool encrypt)
{
	size_t half = at.aad_len / 2;

	assert_int_equal(cipher_begin(v->id, encrypt, at.key, at.nonce), 0);
	cipher_aad(at.aad, half);
	cipher_aad(at.aad + half, at.aad_len - half);
}

/* Whatever the pieces are, it is what was published. */
static void
test_seal(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		take(&vectors[i]);
		for (size_t piece = 1; piece <= at.len + 1; piece++) {
			uint8_t out[TEXT_MAX], tag[CIPHER_TAG];

			begin(&vectors[i], true);
			for (size_t n, done = 0; done < at.len; done += n) {
				n = piece < at.len - done ? piece
							  : at.len - done;
				cipher_update(out + done, at.plain + done, n);
			}
			assert_int_equal(cipher_seal(tag), 0);
			cipher_end();
			assert_memory_equal(out, at.sealed, at.len);
			assert_memory_equal(tag, at.tag, CIPHER_TAG);
		}
	}
}

/* Opens the vector that was taken. */
static bool
opens(const struct vector *v, uint8_t *out)
{
	bool good;

	begin(v, false);
	cipher_update(out, at.sealed, at.len);
	good = cipher_open(at.tag);
	cipher_end();
	return good;
}

/* Opened it is the plaintext, and not with any bit of it changed. */
static void
test_open(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t out[TEXT_MAX];
		struct {
			uint8_t *bytes;
			size_t len;
		} parts[] = {{at.key, CIPHER_KEY},
		    {at.nonce, cipher_nonce(v->id)}, {at.tag, CIPHER_TAG},
		    {at.aad, 0}, {at.sealed, 0}};

		take(v);
		parts[3].len = at.aad_len;
		parts[4].len = at.len;
		assert_true(opens(v, out));
		assert_memory_equal(out, at.plain, at.len);
		for (size_t p = 0; p < COUNT(parts); p++) {
			for (size_t bit = 0; bit < 8 * parts[p].len; bit++) {
				uint8_t *b = &parts[p].bytes[bit / 8];

				*b ^= (uint8_t)(1 << bit % 8);
				assert_false(opens(v, out));
				*b ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
}

/* What is encrypted may stand where the plaintext stood. */
static void
test_in_place(void **state)
{
	uint8_t tag[CIPHER_TAG];

	take(&vectors[0]);
	begin(&vectors[0], true);
	cipher_update(at.plain, at.plain, at.len);
	assert_int_equal(cipher_seal(tag), 0);
	cipher_end();
	assert_memory_equal(at.plain, at.sealed, at.len);
}

static void
test_names(void **state)
{
	assert_string_equal(cipher_name(CIPHER_XCHACHA20_POLY1305),
	    "xchacha20-poly1305");
	assert_string_equal(cipher_name(CIPHER_AES_256_GCM), "aes-256-gcm");
	assert_true(cipher_is_offered(CIPHER_XCHACHA20_POLY1305));
	assert_true(cipher_is_offered(CIPHER_AES_256_GCM));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_seal),
	    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_in_place),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

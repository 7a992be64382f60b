/* password:hash, password:verify: published vectors, limits, refusals. */

#include "tests/unit/tasking.h"

#include <stdio.h>
#include <string.h>

#define HASH "password:hash"
#define VERIFY "password:verify"
#define LONG_TEXT                                        \
	"a very much longer text to encrypt.  This one " \
	"even stretches over morethan one line."
#define AA72_HEX                                           \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Passwords are hex where they are no text. */
struct vector {
	const char *algorithm;
	const char *password;
	const char *hash;
	bool is_hex;
};

static const struct vector vectors[] = {
    /* phc-winner-argon2, src/test.c */
    {"argon2id", "password",
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
	"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
    {"argon2id", "password",
	"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
	"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
    {"argon2id", "password",
	"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$"
	"bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
    {"argon2id", "differentpassword",
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
	"C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"},
    {"argon2id", "password",
	"$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$"
	"vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"},
    {"argon2i", "password",
	"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
	"wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"},
    {"argon2i", "password",
	"$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$"
	"T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E"},
    /* libsodium, test/default/pwhash_scrypt.c */
    {"scrypt", "Y0!?iQa9M%5ekffW(`",
	"$7$A6....1....TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	"a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5"},
    {"scrypt", "j4BS38Asa;p)[K+9TY!3YDj<LK-`nLVXQw9%*QfM",
	"$7$B6....1....5Ods8mojVwXJq4AywF/uI9BdMSiJ/zT8hQP/4cB68VC$"
	"nk4ExHNXJ802froj51/1wJTrSZvTIyyK7PecOxRRaz0"},
    /* Openwall's crypt_blowfish, wrapper.c */
    {"bcrypt", "U*U",
	"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
    {"bcrypt", "U*U*",
	"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"},
    {"bcrypt", "",
	"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"},
    {"bcrypt", "a3",
	"$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", true},
    {"bcrypt", "a3",
	"$2b$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", true},
    {"bcrypt",
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"0123456789chars after 72 are ignored",
	"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
    {"bcrypt", AA72_HEX "63", /* one more byte than there are in the hash */
	"$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6", true},
    /* jBCrypt, TestBCrypt.java */
    {"bcrypt", "",
	"$2a$06$DCq7YPn5Rq63x1Lad4cll."
	"TV4S6ytwfsfvkgY8jIucDrjc8deX1s."},
    {"bcrypt", "abc",
	"$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"},
    {"bcrypt", "abcdefghijklmnopqrstuvwxyz",
	"$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"},
    {"bcrypt", "~!@#$%^&*()      ~!@#$%^&*()PNBFRD",
	"$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO"},
    /* U. Drepper, SHA-crypt.txt */
    {"sha256-crypt", "Hello world!",
	"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
    {"sha256-crypt", "the minimum number is still observed",
	"$5$rounds=1000$roundstoolow$"
	"yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC"},
    {"sha512-crypt", "Hello world!",
	"$6$saltstring$"
	"svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uB"
	"nIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
    {"sha512-crypt", LONG_TEXT,
	"$6$rounds=1400$anotherlongsalts$"
	"POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I"
	"6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1"},
    {"sha512-crypt", "a short string",
	"$6$rounds=123456$asaltof16chars..$"
	"BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu"
	".Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1"},
    /* systemd, test/units/TEST-46-HOMED.sh: a user's record */
    {"yescrypt", "test",
	"$y$j9T$I5Wxfm.fyg.RRWlgWw.rI1$"
	"gnQqGtbpPexqxZJkWMq8FxQi5Swc.CWeKtM8LwvEUB6"},
};

/* Runs password:verify with anything; -1 or 0. */
static int
verify_bytes(const void *password, size_t len, const char *hash)
{
	msgpack_object_kv kv[2] = {
	    {tasking_str("password", 8), tasking_bin(password, len)},
	    {tasking_str("hash", 4), tasking_str(hash, strlen(hash))},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	return tasking_run(VERIFY, &data, TASKING_RESULT_MAX);
}

/* The bytes of a vector's password. */
static size_t
password_of(const struct vector *v, char *out)
{
	size_t n = strlen(v->password);

	if (!v->is_hex) {
		memcpy(out, v->password, n);
		return n;
	}
	for (size_t i = 0; i < n / 2; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(v->password + 2 * i, "%2x", &byte), 1);
		out[i] = (char)byte;
	}
	return n / 2;
}

/* A flag of the result. */
static bool
says(const char *name)
{
	return tasking_get(tasking_result(), name)->via.boolean;
}

static void
test_vectors(void **state)
{
	char password[200];

	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		const struct vector *v = &vectors[i];
		size_t n = password_of(v, password);

		assert_int_equal(verify_bytes(password, n, v->hash), 0);
		assert_int_equal(tasking_result()->via.map.size, 3);
		assert_true(says("valid"));
		tasking_assert_str(tasking_get(tasking_result(), "algorithm"),
		    v->algorithm);
		/* its first byte changed: no longer the password */
		password[0] ^= 1;
		assert_int_equal(verify_bytes(password, n + (n == 0), v->hash),
		    0);
		assert_false(says("valid"));
		assert_false(says("needsRehash"));
	}
}

/* A changed last character of each hash that leaves its shape. */
static void
test_changed_hashes(void **state)
{
	char password[200], hash[257];

	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		const struct vector *v = &vectors[i];
		size_t n = password_of(v, password);
		size_t len = strlen(v->hash);

		memcpy(hash, v->hash, len + 1);
		hash[len - 2] = hash[len - 2] == 'a' ? 'b' : 'a';
		assert_int_equal(verify_bytes(password, n, hash), 0);
		assert_false(says("valid"));
	}
}

/* Each hash cut at each place, and one that goes on, is refused. */
static void
test_cut_hashes(void **state)
{
	char hash[258];

	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		size_t len = strlen(vectors[i].hash);
		/* a shorter digest of Argon2 is a whole one */
		size_t digest = 43 + 1;

		for (size_t cut = 1; cut < len; cut++) {
			if (strncmp(vectors[i].hash, "$argon2", 7) == 0 &&
			    cut > len - digest + 16)
				break;
			memcpy(hash, vectors[i].hash, cut);
			hash[cut] = '\0';
			assert_int_equal(verify_bytes("x", 1, hash), -1);
			assert_int_equal(tasking_fault()->code,
			    CODE_INVALID_ARGUMENT);
			assert_string_equal(tasking_detail(tasking_fault(),
						"field"),
			    "hash");
		}
		snprintf(hash, sizeof hash, "%s!", vectors[i].hash);
		assert_int_equal(verify_bytes("x", 1, hash), -1);
		snprintf(hash, sizeof hash, "%s\n", vectors[i].hash);
		assert_int_equal(verify_bytes("x", 1, hash), -1);
		snprintf(hash, sizeof hash, " %s", vectors[i].hash);
		assert_int_equal(verify_bytes("x", 1, hash), -1);
	}
}

static void
test_malformed_hashes(void **state)
{
	static const char *const hashes[] = {
	    "x",
	    "$",
	    "$$",
	    "$2b$",
	    "{SHA}oTQ=",
	    "plain text",
	    /* crypt_blowfish, wrapper.c: costs and letters that are none */
	    "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	    "$2c$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	    "$2z$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	    "$2a$5a$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	    /* libsodium, test/default/pwhash_scrypt.c */
	    "$7$.6....1....TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	    "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
	    "$7$A.....1....TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	    "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
	    "$7$A6.........TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	    "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
	    "$7$A6....1....TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i44269$"
	    "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
	    /* Drepper's: fewer rounds than the least, and what is no number */
	    "$5$rounds=10$roundstoolow$"
	    "yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC",
	    "$5$rounds=01000$roundstoolow$"
	    "yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC",
	    "$5$rounds=-1$roundstoolow$"
	    "yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC",
	    /* Argon2: memory below 8 blocks a lane, no version, none of ours */
	    "$argon2id$v=19$m=15,t=2,p=2$c29tZXNhbHQ$"
	    "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	    "$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$"
	    "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	    "$argon2id$v=19$m=256,t=2,p=0$c29tZXNhbHQ$"
	    "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	    "$argon2i$m=256,t=2,p=2$c29tZXNhbHQ$"
	    "tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs",
	    "$argon2i$v=16$m=256,t=2,p=2$c29tZXNhbHQ$"
	    "tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs",
	    "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ"
	    "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	    "$argon2id$v=19$m=0256,t=2,p=2$c29tZXNhbHQ$"
	    "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	    "$argon2id$v=19$m=+256,t=2,p=2$c29tZXNhbHQ$"
	    "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	    /* yescrypt: parameters that crypt_gensalt() does not make */
	    "$y$jGT$LdJMENpBABJJ3hIHjB1Bi.$"
	    "HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6",
	    "$y$.9T$LdJMENpBABJJ3hIHjB1Bi.$"
	    "HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6",
	};

	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		const struct fault *f = tasking_fault();

		assert_int_equal(verify_bytes("password", 8, hashes[i]), -1);
		assert_int_equal(f->code, CODE_INVALID_ARGUMENT);
		assert_string_equal(tasking_detail(f, "field"), "hash");
		/* none of the string's own */
		assert_null(strstr(f->message, "c29tZXNhbHQ"));
		assert_null(strstr(f->message, "roundstoolow"));
		assert_null(strstr(f->message, "plain text"));
	}
	assert_int_equal(verify_bytes("x", 1, ""), -1);
	tasking_refuses("hash", VERIFY,
	    "{'password': 'x', 'hash': {'$bin': '246100'}}");
}

static void
test_refused_kinds(void **state)
{
	static const struct {
		const char *hash;
		const char *why;
	} kinds[] = {
	    {"$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0", "md5-crypt"},
	    {"XXXXXXXXXXXXX", "DES"},
	    {"_J9..CCCCXBrJUJV154M", "DES"},
	    {"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
		"bcrypt that confuses"},
	    {"$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$x", "argon2d"},
	    {"$3$$8846f7eaee8fb117ad06bdd830b7586c", "no known kind"},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		assert_int_equal(verify_bytes("x", 1, kinds[i].hash), -1);
		assert_int_equal(tasking_fault()->code, CODE_INVALID_ARGUMENT);
		tasking_assert_contains(tasking_fault()->message, kinds[i].why);
		tasking_assert_contains(tasking_fault()->message, "argon2id");
	}
}

/* What a hash may cost, at its limit's next number, before any work. */
static void
test_costly_hashes(void **state)
{
	static const struct {
		const char *hash;
		const char *what;
		int64_t limit;
	} costly[] = {
	    {"$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ$"
	     "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"memory is 1073742848", 1 << 30},
	    {"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$"
	     "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"memory is", 1 << 30},
	    {"$argon2i$v=19$m=1048576,t=5,p=1$c29tZXNhbHQ$"
	     "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"memory times iterations is 5368709120", (int64_t)1 << 32},
	    {"$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHQ$"
	     "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"memory times iterations", (int64_t)1 << 32},
	    {"$argon2id$v=19$m=65536,t=1,p=65$c29tZXNhbHQ$"
	     "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"number of lanes is 65", 64},
	    /* log2 N is 21 (J) with r of 8: 2 GiB; then z: 63 */
	    {"$7$J6....1....TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	     "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
		"memory is 2147483648", 1 << 30},
	    {"$7$zzzzzzzzzzzTrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	     "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
		"memory is", 1 << 30},
	    {"$7$I6....1....TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	     "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
		"memory times p is 3221225472", (int64_t)1 << 31},
	    {"$7$I6....1/...TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	     "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
		"memory times p is 71940702208", (int64_t)1 << 31},
	    /* log2 N is 1, r 1, p 2^20: little memory for N, much for p */
	    {"$7$//.......2.TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4$"
	     "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5",
		"r times p is 1048576", 1 << 18},
	    {"$2b$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt cost is 16", 15},
	    {"$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt cost is 31", 15},
	    {"$5$rounds=1000001$saltstring$"
	     "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
		"number of rounds is 1000001", 1000000},
	    {"$6$rounds=999999999$saltstring$"
	     "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uB"
	     "nIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		"number of rounds is 999999999", 1000000},
	};

	for (size_t i = 0; i < sizeof costly / sizeof costly[0]; i++) {
		const struct fault *f = tasking_fault();

		assert_int_equal(verify_bytes("x", 1, costly[i].hash), -1);
		assert_int_equal(f->code, CODE_TOO_LARGE);
		tasking_assert_contains(f->message, costly[i].what);
		assert_string_equal(tasking_detail(f, "field"), "hash");
		assert_int_equal(tasking_detail_number(f, "limit"),
		    costly[i].limit);
	}
}

/* What has another meaning in C, or is longer than libraries take. */
static void
test_odd_passwords(void **state)
{
	const char *bcrypt =
	    "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
	const char *sha = "$5$saltstring$"
			  "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
	static char many[1025];
	const struct fault *f = tasking_fault();

	memset(many, 'a', sizeof many);
	assert_int_equal(verify_bytes("abc", 3, bcrypt), 0);
	assert_true(says("valid"));
	assert_int_equal(verify_bytes("abc\0x", 5, bcrypt), -1);
	assert_int_equal(f->code, CODE_INVALID_ARGUMENT);
	assert_string_equal(tasking_detail(f, "field"), "password");
	assert_int_equal(verify_bytes(many, 1024, bcrypt), 0);
	assert_int_equal(verify_bytes(many, 511, sha), 0);
	assert_int_equal(verify_bytes(many, 512, sha), -1);
	assert_string_equal(tasking_detail(f, "field"), "password");
	tasking_assert_contains(f->message, "at most 511");
	assert_int_equal(verify_bytes(many, 1025, bcrypt), -1);
	assert_string_equal(tasking_detail(f, "field"), "password");
}

/* A password of up to 1024 bytes, NUL among them, is hashed whole. */
static void
test_long_password(void **state)
{
	static char many[1025];
	char hash[129];
	msgpack_object_kv kv[3] = {
	    {tasking_str("password", 8), tasking_bin(many, 1024)},
	    {tasking_str("memory", 6)},
	    {tasking_str("iterations", 10)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {3, kv}};

	kv[1].val.type = kv[2].val.type = MSGPACK_OBJECT_POSITIVE_INTEGER;
	kv[1].val.via.u64 = 8 << 20;
	kv[2].val.via.u64 = 1;
	assert_int_equal(tasking_run(HASH, &data, TASKING_RESULT_MAX), 0);
	snprintf(hash, sizeof hash, "%s", tasking_text(tasking_result()));
	assert_int_equal(verify_bytes(many, 1024, hash), 0);
	assert_true(says("valid"));
	many[1023] = 1;
	assert_int_equal(verify_bytes(many, 1024, hash), 0);
	assert_false(says("valid"));
	kv[0].val = tasking_bin(many, 1025);
	assert_int_equal(tasking_run(HASH, &data, TASKING_RESULT_MAX), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "password");
}

static void
test_costs(void **state)
{
	const char *text;

	text = tasking_text(tasking_ok(HASH, "{'password': 'x'}"));
	tasking_assert_contains(text, "$argon2id$v=19$m=65536,t=2,p=1$");
	text = tasking_text(tasking_ok(HASH,
	    "{'password': 'x', 'cost': 'interactive', 'iterations': 3, "
	    "'algorithm': 'argon2id'}"));
	tasking_assert_contains(text, "$m=65536,t=3,p=1$");
	text = tasking_text(
	    tasking_ok(HASH, "{'password': 'x', 'memory': 8388608}"));
	tasking_assert_contains(text, "$m=8192,t=2,p=1$");
	text = tasking_text(
	    tasking_ok(HASH, "{'password': 'x', 'cost': 'moderate'}"));
	tasking_assert_contains(text, "$m=262144,t=3,p=1$");
}

/* Each hash has a salt of its own. */
static void
test_salts(void **state)
{
	char first[129];

	snprintf(first, sizeof first, "%s",
	    tasking_text(tasking_ok(HASH, "{'password': 'x'}")));
	assert_string_not_equal(first,
	    tasking_text(tasking_ok(HASH, "{'password': 'x'}")));
}

static void
test_needs_rehash(void **state)
{
	static const char id[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
				 "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
	static const struct {
		const char *wanted;
		bool old;
	} cases[] = {
	    {"", false},
	    {", 'cost': 'interactive'", false},
	    {", 'cost': 'moderate'", true},
	    {", 'memory': 67108864", false},
	    {", 'memory': 67108865", false}, /* less than a block more */
	    {", 'memory': 67109888", true},
	    {", 'memory': 8388608", false},
	    {", 'iterations': 1", false},
	    {", 'iterations': 3", true},
	    {", 'memory': 8388608, 'iterations': 3", true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		tasking_ok(VERIFY, "{'password': 'password', 'hash': '%s'%s}",
		    id, cases[i].wanted);
		assert_true(says("valid"));
		assert_int_equal(says("needsRehash"), cases[i].old);
	}
	/* all other kinds are old, whatever they cost */
	tasking_ok(VERIFY,
	    "{'password': 'password', 'hash': '$argon2i$v=19$m=65536,t=2,p=1$"
	    "c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'}");
	assert_true(says("needsRehash"));
	tasking_ok(VERIFY,
	    "{'password': 'abc', 'hash': "
	    "'$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'}");
	assert_true(says("needsRehash"));
}

static void
test_refusals(void **state)
{
	const struct fault *f;

	tasking_refuses("password", HASH, "{}");
	tasking_refuses("password", HASH, "{'password': ''}");
	tasking_refuses("password", HASH, "{'password': 5}");
	tasking_refuses("password", HASH, "{'password': null}");
	f = tasking_refuses("cost", HASH,
	    "{'password': 'x', 'cost': 'extreme'}");
	tasking_assert_contains(f->message, "Unknown cost \"extreme\"");
	tasking_refuses("algorithm", HASH,
	    "{'password': 'x', 'algorithm': 'bcrypt'}");
	tasking_refuses("memory", HASH, "{'password': 'x', 'memory': 8388607}");
	tasking_refuses("memory", HASH,
	    "{'password': 'x', 'memory': 1073741825}");
	tasking_refuses("iterations", HASH,
	    "{'password': 'x', 'iterations': 0}");
	tasking_refuses("iterations", HASH,
	    "{'password': 'x', 'iterations': 65}");
	f = tasking_refuses("iterations", HASH,
	    "{'password': 'x', 'cost': 'sensitive', 'iterations': 5}");
	tasking_assert_contains(f->message,
	    "is 5368709120 bytes; it takes at most 4294967296");
	tasking_refuses("iterations", VERIFY,
	    "{'password': 'x', 'hash': 'x', 'cost': 'sensitive', "
	    "'iterations': 5}");
	tasking_refuses("hash", VERIFY, "{'password': 'x'}");
	tasking_refuses("password", VERIFY, "{'hash': 'x'}");
	tasking_refuses("hash", VERIFY, "{'password': 'x', 'hash': 5}");
	tasking_refuses("hash", VERIFY, "{'password': 'x', 'hash': '%0257d'}",
	    0);
	tasking_refuses("salt", HASH, "{'password': 'x', 'salt': 'x'}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_changed_hashes),
	    cmocka_unit_test(test_cut_hashes),
	    cmocka_unit_test(test_malformed_hashes),
	    cmocka_unit_test(test_refused_kinds),
	    cmocka_unit_test(test_costly_hashes),
	    cmocka_unit_test(test_odd_passwords),
	    cmocka_unit_test(test_long_password),
	    cmocka_unit_test(test_costs),
	    cmocka_unit_test(test_salts),
	    cmocka_unit_test(test_needs_rehash),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

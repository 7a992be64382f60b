/* Named keys: which files are taken, and what they are then. */

#include "tests/unit/tasking.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/keyring-file.h"
#include "worker/keyring.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OTHER_USER 12345

static char folder[64];
static char path[128], older[128];
static char why[KEYRING_WHY];

static int
folder_begin(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/test-keyring-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/key", folder);
	snprintf(older, sizeof older, "%s/older", folder);
	return 0;
}

static int
folder_end(void **state)
{
	keyring_clear();
	unlink(path);
	unlink(older);
	return rmdir(folder);
}

static void
write_file(const char *to, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Adds the key "session" as the file at `path` has it. */
static int
add(enum keyring_format format, const char *old, const char *versions)
{
	struct keyring_source source = {
	    .name = "session",
	    .file = path,
	    .old = old,
	    .versions = versions,
	    .format = format,
	};

	why[0] = '\0';
	return keyring_add(&source, why, sizeof why);
}

static void
test_modes(void **state)
{
	static const struct {
		mode_t mode;
		bool taken;
	} cases[] = {{0600, true}, {0400, true}, {0700, true}, {0640, false},
	    {0440, false}, {0604, false}, {0620, false}, {0602, false},
	    {0611, false}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		write_file(path, "secret", 6, cases[i].mode);
		assert_int_equal(add(KEYRING_TEXT, NULL, NULL),
		    cases[i].taken ? 0 : -1);
		if (!cases[i].taken) {
			char mode[8];

			snprintf(mode, sizeof mode, "%04o",
			    (unsigned int)cases[i].mode);
			assert_non_null(strstr(why, mode));
			assert_non_null(strstr(why, path));
			assert_non_null(strstr(why, "0600 or 0400"));
			assert_null(keyring_find("session", 7));
		}
		keyring_clear();
		unlink(path);
	}
}

static void
test_owner(void **state)
{
	write_file(path, "secret", 6, 0600);
	if (geteuid() != 0)
		return; /* nobody else can give a file away */
	assert_int_equal(chown(path, OTHER_USER, 0), 0);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_non_null(strstr(why, "belongs to uid 12345"));
}

static void
test_no_regular_file(void **state)
{
	unlink(path);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_non_null(strstr(why, "No such file"));
	assert_int_equal(mkfifo(path, 0600), 0);
	/* nobody is waited for */
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_non_null(strstr(why, "is no regular file"));
	unlink(path);
}

static void
test_sizes(void **state)
{
	static char bytes[KEYRING_FILE_MAX + 1];

	memset(bytes, 'k', sizeof bytes);
	write_file(path, bytes, 0, 0600);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_non_null(strstr(why, "is empty"));
	write_file(path, "\n", 1, 0600);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_non_null(strstr(why, "is empty"));
	write_file(path, bytes, KEYRING_FILE_MAX, 0600);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), 0);
	keyring_clear();
	write_file(path, bytes, sizeof bytes, 0600);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_non_null(strstr(why, "more than 16384 bytes"));
}

/* What the current version of "session" is. */
static void
assert_current(msgpack_object_type type, const void *bytes, size_t len)
{
	const struct keyring_key *key = keyring_find("session", 7);

	assert_non_null(key);
	assert_int_equal(key->versions[0].value.type, type);
	assert_int_equal(key->versions[0].value.via.bin.size, len);
	assert_memory_equal(key->versions[0].value.via.bin.ptr, bytes, len);
}

static void
test_formats(void **state)
{
	static const struct {
		enum keyring_format format;
		const char *text;
		const char *is; /* NULL: it is refused */
	} cases[] = {
	    {KEYRING_TEXT, "secret", "secret"},
	    {KEYRING_TEXT, "secret\n", "secret"},
	    {KEYRING_TEXT, "secret\r\n", "secret"},
	    {KEYRING_TEXT, "secret\n\n", "secret\n"},
	    {KEYRING_TEXT, " secret \n", " secret "},
	    {KEYRING_BINARY, "secret\n", "secret\n"},
	    {KEYRING_HEX, "736563726574\n", "secret"},
	    {KEYRING_HEX, "73 65 63\n72 65 74", "secret"},
	    {KEYRING_HEX, "7365637265", "secre"},
	    {KEYRING_HEX, "73656372657", NULL},
	    {KEYRING_HEX, "secret", NULL},
	    {KEYRING_BASE64, "c2VjcmV0cw==\n", "secrets"},
	    {KEYRING_BASE64, "c2VjcmV0cw\n", "secrets"},
	    {KEYRING_BASE64, "c2Vj\ncmV0cw==\n", "secrets"},
	    {KEYRING_BASE64, "c2VjcmV0cw==!", NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		write_file(path, cases[i].text, strlen(cases[i].text), 0600);
		assert_int_equal(add(cases[i].format, NULL, NULL),
		    cases[i].is != NULL ? 0 : -1);
		if (cases[i].is != NULL)
			assert_current(cases[i].format == KEYRING_TEXT
					   ? MSGPACK_OBJECT_STR
					   : MSGPACK_OBJECT_BIN,
			    cases[i].is, strlen(cases[i].is));
		else
			assert_null(strstr(why, "secret"));
		keyring_clear();
	}
	write_file(path, "se\0cret", 7, 0600);
	assert_int_equal(add(KEYRING_TEXT, NULL, NULL), -1);
	assert_int_equal(add(KEYRING_BINARY, NULL, NULL), 0);
	assert_current(MSGPACK_OBJECT_BIN, "se\0cret", 7);
}

/* The id is of the secret, wherever it is; and it is a hash of it. */
static void
test_versions(void **state)
{
	const struct keyring_key *key;
	char ids[KEYRING_IDS], turned[KEYRING_IDS];

	write_file(path, "the new secret", 14, 0600);
	write_file(older, "the old secret", 14, 0600);
	assert_int_equal(add(KEYRING_TEXT, older, NULL), 0);
	key = keyring_find("session", 7);
	assert_int_equal(key->n, 2);
	keyring_ids(key, ids);
	/* BLAKE2b-128 with personal "morod.key.ident1", by Python's hashlib */
	assert_string_equal(ids, "077485b30d3be0ee,248c50c489d84495");
	assert_ptr_equal(keyring_version(key, key->versions[1].id),
	    &key->versions[1]);
	assert_ptr_equal(keyring_version_text(key, ids, KEYRING_ID_TEXT),
	    &key->versions[0]);
	assert_null(keyring_version_text(key, ids, KEYRING_ID_TEXT - 1));
	assert_null(keyring_find("sessio", 6));
	keyring_clear();
	/* the wanted ones, and no others */
	assert_int_equal(add(KEYRING_TEXT, older, ids), 0);
	keyring_clear();
	/* as people write lists */
	assert_int_equal(add(KEYRING_TEXT, older,
			     "077485B30D3BE0EE,  248c50c489d84495 "),
	    0);
	keyring_clear();
	assert_int_equal(add(KEYRING_TEXT, older, "077485b30d3be0ee"), -1);
	assert_non_null(strstr(why, "077485b30d3be0ee,248c50c489d84495, not"));
	assert_int_equal(add(KEYRING_TEXT, NULL, ids), -1);
	snprintf(turned, sizeof turned, "%s,%.16s", ids + KEYRING_ID_TEXT + 1,
	    ids);
	assert_int_equal(add(KEYRING_TEXT, older, turned), -1);
	assert_non_null(strstr(why, turned));
	/* twice the same */
	write_file(older, "the new secret\n", 15, 0600);
	assert_int_equal(add(KEYRING_TEXT, older, NULL), -1);
	assert_non_null(strstr(why, "holds the same as another"));
}

static void
test_types(void **state)
{
	struct keyring_key key = {.types = NULL};

	assert_true(keyring_allows(&key, "jwt:sign"));
	assert_false(keyring_allows(&key, "crypto:hash"));
	key.types = "crypto:hash, jwt:verify";
	assert_true(keyring_allows(&key, "crypto:hash"));
	assert_true(keyring_allows(&key, "jwt:verify"));
	assert_false(keyring_allows(&key, "jwt:sign"));
	assert_false(keyring_allows(&key, "jwt:verif"));
}

/* Workers have what was read once, also when the files are gone. */
static void
test_handed_over(void **state)
{
	const struct keyring_source sources[] = {
	    {.name = "session", .file = path, .old = older},
	    {.name = "data",
		.file = older,
		.types = "crypto:encrypt",
		.format = KEYRING_BINARY},
	};
	int fd = memfd_create("test-keyring", MFD_CLOEXEC);
	char ids[2][KEYRING_IDS], now[KEYRING_IDS];

	write_file(path, "the new secret", 14, 0600);
	write_file(older, "the old secret", 14, 0600);
	for (size_t i = 0; i < COUNT(sources); i++) {
		assert_int_equal(keyring_add(&sources[i], why, sizeof why), 0);
		keyring_ids(keyring_find(sources[i].name,
				strlen(sources[i].name)),
		    ids[i]);
	}
	assert_int_equal(keyring_give(fd), 0);
	keyring_clear();
	unlink(path);
	unlink(older);
	/* each time the same: the place of the descriptor does not matter */
	for (int turn = 0; turn < 2; turn++) {
		assert_int_equal(keyring_take(sources, 2, fd), 0);
		for (size_t i = 0; i < COUNT(sources); i++) {
			keyring_ids(keyring_find(sources[i].name,
					strlen(sources[i].name)),
			    now);
			assert_string_equal(now, ids[i]);
		}
		assert_current(MSGPACK_OBJECT_STR, "the new secret", 14);
		assert_int_equal(keyring_find("data", 4)
				     ->versions[0]
				     .value.type,
		    MSGPACK_OBJECT_BIN);
		assert_false(
		    keyring_allows(keyring_find("data", 4), "jwt:sign"));
		keyring_clear();
	}
	/* one that is cut */
	assert_int_equal(ftruncate(fd, 60), 0);
	assert_int_equal(keyring_take(sources, 2, fd), -1);
	close(fd);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, folder_begin, folder_end)
	const struct CMUnitTest tests[] = {
	    TEST(test_modes),
	    TEST(test_owner),
	    TEST(test_no_regular_file),
	    TEST(test_sizes),
	    TEST(test_formats),
	    TEST(test_versions),
	    TEST(test_types),
	    TEST(test_handed_over),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

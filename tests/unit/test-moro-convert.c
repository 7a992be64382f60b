/* JSON to MessagePack and back; files that moroctl reads and writes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <msgpack.h>

#include "tools/convert.h"
#include "tools/sink.h"
#include "tools/source.h"

/* Packs JSON; returns the bytes' number, or 0 with the error set. */
static size_t
pack(const char *json, msgpack_sbuffer *b, char *error)
{
	msgpack_packer pk;

	msgpack_sbuffer_init(b);
	msgpack_packer_init(&pk, b, msgpack_sbuffer_write);
	error[0] = '\0';
	if (convert_from_json(json, strlen(json), &pk, error) == -1)
		return 0;
	return b->size;
}

/* Shows MessagePack bytes as JSON; the caller frees it. NULL: impossible. */
static char *
show(const void *bytes, size_t len, char *error)
{
	msgpack_unpacked u;
	size_t off = 0, size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);
	int rc;

	msgpack_unpacked_init(&u);
	assert_int_equal(msgpack_unpack_next(&u, bytes, len, &off),
	    MSGPACK_UNPACK_SUCCESS);
	rc = convert_to_json(out, &u.data, error);
	fclose(out);
	msgpack_unpacked_destroy(&u);
	if (rc == 0)
		return text;
	free(text);
	return NULL;
}

/* What goes through both directions and comes out the same. */
static void
test_round_trip(void **state)
{
	static const char *const rows[] = {
	    "null",
	    "true",
	    "false",
	    "0",
	    "-1",
	    "9007199254740993",
	    "9223372036854775807",
	    "-9223372036854775808",
	    "9223372036854775808",
	    "18446744073709551615",
	    "[18446744073709551615,{\"a\":9223372036854775808}]",
	    "1.0",
	    "0.1",
	    "-2.5e-09",
	    "1e+300",
	    "0.30000000000000004",
	    "\"\"",
	    "\"text\"",
	    "\"18446744073709551615\"",
	    "\"a \\\" 18446744073709551615 \\\\\"",
	    "\"\\u0000\\u001F\"",
	    "\"\xc3\xbc\xf0\x9f\x98\x80\"",
	    "[]",
	    "{}",
	    "[[],[1,[2]]]",
	    "{\"b\":1,\"a\":{\"c\":null}}",
	    "{\"$bin\":\"\"}",
	    "{\"$bin\":\"AAECAw==\"}",
	    "{\"x\":{\"$bin\":\"/+8=\"},\"$bin\":1}",
	};
	char error[CONVERT_ERROR];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		msgpack_sbuffer b;
		char *text;

		assert_true(pack(rows[i], &b, error) > 0);
		text = show(b.data, b.size, error);
		assert_non_null(text);
		assert_string_equal(text, rows[i]);
		free(text);
		msgpack_sbuffer_destroy(&b);
	}
}

/* The same values in MessagePack's own words. */
static void
test_bytes(void **state)
{
	static const struct {
		const char *json;
		const char *bytes;
		size_t len;
	} rows[] = {
	    {" 7 ", "\x07", 1},
	    {"-33", "\xd0\xdf", 2},
	    {"18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9},
	    {"1.5", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 9},
	    {"{\"$bin\":\"AAE=\"}", "\xc4\x02\x00\x01", 4},
	    {"\"\\u00fc\"", "\xa2\xc3\xbc", 3},
	    {"{\"a\":[]}", "\x81\xa1\x61\x90", 4},
	};
	char error[CONVERT_ERROR];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		msgpack_sbuffer b;

		assert_int_equal(pack(rows[i].json, &b, error), rows[i].len);
		assert_memory_equal(b.data, rows[i].bytes, rows[i].len);
		msgpack_sbuffer_destroy(&b);
	}
}

/* What is refused, and the word that the message holds. */
static void
test_refused(void **state)
{
	static const struct {
		const char *json;
		const char *word;
	} rows[] = {
	    {"", "not JSON"},
	    {"{", "not JSON"},
	    {"1 2", "not JSON"},
	    {"nul", "not JSON"},
	    {"NaN", "not JSON"},
	    {"'a'", "not JSON"},
	    {"{\"a\":1,\"a\":2}", "duplicate"},
	    {"\"\xff\"", "decode"},
	    {"18446744073709551616", "too big"},
	    {"-9223372036854775809", "too"},
	    {"1e999", "overflow"},
	    {"{\"$bin\":5}", "$bin"},
	    {"{\"$bin\":\"%%%\"}", "base64"},
	    {"{\"$bin\":\"AAE\"}", "base64"},
	    {"{\"$bin\":\"AAF=\"}", "base64"},
	};
	char error[CONVERT_ERROR];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		msgpack_sbuffer b;

		assert_int_equal(pack(rows[i].json, &b, error), 0);
		if (strstr(error, rows[i].word) == NULL)
			fail_msg("%s: %s", rows[i].json, error);
		msgpack_sbuffer_destroy(&b);
	}
}

/* As deep as the wire allows, and one deeper. */
static void
test_depth(void **state)
{
	char json[80], error[CONVERT_ERROR];
	msgpack_sbuffer b;

	(void)state;
	for (int deep = 32; deep <= 33; deep++) {
		memset(json, '[', (size_t)deep);
		memset(json + deep, ']', (size_t)deep);
		json[2 * deep] = '\0';
		assert_true((pack(json, &b, error) > 0) == (deep == 32));
		msgpack_sbuffer_destroy(&b);
	}
	assert_non_null(strstr(error, "32"));
}

/* MessagePack that JSON has no word for, or several. */
static void
test_show(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *json; /* NULL: an error */
	} rows[] = {
	    {"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9, NULL},
	    {"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", 9, NULL},
	    {"\xca\x3f\x80\x00\x00", 5, "1.0"},
	    {"\xa1\xff", 2, "{\"$bin\":\"/w==\"}"},
	    {"\xd4\x4d\x01", 3, "{\"$ext\":[77,\"AQ==\"]}"},
	    {"\x81\x07\xc0", 3, "{\"7\":null}"},
	    {"\x81\xff\xc0", 3, "{\"-1\":null}"},
	    {"\x81\xc4\x01k\xc0", 5, "{\"k\":null}"},
	    {"\x81\xc0\xc0", 3, NULL},
	    {"\x81\xa1\xff\xc0", 4, NULL},
	};
	char error[CONVERT_ERROR];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = show(rows[i].bytes, rows[i].len, error);

		if (rows[i].json == NULL) {
			assert_null(text);
			assert_non_null(strstr(error, "JSON"));
			continue;
		}
		assert_non_null(text);
		assert_string_equal(text, rows[i].json);
		free(text);
	}
}

/* A file is there whole or not at all, and reads back as it was written. */
static void
test_files(void **state)
{
	char folder[] = "/tmp/moro-unit-XXXXXX", path[64], missing[64];
	struct source s;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/file", folder);
	snprintf(missing, sizeof missing, "%s/none/file", folder);
	umask(022);
	assert_int_equal(sink_write(path, "a\0b", 3, true), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(source_read(&s, path, 0), 0);
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.bytes, "a\0b\n", 5);
	source_chomp(&s);
	source_chomp(&s);
	assert_int_equal(s.len, 3);
	source_clear(&s);
	chmod(path, 0600);
	assert_int_equal(sink_write(path, "", 0, false), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 0);
	assert_int_not_equal(sink_write(missing, "x", 1, false), 0);
	assert_int_not_equal(sink_write("/dev/full", "x", 1, false), 0);
	assert_int_not_equal(source_read(&s, missing, 0), 0);
	unlink(path);
	/* nothing else was left there */
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_show),
	    cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

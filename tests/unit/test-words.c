/* Lists in a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/words.h"

/* All of a list, each in brackets. */
static const char *
all(const char *(*next)(const char **list, size_t *len), const char *list)
{
	static char out[128];
	const char *word;
	size_t len, n = 0;

	out[0] = '\0';
	while ((word = next(&list, &len)) != NULL)
		n += (size_t)snprintf(out + n, sizeof out - n, "[%.*s]",
		    (int)len, word);
	return out;
}

static void
test_words(void **state)
{
	assert_string_equal(all(words_next, ""), "");
	assert_string_equal(all(words_next, " ,\t, "), "");
	assert_string_equal(all(words_next, "a"), "[a]");
	assert_string_equal(all(words_next, ",a b,\tc ,"), "[a][b][c]");
}

static void
test_paths(void **state)
{
	assert_string_equal(all(words_next_path, ""), "");
	assert_string_equal(all(words_next_path, " , ,"), "");
	assert_string_equal(all(words_next_path, "/a b , /c\t,/d"),
	    "[/a b][/c][/d]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}

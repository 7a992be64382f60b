/* The line that tells how far something is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/columns.h"
#include "tools/progress.h"

/* Checks the line, and that it takes as many columns as it says. */
static void
expect(const struct progress_view *v, int columns, const char *line)
{
	char out[PROGRESS_LINE];
	int n = progress_format(out, v, columns);

	assert_string_equal(out, line);
	assert_int_equal(n, strlen(line));
	assert_true(n < columns || n == 0);
}

/* Everything is there in 80 columns; the bar takes what is left. */
static void
test_wide(void **state)
{
	struct progress_view v = {.done = 12.5e6,
	    .total = 25e6,
	    .rate = 1e6,
	    .bytes = true};

	(void)state;
	expect(&v, 80,
	    " 50% [###############---------------] 11.9M/23.8M 977k/s 0:13 "
	    "left");
	v.note = "a.iso";
	expect(&v, 80,
	    " 50% [########---------] 11.9M/23.8M 977k/s 0:13 left a.iso");
	v.bytes = false;
	v.note = NULL;
	expect(&v, 80,
	    " 50% [###############---------------] 12.5M/25.0M 1.0M/s 0:13 "
	    "left");
}

/* What matters less goes first: note, rate, time left, bar, percent. */
static void
test_narrow(void **state)
{
	struct progress_view v = {.done = 5,
	    .total = 10,
	    .rate = 1,
	    .note = "note!"};

	(void)state;
	expect(&v, 60, " 50% [#######-------] 5/10 1/s 0:05 left note!");
	expect(&v, 40, " 50% [######-------] 5/10 1/s 0:05 left");
	expect(&v, 35, " 50% [####----] 5/10 1/s 0:05 left");
	expect(&v, 20, " 50% 5/10 0:05 left");
	expect(&v, 21, " 50% [####----] 5/10");
	expect(&v, 19, " 50% 5/10 1/s");
	expect(&v, 6, "5/10");
	expect(&v, 5, "5/10");
	expect(&v, 4, "");
	expect(&v, 1, "");
	expect(&v, 0, "");
	expect(&v, -3, "");
}

/* Without a total there is a count, a rate and the note. */
static void
test_unbounded(void **state)
{
	struct progress_view v = {.done = 1234, .total = -1};

	(void)state;
	expect(&v, 80, "1234");
	v.rate = 10.25;
	v.note = "files";
	expect(&v, 80, "1234 10.2/s files");
	v.total = NAN;
	expect(&v, 40, "1234 10.2/s files");
	v.total = INFINITY;
	expect(&v, 40, "1234/? 10.2/s files");
	v.total = 0;
	v.done = 0;
	expect(&v, 40, "0/0 10.2/s files");
}

/* Numbers that make no sense are shown as none. */
static void
test_nonsense(void **state)
{
	struct progress_view v = {.done = NAN, .total = 10, .rate = NAN};

	(void)state;
	expect(&v, 40, "  0% [---------------------------] 0/10");
	v.done = -5;
	v.rate = -1;
	expect(&v, 40, "  0% [---------------------------] 0/10");
	v.done = 11;
	v.rate = 1;
	expect(&v, 40, "100% [############] 11/10 1/s 0:00 left");
	v.done = INFINITY;
	expect(&v, 20, "100% ?/10 0:00 left");
	v.done = 1e300;
	v.total = 1e308;
	v.rate = 1e-300;
	expect(&v, 40, "  0% [--------------] 1000E/1000E 0.0/s");
	/* not 100 before all is done */
	v.done = 999;
	v.total = 1000;
	v.rate = 0;
	expect(&v, 20, " 99% 999/1000");
}

/* Times from seconds to days. */
static void
test_left(void **state)
{
	static const struct {
		double total;
		const char *line;
	} rows[] = {
	    {59, "  0% 0/59 1/s 0:59 left"},
	    {61, "  0% 0/61 1/s 1:01 left"},
	    {3661, "  0% 0/3661 1/s 1:01:01 left"},
	    {90000, "  0% 0/90000 1/s 1d 1h left"},
	    {9e6, "  0% 0/9.0M 1/s"},
	};
	char out[PROGRESS_LINE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct progress_view v = {.total = rows[i].total, .rate = 1};
		char *bar, *behind;

		progress_format(out, &v, 80);
		bar = strchr(out, '[');
		behind = strchr(out, ']') + 2;
		memmove(bar, behind, strlen(behind) + 1);
		assert_string_equal(out, rows[i].line);
	}
}

/* Checks what is left of a text in so many columns. */
static void
fits(const char *text, int columns, const char *line, int taken)
{
	char out[64];

	assert_int_equal(columns_fit(out, sizeof out, text, columns), taken);
	assert_string_equal(out, line);
}

/* Notes come from anywhere: nothing in them moves the cursor. */
static void
test_columns(void **state)
{
	(void)state;
	fits("plain", 10, "plain", 5);
	fits("plain", 5, "plain", 5);
	fits("plainer", 6, "pla...", 6);
	fits("plainer", 3, "pla", 3);
	fits("", 3, "", 0);
	fits("x", 0, "", 0);
	fits("x", -1, "", 0);
	fits("a\r\n\t\x1b[31mb\x7f", 20, "a    [31mb ", 11);
	/* C1 controls, and marks that turn the direction */
	fits("a\xc2\x9b"
	     "b\xe2\x80\xae"
	     "c",
	    20, "a b c", 5);
	/* wide ones are not cut in half */
	fits("\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97", 4);
	fits("\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2", 2);
	fits("\xf0\x9f\x98\x80!", 3, "\xf0\x9f\x98\x80!", 3);
	/* a mark goes with its letter */
	fits("e\xcc\x81x", 2, "e\xcc\x81x", 2);
	/* no UTF-8: cut short, too long, a surrogate, too large, alone */
	fits("\xc3", 9, "?", 1);
	fits("\xe2\x82x", 9, "??x", 3);
	fits("\xc0\x80", 9, "??", 2);
	fits("\xe0\x80\x80", 9, "???", 3);
	fits("\xed\xa0\x80", 9, "???", 3);
	fits("\xf4\x90\x80\x80", 9, "????", 4);
	fits("\xff\x80", 9, "??", 2);
}

/* Marks without end take no columns, but bytes: those are counted too. */
static void
test_columns_bytes(void **state)
{
	char text[256] = "", out[64];

	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(text, "\xcc\x81");
	memset(out, 'x', sizeof out);
	columns_fit(out, 16, text, 40);
	assert_true(strlen(out) < 16);
	assert_int_equal(out[16], 'x');
}

/* A note takes the room there is, in columns. */
static void
test_note(void **state)
{
	struct progress_view v = {.done = 1, .total = 2};
	char out[PROGRESS_LINE];
	int n;

	(void)state;
	v.note = "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
		 "\xe6\xbc\xa2\xe5\xad\x97";
	n = progress_format(out, &v, 30);
	assert_string_equal(out,
	    " 50% [####-----] 1/2 \xe6\xbc\xa2\xe5\xad\x97...");
	/* a wide one does not fit into the last column */
	assert_int_equal(n, 28);
	v.note = "two\nlines\x1b[2J";
	progress_format(out, &v, 80);
	assert_string_equal(out,
	    " 50% [############-------------] 1/2 two lines [2J");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wide),
	    cmocka_unit_test(test_narrow),
	    cmocka_unit_test(test_unbounded),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_left),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_columns_bytes),
	    cmocka_unit_test(test_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

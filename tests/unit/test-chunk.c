/* Chunks that are kept for the next read, and go when they are not needed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/chunk.h"

#define LARGE ((size_t)1 << 20)
#define N 5

/* A read goes on all the time: what the flood before it has left goes anyway. */
static void
test_flood_is_forgotten(void **state)
{
	struct chunk *flood[N];

	for (int i = 0; i < N; i++)
		flood[i] = chunk_new(LARGE);
	for (int i = 0; i < N; i++)
		chunk_unref(flood[i]);
	assert_false(chunk_release(SIZE_MAX)); /* all are kept */
	for (int i = 0; i < 2; i++) {
		chunk_unref(chunk_take());
		chunk_retire();
	}
	/* a mapping of the flood is on its way out, with more behind it */
	assert_true(chunk_release(LARGE));
	chunk_clear();
}

/* One that is used again and again stays. */
static void
test_used_one_stays(void **state)
{
	struct chunk *c = chunk_new(LARGE), *again;

	for (int i = 0; i < N; i++) {
		chunk_unref(c);
		assert_true(chunk_retire());
		again = chunk_new(LARGE);
		assert_ptr_equal(again, c);
		c = again;
	}
	chunk_unref(c);
	assert_true(chunk_retire());
	assert_false(chunk_retire()); /* nobody has needed it */
	chunk_clear();
}

/* What cannot be is refused, also where its size wraps to a small one. */
static void
test_too_large(void **state)
{
	static const size_t sizes[] = {SIZE_MAX,
	    SIZE_MAX - sizeof(struct chunk), SIZE_MAX - LARGE, SIZE_MAX / 2};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		assert_null(chunk_new(sizes[i]));
	chunk_clear();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flood_is_forgotten),
	    cmocka_unit_test(test_used_one_stays),
	    cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

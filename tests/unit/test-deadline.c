/* Deadlines fire once, in order, and not when they were taken back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/deadline.h"

#define N 2000

struct entry {
	struct deadline d;
	uint64_t fired; /* at; 0: not yet */
};

static struct entry entries[N];
static uint64_t last;

static void
fire_cb(void *owner, uint64_t now)
{
	struct entry *e = owner;

	assert_int_equal(e->fired, 0);
	assert_true(e->d.at <= now);
	assert_true(e->d.at >= last);
	last = e->d.at;
	e->fired = now;
}

/* Runs with lengths given by `length`, taking some back and moving some. */
static void
run(uint64_t (*length)(unsigned int i))
{
	struct deadlines *ds = deadlines_new();
	uint64_t latest = 0;

	assert_int_equal(deadlines_next(ds), UINT64_MAX);
	last = 0;
	for (unsigned int i = 0; i < N; i++) {
		deadline_init(&entries[i].d, fire_cb, &entries[i]);
		entries[i].fired = 0;
		deadline_set(ds, &entries[i].d, i, length(i));
	}
	for (unsigned int i = 0; i < N; i += 5)
		deadline_unset(ds, &entries[i].d);
	for (unsigned int i = 1; i < N; i += 5)
		deadline_set(ds, &entries[i].d, N, length(i) + 7);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(deadline_is_set(&entries[i].d), i % 5 != 0);
		if (i % 5 != 0 && entries[i].d.at > latest)
			latest = entries[i].d.at;
	}
	while (deadlines_next(ds) != UINT64_MAX)
		deadlines_run(ds, deadlines_next(ds));
	assert_int_equal(last, latest);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(entries[i].fired,
		    i % 5 == 0 ? 0 : entries[i].d.at);
	deadlines_free(ds);
}

static uint64_t
length_same(unsigned int i)
{
	return 500;
}

static uint64_t
length_few(unsigned int i)
{
	return 100 * (i % 7);
}

static uint64_t
length_all(unsigned int i)
{
	return (i * 7919u) % 100003u;
}

static void
test_same_length(void **state)
{
	run(length_same);
}

static void
test_few_lengths(void **state)
{
	run(length_few);
}

static void
test_all_lengths(void **state)
{
	run(length_all);
}

/* There is no memory any more, from a moment on or for now and then a list. */
static unsigned int refuse_every; /* 0: none is refused */
static unsigned int asked;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	if (refuse_every != 0 && ++asked % refuse_every == 0)
		return NULL;
	return __real_calloc(n, size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_realloc(void *old, size_t size)
{
	return refuse_every != 0 ? NULL : __real_realloc(old, size);
}

static uint64_t
length_memory_ends(unsigned int i)
{
	if (i == N / 2)
		refuse_every = 1;
	return length_all(i);
}

static uint64_t
length_memory_fails(unsigned int i)
{
	if (i == 1)
		refuse_every = 3;
	return length_few(i);
}

/* Each fires at its time all the same. */
static void
test_without_memory(void **state)
{
	run(length_memory_ends);
	refuse_every = 0;
	run(length_memory_fails);
	refuse_every = 0;
}

/* A callback may take back others and set new ones. */
static struct deadlines *shared;

static void
meddle_cb(void *owner, uint64_t now)
{
	struct entry *e = owner;

	e->fired = now;
	deadline_unset(shared, &entries[1].d);
	if (e == &entries[0])
		deadline_set(shared, &entries[2].d, now, 5);
}

static void
test_meddling(void **state)
{
	shared = deadlines_new();
	for (int i = 0; i < 3; i++) {
		deadline_init(&entries[i].d, meddle_cb, &entries[i]);
		entries[i].fired = 0;
	}
	deadline_set(shared, &entries[0].d, 0, 10);
	deadline_set(shared, &entries[1].d, 0, 10);
	deadlines_run(shared, 9);
	assert_int_equal(entries[0].fired, 0);
	deadlines_run(shared, 10);
	assert_int_equal(entries[0].fired, 10);
	assert_int_equal(entries[1].fired, 0);
	assert_int_equal(deadlines_next(shared), 15);
	deadlines_run(shared, 20);
	assert_int_equal(entries[2].fired, 20);
	deadlines_free(shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_length),
	    cmocka_unit_test(test_few_lengths),
	    cmocka_unit_test(test_all_lengths),
	    cmocka_unit_test(test_without_memory),
	    cmocka_unit_test(test_meddling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

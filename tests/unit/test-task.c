/* Where a task keeps its data, while it is new and once it has to wait. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/chunk.h"
#include "server/task.h"

#define KIB ((size_t)1 << 10)
#define BEFORE 100 /* bytes of the chunk that are not the task's */

/* A task with data in a chunk that others use too, and the chunk. */
struct kept {
	struct task_slab *slab;
	struct task *t;
	struct chunk *chunk;
	size_t len;
};

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 31 + i / 256);
}

static void
keep(struct kept *k, size_t len)
{
	k->slab = task_slab_new();
	k->t = task_new(k->slab);
	k->chunk = chunk_new(BEFORE + len);
	k->len = len;
	assert_non_null(k->t);
	assert_non_null(k->chunk);
	for (size_t i = 0; i < len; i++)
		k->chunk->bytes[BEFORE + i] = pattern(i);
	assert_int_equal(task_keep_data(k->slab, k->t, k->chunk->bytes + BEFORE,
			     len, k->chunk),
	    0);
	assert_int_equal(k->t->data_len, len);
}

/* The data is there, and is a copy: the chunk may be overwritten. */
static void
check_copy(const struct kept *k, enum task_place place)
{
	assert_int_equal(k->t->place, place);
	assert_int_equal(k->chunk->refs, 1);
	memset(k->chunk->bytes, 0xff, BEFORE + k->len);
	for (size_t i = 0; i < k->len; i++)
		assert_int_equal(task_data(k->t)[i], pattern(i));
}

/* The data stands where it was read, and keeps that from being freed. */
static void
check_borrowed(const struct kept *k)
{
	assert_int_equal(k->t->place, TASK_IN_CHUNK);
	assert_int_equal(k->chunk->refs, 2);
	assert_ptr_equal(task_data(k->t), k->chunk->bytes + BEFORE);
	for (size_t i = 0; i < k->len; i++)
		assert_int_equal(task_data(k->t)[i], pattern(i));
}

/* Frees the task: nothing of the chunk is left with it. */
static void
leave(struct kept *k)
{
	task_free(k->slab, k->t);
	assert_int_equal(task_slab_used(k->slab), 0);
	assert_int_equal(k->chunk->refs, 1);
	chunk_unref(k->chunk);
	task_slab_free(k->slab);
}

/* Below 1 KiB there is a copy from the start, in the record if it fits. */
static void
test_small(void **state)
{
	static const size_t sizes[] = {1, TASK_INLINE, TASK_INLINE + 1,
	    KIB - 1};
	struct kept k;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		keep(&k, sizes[i]);
		check_copy(&k,
		    sizes[i] <= TASK_INLINE ? TASK_IN_RECORD : TASK_IN_MEMORY);
		task_settle(k.t);
		check_copy(&k,
		    sizes[i] <= TASK_INLINE ? TASK_IN_RECORD : TASK_IN_MEMORY);
		leave(&k);
	}
}

/*
 * From 1 KiB on it borrows the chunk while it is new; a task below 16 KiB that
 * has to wait lets go of that.
 */
static void
test_borrowed(void **state)
{
	static const size_t sizes[] = {KIB, 2 * KIB, 16 * KIB - 1};
	struct kept k;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		keep(&k, sizes[i]);
		check_borrowed(&k);
		task_settle(k.t);
		check_copy(&k, TASK_IN_MEMORY);
		task_settle(k.t); /* again changes nothing */
		check_copy(&k, TASK_IN_MEMORY);
		leave(&k);
	}
}

/*
 * Those that came in a turn settle at its end if they have to wait; what a
 * worker has stays where it is, and a second end of a turn changes nothing.
 */
static void
test_fresh(void **state)
{
	struct kept waits, runs;

	keep(&waits, 2 * KIB);
	keep(&runs, 2 * KIB);
	runs.t->state = TASK_RUNNING;
	waits.t->state = TASK_QUEUED;
	task_settle_fresh(runs.slab);
	task_settle_fresh(waits.slab);
	check_borrowed(&runs);
	check_copy(&waits, TASK_IN_MEMORY);
	runs.t->state = TASK_QUEUED;
	task_settle_fresh(runs.slab);
	check_borrowed(&runs);
	runs.t->state = waits.t->state = TASK_ANSWERED;
	leave(&runs);
	leave(&waits);
}

/* One that is done before it ever had to wait gives the chunk back too. */
static void
test_never_waited(void **state)
{
	struct kept k;

	keep(&k, 2 * KIB);
	check_borrowed(&k);
	leave(&k);
}

/* Large data is never copied. */
static void
test_large(void **state)
{
	static const size_t sizes[] = {16 * KIB, 300 * KIB};
	struct kept k;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		keep(&k, sizes[i]);
		check_borrowed(&k);
		task_settle(k.t);
		check_borrowed(&k);
		leave(&k);
	}
}

/* Data that stands in no chunk is copied at once, whatever its size. */
static void
test_no_chunk(void **state)
{
	static uint8_t bytes[20 * KIB];
	struct task_slab *slab = task_slab_new();
	struct task *t = task_new(slab);

	memset(bytes, 'a', sizeof bytes);
	assert_int_equal(task_keep_data(slab, t, bytes, sizeof bytes, NULL), 0);
	memset(bytes, 0, sizeof bytes);
	task_settle(t);
	assert_int_equal(t->place, TASK_IN_MEMORY);
	for (size_t i = 0; i < sizeof bytes; i++)
		assert_int_equal(task_data(t)[i], 'a');
	task_free(slab, t);
	task_slab_free(slab);
}

/* A time of 48 bits is kept whole: us of years of uptime. */
static void
test_queued_us_is_kept(void **state)
{
	struct task_slab *slab = task_slab_new();
	struct task *t = task_new(slab);
	uint64_t us = ((uint64_t)0xabcd << 32) + 0x12345678;

	task_set_queued_us(t, us);
	assert_int_equal(task_queued_us(t), us);
	assert_int_equal(t->attempt, 1);
	task_free(slab, t);
	task_slab_free(slab);
}

/* Fills a chunk, gives it up, and gives the one that is taken next. */
static struct chunk *
take_again(size_t cap, size_t secret)
{
	struct chunk *c = cap == CHUNK_READ ? chunk_take() : chunk_new(cap);

	assert_non_null(c);
	memset(c->bytes, 0xff, cap);
	chunk_set_secret(c, c->bytes + secret);
	/* less is no news */
	chunk_set_secret(c, c->bytes + secret / 2);
	chunk_ref(c);
	chunk_unref(c);
	assert_int_equal(c->bytes[0], 0xff);
	chunk_unref(c);
	c = cap == CHUNK_READ ? chunk_take() : chunk_new(cap);
	assert_non_null(c);
	assert_int_equal(c->secret, 0);
	return c;
}

/* The last who uses a chunk leaves no secret in it, and nothing else changes. */
static void
test_secret_chunk(void **state)
{
	const size_t caps[] = {CHUNK_READ, 4 * CHUNK_READ};

	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		struct chunk *c = take_again(caps[i], 3 * KIB);

		for (size_t at = 0; at < 3 * KIB; at++)
			assert_int_equal(c->bytes[at], 0);
		assert_int_equal(c->bytes[3 * KIB], 0xff);
		chunk_unref(c);
		assert_false(chunk_release(SIZE_MAX));
	}
	chunk_clear();
}

/* What takes long to overwrite is done in pieces, and then kept as any other. */
static void
test_large_secret_chunk(void **state)
{
	const size_t cap = 8 * KIB * KIB;
	struct chunk *c = chunk_new(cap), *other;

	assert_non_null(c);
	memset(c->bytes, 0xff, cap);
	chunk_set_secret(c, c->bytes + cap);
	chunk_unref(c);
	assert_int_equal(c->bytes[cap - 1], 0xff); /* not at once */
	assert_true(chunk_release(KIB));
	assert_int_equal(c->bytes[cap - 1], 0);
	assert_int_equal(c->bytes[cap - KIB - 1], 0xff);
	other = chunk_new(cap);
	assert_ptr_not_equal(other, c); /* nobody has it meanwhile */
	assert_false(chunk_release(SIZE_MAX));
	assert_ptr_equal(chunk_new(cap), c);
	assert_int_equal(c->secret, 0);
	for (size_t at = 0; at < cap; at++)
		assert_int_equal(c->bytes[at], 0);
	/* what is not done yet is done in the end */
	chunk_set_secret(c, c->bytes + cap);
	chunk_unref(c);
	chunk_unref(other);
	chunk_clear();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small),
	    cmocka_unit_test(test_borrowed),
	    cmocka_unit_test(test_fresh),
	    cmocka_unit_test(test_never_waited),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_no_chunk),
	    cmocka_unit_test(test_queued_us_is_kept),
	    cmocka_unit_test(test_secret_chunk),
	    cmocka_unit_test(test_large_secret_chunk),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	chunk_clear();
	return rc;
}

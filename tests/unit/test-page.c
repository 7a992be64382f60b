/* The page that a worker shares with the dispatcher, from both sides. */

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "proto/page.h"

#define QUARTER ((uint32_t)1 << 30) /* of all numbers */
#define RACE_TASKS 2000000
#define RACE_BATCH 8
#define RACE_SPINS 100
#define RACE_START (UINT32_MAX - RACE_TASKS / 2) /* wraps half-way */
#define HALF 32

static struct page page;

static int
setup(void **state)
{
	memset(&page, 0, sizeof page);
	return 0;
}

static void
assert_begins(uint32_t n)
{
	assert_true(page_begin(&page, n));
	assert_int_equal(page_begun(&page), n);
}

static uint32_t
take_back(uint32_t handed)
{
	uint32_t begun = 0;

	assert_int_equal(page_revoke(&page, handed, &begun), 0);
	return begun;
}

/* What was revoked cannot begin; what is handed out later can. */
static void
test_begun_or_revoked(void **state)
{
	assert_int_equal(page_begun(&page), 0);
	for (uint32_t n = 1; n <= 3; n++)
		assert_begins(n);
	assert_int_equal(take_back(10), 3);
	for (uint32_t n = 4; n <= 10; n++)
		assert_false(page_begin(&page, n));
	assert_int_equal(page_begun(&page), 3);
	assert_begins(11);
	/* All that was handed over is begun: nothing is taken back. */
	assert_int_equal(take_back(11), 11);
	assert_begins(12);
	/* Nothing was begun since the last time. */
	assert_int_equal(take_back(20), 12);
	assert_int_equal(take_back(25), 12);
	assert_false(page_begin(&page, 25));
	assert_begins(26);
}

static void
test_nothing_begun(void **state)
{
	assert_int_equal(take_back(5), 0);
	for (uint32_t n = 1; n <= 5; n++)
		assert_false(page_begin(&page, n));
	assert_begins(6);
}

/* Once round all numbers, without a revocation: none looks revoked. */
static void
test_numbers_wrap(void **state)
{
	uint32_t n = 0;

	for (int i = 0; i < 17; i++) {
		n += QUARTER / 2;
		assert_begins(n);
		assert_begins(n + 1);
	}
}

/* Revocations before and across the end of the numbers. */
static void
test_revoke_wraps(void **state)
{
	uint32_t n = UINT32_MAX - 5;

	page.turn = (uint64_t)(n - 1) << HALF | (n - 1);
	assert_begins(n);
	assert_int_equal(take_back(3), n); /* 5 to the end, then 0 to 3 */
	for (uint32_t i = n + 1; i != 4; i++)
		assert_false(page_begin(&page, i));
	assert_begins(4);
	/* A revocation long ago does not come back as one that is to come. */
	for (uint32_t i = 4; i < UINT32_MAX - QUARTER / 2; i += QUARTER / 2)
		assert_begins(i + 1);
	assert_begins(UINT32_MAX);
	assert_begins(0);
	assert_begins(1);
}

static struct {
	_Atomic uint32_t handed; /* by the test, up to this one */
	_Atomic uint32_t tried; /* by the worker, up to this one */
	uint8_t begun[RACE_TASKS]; /* times; the worker's */
	uint8_t revoked[RACE_TASKS]; /* times; the test's */
} race;

/* Waits until a number has come to n; lets others run when that takes long. */
static void
race_wait(const _Atomic uint32_t *number, uint32_t n)
{
	for (int i = 1; page_after(n, atomic_load(number)); i++) {
		if (i % RACE_SPINS == 0)
			sched_yield();
	}
}

/* Begins every task that is handed over, in order. */
static void *
race_worker(void *arg)
{
	for (uint32_t i = 0; i < RACE_TASKS; i++) {
		uint32_t n = RACE_START + 1 + i;

		race_wait(&race.handed, n);
		race.begun[i] += page_begin(&page, n);
		atomic_store(&race.tried, n);
	}
	return NULL;
}

/*
 * Hands over a batch, and takes back what is not begun when the worker has
 * come to its kth task.
 */
static void
race_round(uint32_t k)
{
	uint32_t before = race.handed, begun = 0;
	uint32_t handed = before + RACE_BATCH;

	atomic_store(&race.handed, handed);
	race_wait(&race.tried, before + k);
	if (page_revoke(&page, handed, &begun) == -1)
		return;
	/* Up to `before` they are begun, or were taken back before. */
	if (page_after(before, begun))
		begun = before;
	while (page_after(handed, begun))
		race.revoked[++begun - RACE_START - 1]++;
}

/* A worker that begins races against one that takes back. */
static void
test_race(void **state)
{
	uint32_t n_begun = 0, n_revoked = 0;
	pthread_t worker;

	memset(&race, 0, sizeof race);
	race.handed = race.tried = RACE_START;
	page.turn = (uint64_t)RACE_START << HALF | RACE_START;
	assert_int_equal(pthread_create(&worker, NULL, race_worker, NULL), 0);
	for (uint32_t i = 0; i < RACE_TASKS / RACE_BATCH; i++)
		race_round(i % RACE_BATCH);
	pthread_join(worker, NULL);
	for (uint32_t i = 0; i < RACE_TASKS; i++) {
		assert_int_equal(race.begun[i] + race.revoked[i], 1);
		n_begun += race.begun[i];
		n_revoked += race.revoked[i];
	}
	assert_true(n_begun > 0 && n_revoked > 0);
}

static uint32_t
learn(uint64_t ns)
{
	page_learn(&page, 1, 2, ns);
	return page_expect(&page, 1, 2);
}

static void
test_learn(void **state)
{
	assert_int_equal(page_expect(&page, 1, 2), 0);
	assert_int_equal(learn(100), 100);
	/* Slower: a quarter of the way, which counts as far as twice the time. */
	assert_int_equal(learn(140), 111);
	assert_int_equal(learn(222), 139);
	assert_int_equal(learn(1000000), 174);
	assert_int_equal(learn(175), 175);
	assert_int_equal(learn(1000000), 219);
	/* Faster: an eighth of the way. */
	assert_int_equal(learn(139), 209);
	for (int i = 0; i < 100; i++)
		learn(400);
	assert_in_range(page_expect(&page, 1, 2), 400, 407);
	/* Others know nothing of it. */
	assert_int_equal(page_expect(&page, 1, 1), 0);
	assert_int_equal(page_expect(&page, 2, 2), 0);
}

/* The ends of the range: a run of no time is a run, one of hours too. */
static void
test_learn_extremes(void **state)
{
	assert_int_equal(learn(0), 1);
	for (int i = 0; i < 200; i++)
		learn(UINT64_MAX);
	assert_int_equal(learn(UINT64_MAX), UINT32_MAX);
	assert_int_equal(learn(UINT64_MAX), UINT32_MAX);
	assert_int_equal(learn(0), UINT32_MAX - (UINT32_MAX - 1) / 8);
}

/* A type that turns slow is known for it after a few runs. */
static void
test_learn_turns_slow(void **state)
{
	int runs = 0;

	learn(1000);
	while (page_expect(&page, 1, 2) < 50000) {
		learn(5000000);
		runs++;
	}
	assert_in_range(runs, 10, 20);
}

static void
test_learn_out_of_range(void **state)
{
	static struct page before;
	static const struct {
		unsigned int type, size;
	} cases[] = {
	    {PAGE_TYPES, 0},
	    {0, PAGE_SIZES},
	    {UINT_MAX, UINT_MAX},
	    {PAGE_TYPES - 1, PAGE_SIZES},
	};

	memset((void *)&page, 1, sizeof page);
	memcpy((void *)&before, (void *)&page, sizeof page);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		page_learn(&page, cases[i].type, cases[i].size, 12345);
		assert_int_equal(page_expect(&page, cases[i].type,
				     cases[i].size),
		    0);
	}
	assert_memory_equal(&before, &page, sizeof page);
	page_learn(&page, PAGE_TYPES - 1, PAGE_SIZES - 1, UINT64_MAX);
	assert_true(memcmp(&before, &page, sizeof page) != 0);
}

static void
test_size_class(void **state)
{
	/* The last class of all is for data that came as a file. */
	size_t end = 64;

	assert_int_equal(page_size_class(0), 0);
	for (unsigned int class = 0; class < PAGE_SIZE_FILE - 1; class ++) {
		assert_int_equal(page_size_class(end), class);
		assert_int_equal(page_size_class(end + 1), class + 1);
		end *= 4;
	}
	assert_int_equal(page_size_class(end), PAGE_SIZE_FILE - 1);
	assert_int_equal(page_size_class(SIZE_MAX), PAGE_SIZE_FILE - 1);
}

static void
test_ready(void **state)
{
	static uint8_t to[PAGE_OUT];

	assert_int_equal(page_copy_ready(&page, to), 0);
	memset(page.out, 'a', PAGE_OUT);
	page_set_ready(&page, 3);
	page_set_ready(&page, 5);
	assert_int_equal(page_copy_ready(&page, to), 5);
	assert_memory_equal(to, "aaaaa\0", 6);
	/* Looking does not take them away. */
	assert_int_equal(page_copy_ready(&page, to), 5);
	page_flushed(&page);
	assert_int_equal(page_copy_ready(&page, to), 0);
	page_set_ready(&page, PAGE_OUT);
	assert_int_equal(page_copy_ready(&page, to), PAGE_OUT);
	assert_memory_equal(to, page.out, PAGE_OUT);
}

/* A worker that claims more than there is room for has no answers. */
static void
test_ready_hostile(void **state)
{
	static const uint32_t claims[] = {PAGE_OUT + 1, INT32_MAX,
	    (uint32_t)INT32_MAX + 1, UINT32_MAX};
	static uint8_t to[PAGE_OUT + 1], untouched[PAGE_OUT + 1];

	memset(page.out, 'a', PAGE_OUT);
	for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
		page_set_ready(&page, claims[i]);
		assert_int_equal(page_copy_ready(&page, to), 0);
		page.ready |= (uint64_t)UINT32_MAX << HALF;
		assert_int_equal(page_copy_ready(&page, to), 0);
	}
	assert_memory_equal(to, untouched, sizeof to);
	/* The count of flushes wraps, and nothing flows into the bytes. */
	page_flushed(&page);
	assert_true(page.ready == 0);
}

static struct {
	uint8_t *to;
	void (*meanwhile)(struct page *);
} copy;

/* Strikes in the middle of the copy, at its first byte. */
static void
copy_fault_cb(int number)
{
	if (mprotect(copy.to, PAGE_OUT, PROT_READ | PROT_WRITE) == -1)
		abort();
	if (copy.meanwhile != NULL)
		copy.meanwhile(&page);
}

/* Copies 100 bytes, and has something done while they are copied. */
static size_t
copy_with(void (*meanwhile)(struct page *))
{
	struct sigaction action = {.sa_handler = copy_fault_cb}, old;
	size_t n;

	copy.meanwhile = meanwhile;
	copy.to =
	    mmap(NULL, PAGE_OUT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(copy.to != MAP_FAILED);
	assert_int_equal(sigaction(SIGSEGV, &action, &old), 0);
	page_set_ready(&page, 100);
	n = page_copy_ready(&page, copy.to);
	sigaction(SIGSEGV, &old, NULL);
	munmap(copy.to, PAGE_OUT);
	return n;
}

static void
finish_one(struct page *p)
{
	page_set_ready(p, 200);
}

static void
flush_and_finish(struct page *p)
{
	page_flushed(p);
	page_set_ready(p, 100);
}

/* Answers that were sent while they were copied do not count. */
static void
test_flush_meanwhile(void **state)
{
	assert_int_equal(copy_with(NULL), 100);
	assert_int_equal(copy_with(finish_one), 100);
	assert_int_equal(copy_with(page_flushed), 0);
	/* The same number of bytes, and yet others. */
	assert_int_equal(copy_with(flush_and_finish), 0);
}

/* What a task took is kept in 1/16 us, by number; four minutes are too many. */
static void
test_took(void **state)
{
	const uint32_t first = UINT32_MAX - 10; /* numbers wrap */

	for (uint32_t n = 0; n < PAGE_TASKS; n++)
		page_set_took(&page, first + n, n * 1000 + 62);
	for (uint32_t n = 0; n < PAGE_TASKS; n++)
		assert_int_equal(page_took(&page, first + n), n * 16);
	page_set_took(&page, 7, (uint64_t)260 * 1000000000);
	assert_int_equal(page_took(&page, 7), 4160000000u);
	page_set_took(&page, 7, (uint64_t)270 * 1000000000);
	assert_int_equal(page_took(&page, 7), PAGE_TOOK_MAX);
	page_set_took(&page, 7, UINT64_MAX / 4);
	assert_int_equal(page_took(&page, 7), PAGE_TOOK_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_begun_or_revoked, setup),
	    cmocka_unit_test_setup(test_nothing_begun, setup),
	    cmocka_unit_test_setup(test_numbers_wrap, setup),
	    cmocka_unit_test_setup(test_revoke_wraps, setup),
	    cmocka_unit_test_setup(test_race, setup),
	    cmocka_unit_test_setup(test_learn, setup),
	    cmocka_unit_test_setup(test_learn_extremes, setup),
	    cmocka_unit_test_setup(test_learn_turns_slow, setup),
	    cmocka_unit_test_setup(test_learn_out_of_range, setup),
	    cmocka_unit_test_setup(test_size_class, setup),
	    cmocka_unit_test_setup(test_ready, setup),
	    cmocka_unit_test_setup(test_ready_hostile, setup),
	    cmocka_unit_test_setup(test_flush_meanwhile, setup),
	    cmocka_unit_test_setup(test_took, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

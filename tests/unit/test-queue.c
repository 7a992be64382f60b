/* The queue, the slab and the msgid table. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/chunk.h"
#include "server/msgids.h"
#include "server/queue.h"
#include "server/task.h"

#define TASKS 3000
#define PRIME 1009 /* steps through all of TASKS in another order */

static struct task tasks[TASKS];
static struct lanes one, two; /* of two clients */

static void
make(size_t i, enum priority priority)
{
	memset(&tasks[i], 0, sizeof tasks[i]);
	tasks[i].priority = (uint8_t)priority;
	tasks[i].msgid = i;
}

static void
test_order(void **state)
{
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	assert_null(queue_take(&q, PRIORITY_LOW));
	for (size_t i = 0; i < 9; i++) {
		make(i, (enum priority)(i % 3));
		queue_append(&q, &one, &tasks[i]);
	}
	assert_int_equal(queue_size(&q), 9);
	for (size_t p = 0; p < 3; p++) {
		for (size_t n = 0; n < 3; n++)
			assert_ptr_equal(queue_take(&q, PRIORITY_LOW),
			    &tasks[n * 3 + p]);
	}
	assert_int_equal(queue_size(&q), 0);
	assert_null(queue_take(&q, PRIORITY_LOW));
}

/* What goes back stands before all others of its priority, and no other. */
static void
test_return(void **state)
{
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	make(0, PRIORITY_NORMAL);
	make(1, PRIORITY_NORMAL);
	make(2, PRIORITY_NORMAL);
	make(3, PRIORITY_HIGH);
	queue_append(&q, &one, &tasks[2]);
	queue_return(&q, &one, &tasks[1]);
	queue_return(&q, &one, &tasks[0]);
	queue_append(&q, &one, &tasks[3]);
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[3]);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[i]);
}

/* Removal in any order, and the counts with it. */
static void
test_remove(void **state)
{
	struct queue q;
	size_t i = 0;

	queue_init(&q);
	lanes_init(&one);
	for (size_t n = 0; n < TASKS; n++) {
		make(n, (enum priority)(n % 3));
		queue_append(&q, &one, &tasks[n]);
	}
	for (size_t n = 0; n < TASKS / 2; n++) {
		i = (i + PRIME) % TASKS;
		queue_remove(&q, &one, &tasks[i]);
		tasks[i].msgid = UINT64_MAX;
		assert_int_equal(queue_size(&q), TASKS - n - 1);
	}
	for (int p = 0; p < PRIORITY_N; p++) {
		for (size_t n = (size_t)p; n < TASKS; n += 3) {
			if (tasks[n].msgid != UINT64_MAX)
				assert_ptr_equal(queue_take(&q, PRIORITY_LOW),
				    &tasks[n]);
		}
	}
	assert_null(queue_take(&q, PRIORITY_LOW));
}

/* Clients take turns inside one priority, whoever sent how many. */
static void
test_turns(void **state)
{
	static const size_t expected[] = {0, 4, 1, 5, 2, 3};
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	lanes_init(&two);
	for (size_t n = 0; n < 6; n++) {
		make(n, PRIORITY_NORMAL);
		queue_append(&q, n < 4 ? &one : &two, &tasks[n]);
	}
	for (size_t n = 0; n < 6; n++)
		assert_ptr_equal(queue_take(&q, PRIORITY_LOW),
		    &tasks[expected[n]]);
	assert_null(queue_take(&q, PRIORITY_LOW));
}

/* Who comes while another has all turns is next, and does not get all either. */
static void
test_turn_of_a_new_one(void **state)
{
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	lanes_init(&two);
	for (size_t n = 0; n < 6; n++) {
		make(n, PRIORITY_NORMAL);
		if (n < 4)
			queue_append(&q, &one, &tasks[n]);
	}
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[0]);
	queue_append(&q, &two, &tasks[4]);
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[4]);
	queue_append(&q, &two, &tasks[5]);
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[1]);
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[5]);
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[2]);
	assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[3]);
}

/* What was taken in turns and goes back, newest first, keeps its order. */
static void
test_turns_return(void **state)
{
	struct task *taken[4];
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	lanes_init(&two);
	for (size_t n = 0; n < 6; n++) {
		make(n, PRIORITY_LOW);
		queue_append(&q, n % 2 ? &two : &one, &tasks[n]);
	}
	for (size_t n = 0; n < 4; n++)
		taken[n] = queue_take(&q, PRIORITY_LOW);
	for (size_t n = 4; n-- > 0;)
		queue_return(&q, (taken[n] - tasks) % 2 ? &two : &one,
		    taken[n]);
	assert_ptr_equal(queue_first(&q), taken[0]);
	for (size_t n = 0; n < 6; n++)
		assert_ptr_equal(queue_take(&q, PRIORITY_LOW), &tasks[n]);
}

/* Who may take high ones only leaves the others. */
static void
test_lowest(void **state)
{
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	make(0, PRIORITY_NORMAL);
	make(1, PRIORITY_HIGH);
	queue_append(&q, &one, &tasks[0]);
	queue_append(&q, &one, &tasks[1]);
	assert_ptr_equal(queue_take(&q, PRIORITY_HIGH), &tasks[1]);
	assert_null(queue_take(&q, PRIORITY_HIGH));
	assert_ptr_equal(queue_take(&q, PRIORITY_NORMAL), &tasks[0]);
	assert_null(queue_first(&q));
}

/* By weight each gets its share, spread evenly; who has none saves none up. */
static void
test_weights(void **state)
{
	uint32_t got[PRIORITY_N] = {0};
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	q.weights = (uint64_t)6 << 2 * WEIGHT_BITS | 3 << WEIGHT_BITS | 1;
	for (size_t n = 0; n < 90; n++) {
		make(n, (enum priority)(n % PRIORITY_N));
		queue_append(&q, &one, &tasks[n]);
	}
	for (size_t n = 0; n < 10; n++)
		got[queue_take(&q, PRIORITY_LOW)->priority]++;
	assert_int_equal(got[PRIORITY_HIGH], 6);
	assert_int_equal(got[PRIORITY_NORMAL], 3);
	assert_int_equal(got[PRIORITY_LOW], 1);
	for (size_t n = 0; n < 24; n++)
		assert_int_equal(queue_take(&q, PRIORITY_HIGH)->priority,
		    PRIORITY_HIGH);
	assert_null(queue_take(&q, PRIORITY_HIGH));
	memset(got, 0, sizeof got);
	for (size_t n = 0; n < 8; n++)
		got[queue_take(&q, PRIORITY_LOW)->priority]++;
	assert_int_equal(got[PRIORITY_NORMAL], 6);
	assert_int_equal(got[PRIORITY_LOW], 2);
}

/* Each tells of the one that was queued some tasks later. */
static void
test_ahead(void **state)
{
	struct queue q;

	queue_init(&q);
	lanes_init(&one);
	for (size_t n = 0; n < TASKS; n++) {
		make(n, PRIORITY_NORMAL);
		queue_append(&q, &one, &tasks[n]);
	}
	for (size_t n = 0; n + QUEUE_AHEAD < TASKS; n++)
		assert_ptr_equal(tasks[n].ahead, &tasks[n + QUEUE_AHEAD]);
}

/* Numbers of records that were given back find nothing. */
static void
test_slab(void **state)
{
	struct task_slab *slab = task_slab_new();
	struct task *t[TASKS];
	uint32_t number;

	assert_null(task_find(slab, 0));
	for (size_t i = 0; i < TASKS; i++) {
		t[i] = task_new(slab);
		assert_non_null(t[i]);
		assert_int_equal(t[i]->state, TASK_NEW);
	}
	assert_int_equal(task_slab_used(slab), TASKS);
	for (size_t i = 0; i < TASKS; i++)
		assert_ptr_equal(task_find(slab, task_wire_number(t[i])), t[i]);
	number = task_wire_number(t[5]);
	task_free(slab, t[5]);
	assert_null(task_find(slab, number));
	assert_ptr_equal(task_new(slab), t[5]); /* the record is used again */
	assert_int_not_equal(task_wire_number(t[5]), number);
	assert_null(task_find(slab, number));
	assert_null(task_find(slab, UINT64_MAX));
	assert_null(task_find(slab, (uint64_t)1 << 32 | number));
	for (size_t i = 0; i < TASKS; i++)
		task_free(slab, t[i]);
	assert_int_equal(task_slab_used(slab), 0);
	task_slab_free(slab);
}

/* Data is kept whole, whatever its size, and a chunk only by reference. */
static void
test_data(void **state)
{
	static const size_t sizes[] = {1, TASK_INLINE, TASK_INLINE + 1, 5000,
	    100000};
	struct task_slab *slab = task_slab_new();

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct chunk *c = chunk_new(sizes[i]);
		struct task *t = task_new(slab);

		memset(c->bytes, 'a' + (int)i, sizes[i]);
		assert_int_equal(task_keep_data(slab, t, c->bytes, sizes[i], c),
		    0);
		assert_int_equal(t->data_len, sizes[i]);
		if (t->place != TASK_IN_CHUNK)
			memset(c->bytes, 0, sizes[i]); /* it has its own */
		chunk_unref(c);
		for (size_t n = 0; n < sizes[i]; n++)
			assert_int_equal(task_data(t)[n], 'a' + (int)i);
		task_free(slab, t);
	}
	task_slab_free(slab);
}

static bool refused; /* there is no memory that calloc() has */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return refused ? NULL : __real_calloc(n, size);
}

/* Each is found under its client and msgid until it goes, and no other. */
static void
run_msgids(bool memory_ends)
{
	struct client *const first = (struct client *)0x1000;
	struct client *const second = (struct client *)0x2000;
	struct msgids m;

	assert_int_equal(msgids_init(&m), 0);
	refused = memory_ends;
	for (size_t i = 0; i < TASKS; i++) {
		make(i, PRIORITY_LOW);
		tasks[i].client = i % 2 ? first : second;
		tasks[i].msgid = i / 2;
		assert_null(msgids_find(&m, tasks[i].client, i / 2));
		msgids_add(&m, &tasks[i]);
	}
	for (size_t i = 0; i < TASKS; i++)
		assert_ptr_equal(msgids_find(&m, tasks[i].client, i / 2),
		    &tasks[i]);
	for (size_t i = 0; i < TASKS; i += 2)
		msgids_remove(&m, &tasks[i]);
	for (size_t i = 0; i < TASKS; i++)
		assert_ptr_equal(msgids_find(&m, i % 2 ? first : second, i / 2),
		    i % 2 ? &tasks[i] : NULL);
	refused = false;
	msgids_clear(&m);
}

static void
test_msgids(void **state)
{
	run_msgids(false);
}

/* Where the table cannot grow, it takes more than it has room for. */
static void
test_msgids_without_memory(void **state)
{
	run_msgids(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_return),
	    cmocka_unit_test(test_remove),
	    cmocka_unit_test(test_turns),
	    cmocka_unit_test(test_turns_return),
	    cmocka_unit_test(test_turn_of_a_new_one),
	    cmocka_unit_test(test_lowest),
	    cmocka_unit_test(test_weights),
	    cmocka_unit_test(test_ahead),
	    cmocka_unit_test(test_slab),
	    cmocka_unit_test(test_data),
	    cmocka_unit_test(test_msgids),
	    cmocka_unit_test(test_msgids_without_memory),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	chunk_clear();
	return rc;
}

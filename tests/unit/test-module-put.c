/* What a handler puts is counted: the limits of an answer, to the value. */

#include "tests/unit/tasking.h"

#include "proto/limit.h"
#include "worker/module-put.h"
#include "worker/moro_module.h"

static struct call call;
static struct output out;

/* Begins a task, whose result may have so many values. */
static struct moro_task *
begin(uint32_t values)
{
	output_clear(&out);
	output_init(&out, (size_t)1 << 20);
	msgpack_packer_init(&call.pk, &out, output_write);
	call.out = &out;
	call.result_max = (size_t)1 << 20;
	module_put_limit(values);
	module_put_begin();
	return (struct moro_task *)(void *)&call;
}

/* It was too much, and the limit is told. */
static void
is_over(int64_t limit)
{
	assert_int_equal(module_put_check(&call), -1);
	assert_int_equal(call.fault.code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(&call.fault, "limit"), limit);
}

static void
test_one_value(void **state)
{
	struct moro_task *t = begin(10);

	(void)state;
	assert_false(module_put_any());
	assert_int_equal(module_put_missing(), 1);
	moro_put_nil(t);
	assert_true(module_put_any());
	assert_int_equal(module_put_missing(), 0);
	moro_put_nil(t);
	assert_int_equal(module_put_missing(), -1);
	assert_int_equal(out.len, 1); /* the second was not packed */
}

/* Containers close when they are full, also those that end with others. */
static void
test_nested(void **state)
{
	struct moro_task *t = begin(100);

	(void)state;
	moro_put_map(t, 2);
	moro_put_text(t, "a");
	moro_put_array(t, 0);
	assert_int_equal(module_put_missing(), 2);
	moro_put_text(t, "b");
	moro_put_array(t, 2);
	moro_put_int(t, 1);
	moro_put_map(t, 1);
	assert_int_equal(module_put_missing(), 2);
	moro_put_text(t, "c");
	assert_int_equal(module_put_missing(), 1);
	moro_put_int(t, 2);
	assert_int_equal(module_put_missing(), 0);
	moro_put_int(t, 3);
	assert_int_equal(module_put_missing(), -1);
}

static void
test_values(void **state)
{
	struct moro_task *t = begin(4);

	(void)state;
	moro_put_array(t, 3);
	for (int i = 0; i < 3; i++)
		moro_put_int(t, i);
	assert_int_equal(module_put_check(&call), 0);
	assert_int_equal(module_put_missing(), 0);
	t = begin(4);
	moro_put_array(t, 2);
	moro_put_array(t, 2);
	is_over(4);
}

/* Each is the last of the one around it. */
static void
test_depth(void **state)
{
	struct moro_task *t = begin(1000);

	(void)state;
	for (unsigned int i = 0; i < LIMIT_DEPTH_MAX; i++)
		moro_put_array(t, 1);
	assert_int_equal(module_put_check(&call), 0);
	moro_put_nil(t);
	assert_int_equal(module_put_missing(), 0);
	t = begin(1000);
	for (unsigned int i = 0; i <= LIMIT_DEPTH_MAX; i++)
		moro_put_array(t, 1);
	is_over(LIMIT_DEPTH_MAX);
}

/* Counts that no message has. */
static void
test_huge(void **state)
{
	static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, UINT32_MAX,
	    (size_t)UINT32_MAX + 2};

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct moro_task *t = begin(LIMIT_VALUES_MAX);

		moro_put_array(t, counts[i]);
		moro_put_map(t, 2);
		is_over(LIMIT_VALUES_MAX);
		t = begin(LIMIT_VALUES_MAX);
		moro_put_map(t, counts[i]);
		is_over(LIMIT_VALUES_MAX);
		assert_null(moro_put_place(t, MORO_KIND_BIN, 1));
	}
}

/* A value counts with all that is in it. */
static void
test_whole_value(void **state)
{
	msgpack_object items[2] = {{.type = MSGPACK_OBJECT_NIL},
	    {.type = MSGPACK_OBJECT_NIL}};
	msgpack_object array = {.type = MSGPACK_OBJECT_ARRAY,
	    .via.array = {2, items}};
	struct moro_task *t = begin(4);

	(void)state;
	moro_put_array(t, 1);
	moro_put_value(t, (const struct moro_value *)(const void *)&array);
	assert_int_equal(module_put_missing(), 0);
	assert_int_equal(module_put_check(&call), 0);
	t = begin(3);
	moro_put_array(t, 1);
	moro_put_value(t, (const struct moro_value *)(const void *)&array);
	is_over(3);
	output_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_value),
	    cmocka_unit_test(test_nested),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_whole_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

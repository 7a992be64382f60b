/* analytics:process: merges, and partial results that are none. */

#include "tests/unit/grouping.h"

#include <math.h>
#include <string.h>

#include "proto/page.h"

#define TASK "analytics:process"
#define CELL "merge[0].groups[0][2]" /* of refuses_group() */

/* Runs {merge: [parts]}. Returns 0 or -1. */
static int
merge(msgpack_object *parts, uint32_t n)
{
	msgpack_object_kv kv = {.key = tasking_str("merge", 5)};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {1, &kv}};

	kv.val.type = MSGPACK_OBJECT_ARRAY;
	kv.val.via.array.size = n;
	kv.val.via.array.ptr = parts;
	return tasking_run(TASK, &data, TASKING_RESULT_MAX);
}

/* Metrics of the parts would be wrong here: averages of averages, and so on. */
static void
test_merge(void **state)
{
	const char *ask =
	    "'metrics': ['avg:v', 'distinct:v', 'p50:v', 'min:v', "
	    "'sum:v', 'count:v', 'last'], 'partial': true";
	struct grouping_kept kept[3];
	msgpack_object parts[3];

	tasking_ok(TASK, "{'events': [{'v': 1}, {'v': 1}, {'v': 1}], %s}", ask);
	parts[0] = grouping_keep(tasking_result(), &kept[0]);
	tasking_ok(TASK,
	    "{'events': [{'v': 9, 'timestamp': 8}, {}, 7], "
	    "'skipInvalid': true, %s}",
	    ask);
	parts[1] = grouping_keep(tasking_result(), &kept[1]);
	tasking_ok(TASK, "{'events': [], %s}", ask);
	parts[2] = grouping_keep(tasking_result(), &kept[2]);
	assert_int_equal(merge(parts, 3), 0);
	grouping_assert_int(tasking_get(tasking_result(), "events"), 6);
	grouping_assert_int(tasking_get(tasking_get(tasking_result(),
					    "skipped"),
				"events"),
	    1);
	grouping_assert_int(tasking_get(grouping_at(0), "count"), 5);
	grouping_assert_int(grouping_metric(0, "avg:v"), 3);
	grouping_assert_int(grouping_metric(0, "distinct:v"), 2);
	grouping_assert_int(grouping_metric(0, "p50:v"), 1);
	grouping_assert_int(grouping_metric(0, "min:v"), 1);
	grouping_assert_int(grouping_metric(0, "sum:v"), 12);
	grouping_assert_int(grouping_metric(0, "count:v"), 4);
	grouping_assert_int(grouping_metric(0, "last"), 8);
	for (int i = 0; i < 3; i++)
		grouping_kept_clear(&kept[i]);
}

/* Runs a request whose caller has cancelled it. */
static void
assert_stops(const msgpack_object *data)
{
	static struct page page;
	struct watch watch = {.page = &page, .number = 7};
	struct call call = {.watch = &watch};
	struct output out;

	page_cancel(&page, 7);
	output_init(&out, TASKING_RESULT_MAX);
	assert_int_equal(call_run(&call, registry_find(TASK, strlen(TASK)),
			     data, &out, TASKING_RESULT_MAX),
	    -1);
	tasking_assert_contains(call.fault.message, "it was cancelled");
	assert_int_equal(out.len, 0);
	output_clear(&out);
}

static void
test_cancelled(void **state)
{
	struct grouping_kept kept;
	msgpack_object data;

	tasking_ok("debug:echo", "{'events': [{}, {}]}");
	data = grouping_keep(tasking_result(), &kept);
	assert_stops(&data);
	grouping_kept_clear(&kept);
	tasking_ok("debug:echo",
	    "{'merge': [{'partial': 1, 'request': {}, 'events': 1, 'skipped': "
	    "{'events': 0, 'values': 0}, 'groups': [[1, null]]}]}");
	data = grouping_keep(tasking_result(), &kept);
	assert_stops(&data);
	grouping_kept_clear(&kept);
}

/* Partial results of other questions do not merge. */
static void
test_merge_of_different_ones(void **state)
{
	static const char *const asks[] = {"'groupBy': 'b'",
	    "'groupBy': ['a', "
	    "'b']",
	    "'groupBy': 'a', 'metrics': ['sum:v']",
	    "'groupBy': 'a', 'interval': '1h'",
	    "'groupBy': 'a', 'timeField': "
	    "'t'"};
	struct grouping_kept kept[2];
	msgpack_object parts[2];

	tasking_ok(TASK, "{'events': [], 'groupBy': 'a', 'partial': true}");
	parts[0] = grouping_keep(tasking_result(), &kept[0]);
	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		tasking_ok(TASK, "{'events': [], 'partial': true, %s}",
		    asks[i]);
		parts[1] = grouping_keep(tasking_result(), &kept[1]);
		assert_int_equal(merge(parts, 2), -1);
		assert_string_equal(tasking_detail(tasking_fault(), "field"),
		    "merge[1].request");
		grouping_kept_clear(&kept[1]);
	}
	/* a final result is none */
	tasking_ok(TASK, "{'events': [{}], 'groupBy': 'a'}");
	parts[1] = grouping_keep(tasking_result(), &kept[1]);
	assert_int_equal(merge(parts, 2), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "merge[1].partial");
	grouping_kept_clear(&kept[0]);
	grouping_kept_clear(&kept[1]);
}

/* The request that forged groups answer: their shape is key, events, cell. */
static void
refuses_group(const char *field, const char *metric, const char *row)
{
	tasking_refuses(field, TASK,
	    "{'merge': [{'partial': 1, 'request': {'groupBy': 'k', 'metrics': "
	    "['%s']}, 'events': 5, 'skipped': {'events': 0, 'values': 0}, "
	    "'groups': [%s]}]}",
	    metric, row);
}

static void
takes_group(const char *metric, const char *row)
{
	tasking_ok(TASK,
	    "{'merge': [{'partial': 1, 'request': {'groupBy': 'k', 'metrics': "
	    "['%s']}, 'events': 5, 'skipped': {'events': 0, 'values': 0}, "
	    "'groups': [%s]}]}",
	    metric, row);
}

static void
test_forged_groups(void **state)
{
	takes_group("count:v", "['a', 5, 5]");
	refuses_group("merge[0].groups[0]", "count:v", "5");
	refuses_group("merge[0].groups[0]", "count:v", "['a', 5]");
	refuses_group("merge[0].groups[0]", "count:v", "['a', 5, 5, 5]");
	refuses_group("merge[0].groups[0][0]", "count:v", "[[], 5, 5]");
	refuses_group("merge[0].groups[0][1]", "count:v", "['a', 0, null]");
	refuses_group("merge[0].groups[0][1]", "count:v", "['a', -5, null]");
	refuses_group("merge[0].groups[0][1]", "count:v", "['a', 6, null]");
	refuses_group("merge[0].groups[0][1]", "count:v", "['a', '5', null]");
	refuses_group("merge[0].groups[1][1]", "count:v",
	    "['a', 3, 3], ['b', 3, 3]");
	refuses_group("merge[0].events", "count:v", "['a', 4, 4]");
	refuses_group(CELL, "count:v", "['a', 5, 6]");
	refuses_group(CELL, "count:v", "['a', 5, 0]");
	refuses_group(CELL, "count:v", "['a', 5, -1]");
	refuses_group(CELL, "count:v", "['a', 5, [1]]");
	takes_group("max:v", "['a', 5, [2, [1, 2]]]");
	refuses_group(CELL, "max:v", "['a', 5, [2, [2, 1]]]");
	refuses_group(CELL, "max:v", "['a', 5, [6, [1, 2]]]");
	refuses_group(CELL, "max:v", "['a', 5, [2, [1]]]");
	refuses_group(CELL, "max:v", "['a', 5, [2, ['a', 'b']]]");
	refuses_group(CELL, "max:v", "['a', 5, [2, 5]]");
	refuses_group(CELL, "max:v", "['a', 5, 2]");
	takes_group("first:v", "['a', 5, [2, [1, 2]]]");
	refuses_group(CELL, "first:v", "['a', 5, [2, [2, 1]]]");
	refuses_group(CELL, "first:v", "['a', 5, [2, [1, 8640000000000001]]]");
	refuses_group(CELL, "first:v", "['a', 5, [2, [1.5, 2.5]]]");
	refuses_group(CELL, "first:v", "['a', 5, [2, []]]");
}

/* Bytes of sums: sign, place of the first digit, digits. */
static void
test_forged_sums(void **state)
{
	/* 2^18 is bit 1,074: digit 33 */
	takes_group("sum:v", "['a', 5, [2, {'$bin': '012100001400'}]]");
	grouping_assert_int(grouping_metric(0, "sum:v"), -5);
	takes_group("sum:v", "['a', 5, [2, {'$bin': ''}]]");
	refuses_group(CELL, "sum:v", "['a', 5, [2, {'$bin': '01'}]]");
	refuses_group(CELL, "sum:v", "['a', 5, [2, {'$bin': '0121'}]]");
	refuses_group(CELL, "sum:v", "['a', 5, [2, {'$bin': '0221000014'}]]");
	refuses_group(CELL, "sum:v",
	    "['a', 5, [2, {'$bin': '02210000140000'}]]");
	refuses_group(CELL, "sum:v", "['a', 5, [2, {'$bin': '022100001400'}]]");
	refuses_group(CELL, "sum:v", "['a', 5, [2, {'$bin': '004401000000'}]]");
	refuses_group(CELL, "sum:v", "['a', 5, [2, 'text']]");
	/* two numbers may be 2^1024 together, but not 2^1026 */
	takes_group("sum:v", "['a', 5, [2, {'$bin': '004100000400'}]]");
	grouping_assert_double(grouping_metric(0, "sum:v"), INFINITY);
	refuses_group(CELL, "sum:v", "['a', 5, [2, {'$bin': '004100001000'}]]");
	/* zeros at the ends */
	refuses_group(CELL, "sum:v",
	    "['a', 5, [2, {'$bin': '00210000140000000000'}]]");
	refuses_group(CELL, "sum:v",
	    "['a', 5, [2, {'$bin': '00200000000000001400'}]]");
}

/* Bytes of sketches: a form; then values in order, or buckets with counts. */
static void
test_forged_sketches(void **state)
{
	takes_group("p50:v", "['a', 5, [1, {'$bin': '00000000000000f03f'}]]");
	grouping_assert_int(grouping_metric(0, "p50:v"), 1);
	refuses_group(CELL, "p50:v", "['a', 5, [1, {'$bin': ''}]]");
	refuses_group(CELL, "p50:v", "['a', 5, [1, {'$bin': '00'}]]");
	refuses_group(CELL, "p50:v",
	    "['a', 5, [2, {'$bin': '00000000000000f03f'}]]");
	refuses_group(CELL, "p50:v",
	    "['a', 5, [1, {'$bin': '02000000000000f03f'}]]");
	/* infinity, not a number, out of order */
	refuses_group(CELL, "p50:v",
	    "['a', 5, [1, {'$bin': '00000000000000f07f'}]]");
	refuses_group(CELL, "p50:v",
	    "['a', 5, [1, {'$bin': '00000000000000f87f'}]]");
	refuses_group(CELL, "p50:v",
	    "['a', 5, [2, {'$bin': "
	    "'00000000000000f03f000000000000e03f'}]]");
	/* so few values are no buckets */
	refuses_group(CELL, "p50:v",
	    "['a', 5, [5, {'$bin': '01000000000000f03f000000000000f03f"
	    "c0ff02000500000000000000'}]]");
	takes_group("distinct:v",
	    "['a', 5, [2, {'$bin': '000100000000000000'}]]");
	grouping_assert_int(grouping_metric(0, "distinct:v"), 1);
	refuses_group(CELL, "distinct:v",
	    "['a', 5, [2, {'$bin': '000000000000000000'}]]");
	refuses_group(CELL, "distinct:v",
	    "['a', 5, [2, {'$bin': "
	    "'0002000000000000000100000000000000'}]]");
	refuses_group(CELL, "distinct:v",
	    "['a', 5, [1, {'$bin': "
	    "'0001000000000000000200000000000000'}]]");
	refuses_group(CELL, "distinct:v", "['a', 5, [2, {'$bin': '00'}]]");
	refuses_group(CELL, "distinct:v", "['a', 5, [2, {'$bin': '0100'}]]");
	refuses_group(CELL, "distinct:v", "['a', 5, [2, 5]]");
}

static void
test_forged_heads(void **state)
{
	static const struct {
		const char *field;
		const char *part;
	} bad[] = {
	    {"merge[0]", "5"},
	    {"merge[0].partial", "{}"},
	    {"merge[0].partial", "{'partial': 2}"},
	    {"merge[0].partial", "{'partial': true}"},
	    {"merge[0].more", "{'partial': 1, 'more': 1}"},
	    {"merge[0].request", "{'partial': 1}"},
	    {"merge[0].request", "{'partial': 1, 'request': 5}"},
	    {"merge[0].events", "{'partial': 1, 'request': {}, 'events': -1}"},
	    {"merge[0].request.events",
		"{'partial': 1, 'request': {'events': []}, 'events': 0, "
		"'skipped': {'events': 0, 'values': 0}, 'groups': []}"},
	    {"merge[0].request.groupBy[0]",
		"{'partial': 1, 'request': {'groupBy': ['']}, 'events': 0, "
		"'skipped': {'events': 0, 'values': 0}, 'groups': []}"},
	    {"merge[0].request.metrics.a.op",
		"{'partial': 1, 'request': {'metrics': {'a': {'op': 'no'}}}, "
		"'events': 0, 'skipped': {'events': 0, 'values': 0}, "
		"'groups': []}"},
	    {"merge[0].request.interval",
		"{'partial': 1, 'request': {'interval': 0}, 'events': 0, "
		"'skipped': {'events': 0, 'values': 0}, 'groups': []}"},
	    {"merge[0].skipped.values",
		"{'partial': 1, 'request': {}, 'events': 0, 'skipped': "
		"{'events': 0}, 'groups': []}"},
	    {"merge[0].events",
		"{'partial': 1, 'request': {}, 'events': 5, 'skipped': "
		"{'events': 4, 'values': 0}, 'groups': []}"},
	    {"merge[0].groups[0][0]",
		"{'partial': 1, 'request': {'interval': 10}, 'events': 1, "
		"'skipped': {'events': 0, 'values': 0}, 'groups': "
		"[[5, 1, null]]}"},
	    {"merge[0].groups[0][0]",
		"{'partial': 1, 'request': {'interval': 10}, 'events': 1, "
		"'skipped': {'events': 0, 'values': 0}, 'groups': "
		"[['5', 1, null]]}"},
	    {"merge[0].groups[0][0]",
		"{'partial': 1, 'request': {'interval': 10}, 'events': 1, "
		"'skipped': {'events': 0, 'values': 0}, 'groups': "
		"[[9000000000000000, 1, null]]}"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i].field, TASK, "{'merge': [%s]}",
		    bad[i].part);
	/* two of 2^53 events are one too many */
	tasking_refuses("merge[1].events", TASK, "{'merge': [%s, %s]}",
	    "{'partial': 1, 'request': {}, 'events': 9007199254740992, "
	    "'skipped': {'events': 9007199254740992, 'values': 0}, 'groups': "
	    "[]}",
	    "{'partial': 1, 'request': {}, 'events': 1, 'skipped': {'events': "
	    "1, 'values': 0}, 'groups': []}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_merge),
	    cmocka_unit_test(test_cancelled),
	    cmocka_unit_test(test_merge_of_different_ones),
	    cmocka_unit_test(test_forged_groups),
	    cmocka_unit_test(test_forged_sums),
	    cmocka_unit_test(test_forged_sketches),
	    cmocka_unit_test(test_forged_heads),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

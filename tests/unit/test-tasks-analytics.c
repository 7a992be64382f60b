/* analytics:process: groups, metrics, times; published examples. */

#include "tests/unit/grouping.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TASK "analytics:process"
#define TEXT_MAX ((size_t)1 << 20)

/* The metric of events that have one field, v. */
static const msgpack_object *
measure(const char *op, const char *values)
{
	static char text[TEXT_MAX];
	size_t len = 0;
	const char *end;

	for (const char *v = values; *v != '\0';
	     v = *end == ';' ? end + 1 : end) {
		end = strchrnul(v, ';');
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "%s{'v': %.*s}", len > 0 ? ", " : "", (int)(end - v), v);
	}
	tasking_ok(TASK, "{'events': [%s], 'metrics': {'m': '%s:v'}}", text,
	    op);
	return grouping_metric(0, "m");
}

/* The guide calls it with events alone. */
static void
test_events_alone(void **state)
{
	tasking_ok(TASK,
	    "{'events': [{'timestamp': 5000, 'x': 1}, {'timestamp': -3}, {}, "
	    "{'timestamp': 'no time'}]}");
	grouping_assert_int(tasking_get(tasking_result(), "events"), 4);
	assert_int_equal(grouping_count(), 1);
	assert_int_equal(tasking_get(grouping_at(0), "key")->via.map.size, 0);
	assert_null(tasking_get(grouping_at(0), "bucket"));
	grouping_assert_int(tasking_get(grouping_at(0), "count"), 4);
	grouping_assert_int(grouping_metric(0, "first"), -3);
	grouping_assert_int(grouping_metric(0, "last"), 5000);
	tasking_ok(TASK, "{'events': [{'x': 1}]}");
	grouping_assert_nil(grouping_metric(0, "first"));
	tasking_ok(TASK, "{'events': []}");
	assert_int_equal(grouping_count(), 0);
}

/* Groups come in the order nil, booleans, numbers, strings, bytes. */
static void
test_groups_in_order(void **state)
{
	static const char *const keys[] = {"null", "false", "true",
	    "-9223372036854775808", "-1.5", "-1", "0", "0.5",
	    "9223372036854775807", "1e300", "''", "'Z'", "'a'", "'aa'", "'b'",
	    "'é'", "{'$bin': '00'}"};
	const uint32_t n = sizeof keys / sizeof keys[0];
	char text[2000];
	size_t len = 0;

	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "{'a': {'b': %s}, 'n': %u},", keys[(i * 7 + 3) % n],
		    (i * 7 + 3) % n);
	text[len - 1] = '\0';
	tasking_ok(TASK,
	    "{'events': [%s, {'a': {'b': 0.0}, 'n': 6}, {'a': 5, 'n': 0}], "
	    "'groupBy': 'a.b', 'metrics': ['min:n', 'max:n', 'count']}",
	    text);
	assert_int_equal(grouping_count(), n);
	for (uint32_t i = 0; i < n; i++) {
		grouping_assert_int(grouping_metric(i, "min:n"), i);
		grouping_assert_int(grouping_metric(i, "max:n"), i);
		grouping_assert_int(grouping_metric(i, "count"),
		    i == 0 || i == 6 ? 2 : 1);
	}
	grouping_assert_int(tasking_get(tasking_get(grouping_at(6), "key"),
				"a.b"),
	    0);
	grouping_assert_double(tasking_get(tasking_get(grouping_at(7), "key"),
				   "a.b"),
	    0.5);
	assert_int_equal(tasking_get(tasking_get(grouping_at(16), "key"), "a.b")
			     ->type,
	    MSGPACK_OBJECT_BIN);
}

/* Two keys that look alike as one text are two. */
static void
test_keys_are_not_mixed(void **state)
{
	tasking_ok(TASK,
	    "{'events': [{'a': 'x', 'b': 'yz'}, {'a': 'xy', 'b': 'z'}, "
	    "{'a': '1'}, {'a': 1}, {'a': true}, {'b': 1}], "
	    "'groupBy': ['a', 'b']}");
	assert_int_equal(grouping_count(), 6);
}

/* The examples of Python's math.fsum() and others, each with its exact sum. */
static void
test_sums_are_exact(void **state)
{
	grouping_assert_double(measure("sum",
				   "0.1;0.1;0.1;0.1;0.1;0.1;0.1;0.1;0.1;0.1"),
	    1.0);
	grouping_assert_int(measure("sum", "1;1e100;1;-1e100"), 2);
	grouping_assert_double(measure("sum", "1e16;1.0;1e-16"), 1e16 + 2);
	grouping_assert_int(measure("sum",
				"9223372036854775807;9223372036854775807;1;-2"),
	    (int64_t)(UINT64_MAX - 2));
	grouping_assert_int(measure("sum", "-9223372036854775807;-1"),
	    INT64_MIN);
	grouping_assert_double(measure("sum", "-9223372036854775807;-2"),
	    -0x1p63);
	grouping_assert_double(measure("sum", "9223372036854775807;"
					      "9223372036854775807;2;0.5"),
	    0x1p64);
	/* ties go to the even one, and what is beyond decides */
	grouping_assert_int(measure("sum", "9007199254740992.0;1"),
	    9007199254740993);
	grouping_assert_double(measure("sum", "2251799813685248.5;0.25"),
	    2251799813685249.0);
	grouping_assert_double(measure("sum", "2251799813685248.0;0.25"),
	    2251799813685248.0);
	grouping_assert_double(measure("sum", "2251799813685248.0;0.25;5e-324"),
	    2251799813685248.5);
	grouping_assert_double(measure("sum", "1;1.1102230246251565e-16"), 1.0);
}

/* Where doubles end, at both sides. */
static void
test_sums_at_the_ends(void **state)
{
	grouping_assert_double(measure("sum", "5e-324;5e-324;5e-324"), 15e-324);
	grouping_assert_double(measure("sum",
				   "2.2250738585072014e-308;-5e-324"),
	    2.225073858507201e-308);
	grouping_assert_double(measure("sum", "1.7976931348623157e308;-5e-324"),
	    1.7976931348623157e308);
	grouping_assert_double(measure("sum", "1.7976931348623157e308;1."
					      "7976931348623157e308;"
					      "-1.7976931348623157e308;1e-300"),
	    1.7976931348623157e308);
	grouping_assert_double(measure("sum", "1.7976931348623157e308;1."
					      "7976931348623157e308"),
	    INFINITY);
	grouping_assert_double(measure("sum", "-1.7976931348623157e308;-1."
					      "7976931348623157e308"),
	    -INFINITY);
	grouping_assert_int(measure("sum", "1e300;-1e300;-0.0"), 0);
}

/* What metrics are of values, and of none. */
static void
test_metrics(void **state)
{
	grouping_assert_int(measure("count", "1;null;'x';[]"), 3);
	grouping_assert_double(measure("avg", "1;2;null;4.5"), 2.5);
	grouping_assert_int(measure("avg", "1;3"), 2);
	grouping_assert_int(measure("min", "3;-1;2.5"), -1);
	grouping_assert_double(measure("max", "3;-1;3.5"), 3.5);
	/* a double would take these for the same */
	grouping_assert_int(measure("max",
				"9007199254740992.0;9007199254740993;-7"),
	    9007199254740993);
	grouping_assert_int(measure("distinct",
				"1;1.0;'1';true;null;'1';1e300;false"),
	    5);
	grouping_assert_int(measure("sum", "null"), 0);
	grouping_assert_nil(measure("avg", "null"));
	grouping_assert_nil(measure("min", "null"));
	grouping_assert_nil(measure("max", "null"));
	grouping_assert_nil(measure("first", "null"));
	grouping_assert_nil(measure("last", "null"));
	grouping_assert_nil(measure("p50", "null"));
	grouping_assert_int(measure("distinct", "null"), 0);
	grouping_assert_int(measure("count", "null"), 0);
	grouping_assert_nil(tasking_get(measure("percentiles", "null"), "p95"));
}

/* Both examples of "Percentile" in Wikipedia, by nearest rank. */
static void
test_percentiles(void **state)
{
	const char *a = "35;20;15;50;40";
	const char *b = "3;6;7;8;8;10;13;15;16;20";

	grouping_assert_int(measure("p5", a), 15);
	grouping_assert_int(measure("p30", a), 20);
	grouping_assert_int(measure("p40", a), 20);
	grouping_assert_int(measure("p50", a), 35);
	grouping_assert_int(measure("p100", a), 50);
	grouping_assert_int(measure("p25", b), 7);
	grouping_assert_int(measure("p50", b), 8);
	grouping_assert_int(measure("p75", b), 15);
	grouping_assert_int(measure("p100", b), 20);
	grouping_assert_int(measure("p0", b), 3);
	/* one thousandth of a percent more is the next rank */
	grouping_assert_int(measure("p70", b), 13);
	grouping_assert_int(measure("p70.001", b), 15);
	tasking_ok(TASK,
	    "{'events': [{'v': 1}, {'v': 2}], 'metrics': {'a': {'op': "
	    "'percentiles', 'field': 'v', 'percentiles': [99.9, 50, 0.125]}, "
	    "'b': 'percentiles:v', 'c': {'op': 'p50', 'field': 'v'}}}");
	assert_int_equal(grouping_metric(0, "a")->via.map.size, 3);
	grouping_assert_int(tasking_get(grouping_metric(0, "a"), "p99.9"), 2);
	grouping_assert_int(tasking_get(grouping_metric(0, "a"), "p0.125"), 1);
	assert_int_equal(grouping_metric(0, "b")->via.map.size, 3);
	grouping_assert_int(tasking_get(grouping_metric(0, "b"), "p50"), 1);
	grouping_assert_int(tasking_get(grouping_metric(0, "b"), "p95"), 2);
	grouping_assert_int(tasking_get(grouping_metric(0, "b"), "p99"), 2);
	grouping_assert_int(grouping_metric(0, "c"), 1);
}

/* RFC 3339, 5.8: all its examples; and texts that are none. */
static void
test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
	    {"'1985-04-12T23:20:50.52Z'", 482196050520},
	    {"'1996-12-19T16:39:57-08:00'", 851042397000},
	    {"'1990-12-31T23:59:60Z'", 662688000000},
	    {"'1990-12-31T15:59:60-08:00'", 662688000000},
	    {"'1937-01-01T12:00:27.87+00:20'", -1041337172130},
	    {"'1970-01-01t00:00:00z'", 0},
	    {"'1970-01-01 00:00:00.0019999Z'", 1},
	    {"'0000-01-01T00:00:00Z'", -62167219200000},
	    {"'9999-12-31T23:59:59.999Z'", 253402300799999},
	    {"'2024-02-29T12:00:00Z'", 1709208000000},
	    {"{'$bin': '313937302d30312d30315430303a30303a30315a'}", 1000},
	    {"8640000000000000", 8640000000000000},
	    {"-8640000000000000", -8640000000000000},
	    {"-0.5", -1},
	    {"1.9", 1},
	};
	static const char *const bad[] = {"'1970-01-01T00:00:00'",
	    "'1970-01-01'", "''", "'1970-01-01T00:00Z'",
	    "'1970-1-01T00:00:00Z'", "'1970-01-01T24:00:00Z'",
	    "'1970-01-01T00:60:00Z'", "'1970-01-01T00:00:61Z'",
	    "'2023-02-29T00:00:00Z'", "'1970-00-01T00:00:00Z'",
	    "'1970-13-01T00:00:00Z'", "'1970-01-00T00:00:00Z'",
	    "'1970-04-31T00:00:00Z'", "'1970-01-01T00:00:00.Z'",
	    "'1970-01-01T00:00:00.0000000000Z'", "'1970-01-01T00:00:00+24:00'",
	    "'1970-01-01T00:00:00+00:60'", "'1970-01-01T00:00:00+0000'",
	    "'1970-01-01T00:00:00Z '", "' 1970-01-01T00:00:00Z'",
	    "'+970-01-01T00:00:00Z'", "'1970-01-01T00:00:00ZZ'",
	    "'1970-01-01T00:00:00,5Z'", "'1970-01-01\\u000000:00:00Z'",
	    "8640000000000001", "-8640000000000001", "1e300", "true", "[]",
	    "{}"};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		grouping_assert_int(measure("first", good[i].text), good[i].ms);
		grouping_assert_int(measure("last", good[i].text), good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses("events[0].v", TASK,
		    "{'events': [{'v': %s}], 'metrics': ['first:v']}", bad[i]);
	tasking_ok(TASK,
	    "{'events': [{'timestamp': 1.5}], 'timeUnit': 's', 'metrics': "
	    "['first']}");
	grouping_assert_int(grouping_metric(0, "first"), 1500);
}

/* A timestamp of the MessagePack specification, in one of its forms. */
static int
run_timestamp(const char *bytes, uint32_t len, int8_t type)
{
	msgpack_object_kv time = {.key = tasking_str("timestamp", 9)};
	msgpack_object event = {.type = MSGPACK_OBJECT_MAP,
	    .via.map = {1, &time}};
	msgpack_object metric = tasking_str("first", 5);
	msgpack_object_kv kvs[2] = {{.key = tasking_str("events", 6)},
	    {.key = tasking_str("metrics", 7)}};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kvs}};

	time.val.type = MSGPACK_OBJECT_EXT;
	time.val.via.ext.type = type;
	time.val.via.ext.size = len;
	time.val.via.ext.ptr = bytes;
	kvs[0].val.type = kvs[1].val.type = MSGPACK_OBJECT_ARRAY;
	kvs[0].val.via.array.size = kvs[1].val.via.array.size = 1;
	kvs[0].val.via.array.ptr = &event;
	kvs[1].val.via.array.ptr = &metric;
	return tasking_run(TASK, &data, TASKING_RESULT_MAX);
}

static void
test_timestamps(void **state)
{
	assert_int_equal(run_timestamp("\x00\x00\x00\x05", 4, -1), 0);
	grouping_assert_int(grouping_metric(0, "first"), 5000);
	/* 500,000,000 ns << 34 | 5 s */
	assert_int_equal(run_timestamp("\x77\x35\x94\x00\x00\x00\x00\x05", 8,
			     -1),
	    0);
	grouping_assert_int(grouping_metric(0, "first"), 5500);
	assert_int_equal(run_timestamp("\x1d\xcd\x65\x00\xff\xff\xff\xff\xff"
				       "\xff\xff\xff",
			     12, -1),
	    0);
	grouping_assert_int(grouping_metric(0, "first"), -500);
	/* 8.64e12 s is the last, and what is a millisecond behind is refused */
	assert_int_equal(run_timestamp("\x00\x0f\x42\x3f\x00\x00\x07\xdb\xa8"
				       "\x21\x80\x00",
			     12, -1),
	    0);
	grouping_assert_int(grouping_metric(0, "first"), 8640000000000000);
	assert_int_equal(run_timestamp("\x00\x0f\x42\x40\x00\x00\x07\xdb\xa8"
				       "\x21\x80\x00",
			     12, -1),
	    -1);
	assert_int_equal(run_timestamp("\x00\x00\x00\x05", 4, 1), -1);
	assert_int_equal(run_timestamp("\x00\x00\x00", 3, -1), -1);
	assert_int_equal(run_timestamp("\x3b\x9a\xca\x00\x00\x00\x00\x00\x00"
				       "\x00\x00\x00",
			     12, -1),
	    -1);
	assert_int_equal(run_timestamp("\x00\x00\x00\x00\x7f\xff\xff\xff\xff"
				       "\xff\xff\xff",
			     12, -1),
	    -1);
}

/* Intervals begin where multiples of them since 1970 are. */
static void
test_intervals(void **state)
{
	tasking_ok(TASK,
	    "{'events': [{'timestamp': 3599999}, {'timestamp': 3600000}, "
	    "{'timestamp': '1970-01-01T01:59:59.999Z'}, {'timestamp': -1}, "
	    "{}], "
	    "'interval': '1h', 'metrics': ['count']}");
	assert_int_equal(grouping_count(), 4);
	grouping_assert_nil(tasking_get(grouping_at(0), "bucket"));
	grouping_assert_int(tasking_get(grouping_at(1), "bucket"), -3600000);
	grouping_assert_int(tasking_get(grouping_at(2), "bucket"), 0);
	grouping_assert_int(tasking_get(grouping_at(3), "bucket"), 3600000);
	grouping_assert_int(tasking_get(grouping_at(3), "count"), 2);
	tasking_ok(TASK,
	    "{'events': [{'at': {'t': 7}}], 'interval': 5, 'timeField': "
	    "'at.t'}");
	grouping_assert_int(tasking_get(grouping_at(0), "bucket"), 5);
	grouping_assert_int(grouping_metric(0, "first"), 7);
	tasking_ok(TASK,
	    "{'events': [{'timestamp': -8640000000000000}], 'interval': "
	    "4294967295}");
	grouping_assert_int(tasking_get(grouping_at(0), "bucket"),
	    -(8640000000000000 / 4294967295 + 1) * 4294967295);
}

static void
test_invalid_values(void **state)
{
	tasking_refuses("events[1]", TASK, "{'events': [{}, 5]}");
	tasking_refuses("events[1].amount", TASK,
	    "{'events': [{}, {'amount': 'x'}], 'metrics': ['sum:amount']}");
	tasking_refuses("events[0].a.b", TASK,
	    "{'events': [{'a': {'b': []}}], 'groupBy': 'a.b'}");
	tasking_refuses("events[0].v", TASK,
	    "{'events': [{'v': {}}], 'metrics': ['distinct:v']}");
	tasking_refuses("events[0].timestamp", TASK,
	    "{'events': [{'timestamp': 'x'}], 'interval': '1d'}");
	tasking_ok(TASK,
	    "{'events': [5, {'g': []}, {'g': 1, 'timestamp': true}, {'g': 1, "
	    "'v': 'x'}, {'g': 1, 'v': 2}], 'groupBy': 'g', 'interval': '1d', "
	    "'metrics': ['sum:v', 'max:v', 'count'], 'skipInvalid': true}");
	grouping_assert_int(tasking_get(tasking_result(), "events"), 5);
	grouping_assert_int(tasking_get(tasking_get(tasking_result(),
					    "skipped"),
				"events"),
	    3);
	/* one for the sum, one for the range */
	grouping_assert_int(tasking_get(tasking_get(tasking_result(),
					    "skipped"),
				"values"),
	    2);
	assert_int_equal(grouping_count(), 1);
	grouping_assert_int(tasking_get(grouping_at(0), "count"), 2);
	grouping_assert_int(grouping_metric(0, "sum:v"), 2);
}

/* NaN and infinity are no numbers; JSON cannot say them. */
static void
test_not_a_number(void **state)
{
	static const double wrong[] = {NAN, INFINITY, -INFINITY};
	static const char *const metrics[] = {"sum:v", "min:v", "distinct:v",
	    "p50:v", "first:v"};

	for (size_t i = 0; i < 15; i++) {
		msgpack_object_kv v = {.key = tasking_str("v", 1)};
		msgpack_object event = {.type = MSGPACK_OBJECT_MAP,
		    .via.map = {1, &v}};
		msgpack_object metric =
		    tasking_str(metrics[i / 3], strlen(metrics[i / 3]));
		msgpack_object_kv kvs[2] = {{.key = tasking_str("events", 6)},
		    {.key = tasking_str("metrics", 7)}};
		msgpack_object data = {.type = MSGPACK_OBJECT_MAP,
		    .via.map = {2, kvs}};

		v.val.type = MSGPACK_OBJECT_FLOAT64;
		v.val.via.f64 = wrong[i % 3];
		kvs[0].val.type = kvs[1].val.type = MSGPACK_OBJECT_ARRAY;
		kvs[0].val.via.array.size = kvs[1].val.via.array.size = 1;
		kvs[0].val.via.array.ptr = &event;
		kvs[1].val.via.array.ptr = &metric;
		assert_int_equal(tasking_run(TASK, &data, TASKING_RESULT_MAX),
		    -1);
		assert_string_equal(tasking_detail(tasking_fault(), "field"),
		    "events[0].v");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_events_alone),
	    cmocka_unit_test(test_groups_in_order),
	    cmocka_unit_test(test_keys_are_not_mixed),
	    cmocka_unit_test(test_sums_are_exact),
	    cmocka_unit_test(test_sums_at_the_ends),
	    cmocka_unit_test(test_metrics),
	    cmocka_unit_test(test_percentiles),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_timestamps),
	    cmocka_unit_test(test_intervals),
	    cmocka_unit_test(test_invalid_values),
	    cmocka_unit_test(test_not_a_number),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

/* analytics:process: what is refused, and limits. */

#include "tests/unit/grouping.h"

#include <stdio.h>
#include <string.h>

#define TASK "analytics:process"
#define TEXT_MAX ((size_t)1 << 20)

static void
test_refusals(void **state)
{
	tasking_refuses("data", TASK, "[]");
	tasking_refuses("events", TASK, "{}");
	tasking_refuses("events", TASK, "{'events': {}}");
	tasking_refuses("groupby", TASK, "{'events': [], 'groupby': 'a'}");
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': 5}");
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': ''}");
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': '.a'}");
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': 'a.'}");
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': 'a..b'}");
	tasking_refuses("groupBy[1]", TASK,
	    "{'events': [], 'groupBy': ['a', 5]}");
	tasking_refuses("groupBy[1]", TASK,
	    "{'events': [], 'groupBy': ['a', 'a']}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': 0}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': -5}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': '5'}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': '0s'}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': '1y'}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': ''}");
	tasking_refuses("interval", TASK, "{'events': [], 'interval': 1.5}");
	tasking_refuses("interval", TASK,
	    "{'events': [], 'interval': 4294967296}");
	tasking_refuses("timeField", TASK,
	    "{'events': [], 'timeField': 'a..'}");
	tasking_refuses("timeUnit", TASK, "{'events': [], 'timeUnit': 'us'}");
	tasking_refuses("skipInvalid", TASK,
	    "{'events': [], 'skipInvalid': 1}");
	tasking_refuses("partial", TASK, "{'events': [], 'partial': 1}");
	tasking_refuses("merge", TASK, "{'merge': []}");
	tasking_refuses("merge", TASK, "{'merge': {}}");
	tasking_refuses("events", TASK, "{'events': [], 'merge': [{}]}");
	tasking_refuses("groupBy", TASK, "{'groupBy': 'a', 'merge': [{}]}");
	tasking_refuses("metrics", TASK,
	    "{'metrics': ['count'], 'merge': [{}]}");
	tasking_refuses("interval", TASK, "{'interval': 5, 'merge': [{}]}");
	tasking_refuses("timeField", TASK, "{'timeField': 't', 'merge': [{}]}");
	tasking_refuses("timeUnit", TASK, "{'timeUnit': 's', 'merge': [{}]}");
	tasking_refuses("skipInvalid", TASK,
	    "{'skipInvalid': true, 'merge': [{}]}");
}

static void
test_refused_metrics(void **state)
{
	static const struct {
		const char *field;
		const char *metrics;
	} bad[] = {
	    {"metrics", "[]"},
	    {"metrics", "{}"},
	    {"metrics", "5"},
	    {"metrics[0]", "[5]"},
	    {"metrics[0]", "[{'op': 'count'}]"},
	    {"metrics[1]", "['count', 'count']"},
	    {"metrics[0]", "['']"},
	    {"metrics[0]", "['sum']"},
	    {"metrics[0]", "['sum:']"},
	    {"metrics[0]", "['sum:a..b']"},
	    {"metrics[0]", "['Sum:a']"},
	    {"metrics[0]", "['median:a']"},
	    {"metrics[0]", "['p:a']"},
	    {"metrics[0]", "['p101:a']"},
	    {"metrics[0]", "['p100.001:a']"},
	    {"metrics[0]", "['p99.9999:a']"},
	    {"metrics[0]", "['p5s:a']"},
	    {"metrics[0]", "['p-5:a']"},
	    {"metrics[0]", "['p00000000000000050:a']"},
	    {"metrics[0]", "['p50']"},
	    {"metrics", "{'': 'count'}"},
	    {"metrics.a", "{'a': 5}"},
	    {"metrics.a", "{'a': 'sum'}"},
	    {"metrics.a", "{'a': {'op': 'sum'}}"},
	    {"metrics.a.op", "{'a': {}}"},
	    {"metrics.a.op", "{'a': {'op': 'median', 'field': 'b'}}"},
	    {"metrics.a.field", "{'a': {'op': 'sum', 'field': ''}}"},
	    {"metrics.a.field", "{'a': {'op': 'sum', 'field': 5}}"},
	    {"metrics.a.of", "{'a': {'op': 'sum', 'of': 'b'}}"},
	    {"metrics.a.percentiles",
		"{'a': {'op': 'sum', 'field': 'b', 'percentiles': [5]}}"},
	    {"metrics.a.percentiles",
		"{'a': {'op': 'p5', 'field': 'b', 'percentiles': [5]}}"},
	    {"metrics.a.percentiles", "{'a': {'op': 'percentiles', 'field': "
				      "'b', 'percentiles': []}}"},
	    {"metrics.a.percentiles", "{'a': {'op': 'percentiles', 'field': "
				      "'b', 'percentiles': ['50']}}"},
	    {"metrics.a.percentiles", "{'a': {'op': 'percentiles', 'field': "
				      "'b', 'percentiles': [100.5]}}"},
	    {"metrics.a.percentiles", "{'a': {'op': 'percentiles', 'field': "
				      "'b', 'percentiles': [-1]}}"},
	    {"metrics.a.percentiles", "{'a': {'op': 'percentiles', 'field': "
				      "'b', 'percentiles': [0.0001]}}"},
	    {"metrics.a.percentiles",
		"{'a': {'op': 'percentiles', 'field': 'b', 'percentiles': "
		"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i].field, TASK,
		    "{'events': [], 'metrics': %s}", bad[i].metrics);
}

/* A list of n elements: one format, with %u for the place. */
static const char *
list(uint32_t n, const char *format)
{
	static char texts[2][TEXT_MAX / 2];
	static unsigned int turn;
	char *text = texts[turn++ % 2], one[64];
	const char *at = strstr(format, "%u");
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		snprintf(one, sizeof one, "%u", i);
		len += (size_t)snprintf(text + len, TEXT_MAX / 2 - len,
		    "%s%.*s%s%s", i > 0 ? "," : "", (int)(at - format), format,
		    one, at + 2);
	}
	return text;
}

static const char *
letters(uint32_t n)
{
	static char text[2000];

	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static void
test_limits(void **state)
{
	const struct fault *f;

	tasking_ok(TASK, "{'events': [{}], 'groupBy': [%s]}", list(8, "'%u'"));
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': [%s]}",
	    list(9, "'%u'"));
	tasking_ok(TASK,
	    "{'events': [{}], 'groupBy': [%s], 'metrics': [%s], "
	    "'interval': '1s'}",
	    list(8, "'g%u'"), list(32, "'sum:m%u'"));
	tasking_refuses("metrics", TASK, "{'events': [], 'metrics': [%s]}",
	    list(33, "'sum:%u'"));
	tasking_ok(TASK, "{'events': [], 'groupBy': 'a.b.c.d.e.f.g.h'}");
	tasking_refuses("groupBy", TASK,
	    "{'events': [], 'groupBy': 'a.b.c.d.e.f.g.h.i'}");
	tasking_ok(TASK, "{'events': [], 'groupBy': '%s'}", letters(256));
	tasking_refuses("groupBy", TASK, "{'events': [], 'groupBy': '%s'}",
	    letters(257));
	tasking_ok(TASK, "{'events': [], 'timeField': '%s'}", letters(256));
	tasking_refuses("timeField", TASK, "{'events': [], 'timeField': '%s'}",
	    letters(257));
	tasking_ok(TASK, "{'events': [], 'metrics': {'%s': 'count'}}",
	    letters(256));
	tasking_refuses("metrics", TASK,
	    "{'events': [], 'metrics': {'%s': 'count'}}", letters(257));
	tasking_ok(TASK, "{'events': [], 'metrics': ['sum:%s']}", letters(252));
	tasking_refuses("metrics[0]", TASK,
	    "{'events': [], 'metrics': ['sum:%s']}", letters(253));
	/* a tag and a length of four bytes come to it */
	tasking_ok(TASK, "{'events': [{'a': '%s'}], 'groupBy': 'a'}",
	    letters(1019));
	f = tasking_fails(TASK, "{'events': [{'a': '%s'}], 'groupBy': 'a'}",
	    letters(1020));
	assert_int_equal(f->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(f, "limit"), 1024);
	tasking_refuses("merge", TASK, "{'merge': [%s]}",
	    list(1001, "{'partial': %u}"));
}

/* Events beyond the limit, without the memory that they would take. */
static void
test_too_many_events(void **state)
{
	msgpack_object_kv kv = {.key = tasking_str("events", 6)};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {1, &kv}};

	kv.val.type = MSGPACK_OBJECT_ARRAY;
	kv.val.via.array.size = 1000001;
	assert_int_equal(tasking_run(TASK, &data, TASKING_RESULT_MAX), -1);
	assert_int_equal(tasking_fault()->code, CODE_INVALID_ARGUMENT);
	assert_string_equal(tasking_detail(tasking_fault(), "field"), "events");
}

/* A result over the limit of results is no crash. */
static void
test_result_too_large(void **state)
{
	msgpack_object_kv kvs[2] = {{.key = tasking_str("events", 6)},
	    {.key = tasking_str("groupBy", 7)}};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kvs}};
	struct grouping_kept kept;

	tasking_ok("debug:echo", "[%s]", list(1000, "{'k': %u}"));
	kvs[0].val = grouping_keep(tasking_result(), &kept);
	kvs[1].val = tasking_str("k", 1);
	assert_int_equal(tasking_run(TASK, &data, 1000), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(tasking_fault(), "limit"), 1000);
	grouping_kept_clear(&kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_refused_metrics),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_too_many_events),
	    cmocka_unit_test(test_result_too_large),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

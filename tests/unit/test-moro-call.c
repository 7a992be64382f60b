/* Calls, answers and errors of libmoro, against a peer in the same process. */

#include "tests/unit/peer.h"

#include <stdlib.h>
#include <string.h>

/* The greeting's limits are known, and nothing is outstanding. */
static void
test_greeting(void **state)
{
	struct peer *p = *state;

	assert_true(moro_connected(p->m));
	assert_int_equal(moro_error(p->m), MORO_OK);
	assert_string_equal(moro_server_version(p->m), "9.8.7");
	assert_int_equal(moro_server_limit(p->m, "maxFrame"), PEER_FRAME);
	assert_int_equal(moro_server_limit(p->m, "nonsense"), -1);
	assert_true(moro_reply_ok(moro_server_hello(p->m)));
	assert_int_equal(moro_outstanding(p->m), 0);
}

/* A blocking call gives what the server answers. */
static void
test_call(void **state)
{
	struct peer *p = *state;

	peer_answer(p, PEER_FIRST, "pong");
	peer_expect(moro_ping(p->m), "pong");
	peer_answer(p, PEER_FIRST + 1, "");
	peer_expect(moro_call(p->m, "ping", NULL, 0, NULL), "");
}

/* What stands on the wire is plain MessagePack-RPC, options included. */
static void
test_wire(void **state)
{
	static const uint8_t expected[] = "\x94\x00\x02\xa7"
					  "a:tasks\x92\x07\x84"
					  "\xa8priority\xa4high\xa2id\xa1x"
					  "\xa7timeout\x64\xaarunTimeout\x01";
	struct peer *p = *state;
	struct moro_options *o = moro_options_new();
	uint8_t bytes[256];
	size_t n;

	assert_int_equal(moro_options_set_priority(o, MORO_PRIORITY_HIGH), 0);
	assert_int_equal(moro_options_set_id(o, "x"), 0);
	assert_int_equal(moro_options_set_timeout(o, 100), 0);
	assert_int_equal(moro_options_set_run_timeout(o, 1), 0);
	assert_int_equal(moro_submit(p->m, "a:tasks", "\x07", 1, o, NULL, NULL),
	    PEER_FIRST);
	assert_int_equal(moro_dispatch(p->m), 0);
	n = peer_read(p, bytes, sizeof bytes);
	assert_int_equal(n, sizeof expected - 1);
	assert_memory_equal(bytes, expected, n);
	moro_options_free(o);
}

/* Without data there is no parameter; with options alone it is nil. */
static void
test_wire_no_data(void **state)
{
	struct peer *p = *state;
	struct moro_options *o = moro_options_new();
	uint8_t bytes[64];

	moro_submit(p->m, "stats", NULL, 0, NULL, NULL, NULL);
	moro_submit(p->m, "a:b", NULL, 0, o, NULL, NULL);
	moro_dispatch(p->m);
	assert_int_equal(peer_read(p, bytes, sizeof bytes), 20);
	assert_memory_equal(bytes,
	    "\x94\x00\x02\xa5stats\x90\x94\x00\x03\xa3"
	    "a:b\x92\xc0\x80",
	    20);
	moro_options_free(o);
}

/* Options out of range are refused. */
static void
test_options(void **state)
{
	struct moro_options *o = moro_options_new();
	char id[300];

	(void)state;
	memset(id, 'x', sizeof id);
	id[257] = '\0';
	assert_int_equal(moro_options_set_id(o, id), -1);
	id[256] = '\0';
	assert_int_equal(moro_options_set_id(o, id), 0);
	assert_int_equal(moro_options_set_id(o, ""), -1);
	assert_int_equal(moro_options_set_timeout(o, ((uint64_t)1 << 40) + 1),
	    -1);
	assert_int_equal(moro_options_set_queue_timeout(o, 5), 0);
	assert_int_equal(moro_options_set_priority(o, (enum moro_priority)7),
	    -1);
	moro_options_free(o);
}

/* An error map is read with code, reason and details. */
static void
test_error_map(void **state)
{
	struct peer *p = *state;
	struct moro_reply *r;
	int64_t n = 0;

	peer_refuse(p, PEER_FIRST, "QUEUE_FULL");
	r = moro_stats(p->m);
	assert_int_equal(moro_reply_code(r), MORO_QUEUE_FULL);
	assert_string_equal(moro_reply_code_name(r), "QUEUE_FULL");
	assert_string_equal(moro_reply_message(r), "because");
	assert_string_equal(moro_reply_reason(r), "count");
	assert_true(moro_reply_retryable(r));
	assert_int_equal(moro_reply_detail_number(r, "limit", &n), 0);
	assert_int_equal(n, 1000);
	assert_int_equal(moro_reply_detail_number(r, "signal", &n), -1);
	assert_string_equal(moro_reply_detail_text(r, "signal"), "SIGKILL");
	assert_null(moro_reply_detail_text(r, "limit"));
	assert_int_equal(moro_reply_details(r), 2);
	assert_string_equal(moro_reply_detail_name(r, 1), "signal");
	assert_null(moro_reply_detail_name(r, 2));
	assert_null(moro_reply_object(r));
	moro_reply_free(r);
	assert_true(moro_connected(p->m));
}

/* Errors of other shapes, as other servers send them, are read too. */
static void
test_error_shapes(void **state)
{
	static const struct {
		const char *bytes;
		enum moro_code code;
		const char *message;
	} rows[] = {
	    {"\x94\x01\x02\xb1"
	     "TIMEOUT: too late\xc0",
		MORO_TIMEOUT, "too late"},
	    {"\x94\x01\x03\x92\x00\xb1"
	     "TIMEOUT: too late\xc0",
		MORO_TIMEOUT, "too late"},
	    {"\x94\x01\x04\xa7what is\xc0", MORO_WORKER_ERROR, "what is"},
	    {"\x94\x01\x05\x2a\xc0", MORO_WORKER_ERROR, "the task failed"},
	    {"\x94\x01\x06\x80\xc0", MORO_WORKER_ERROR, "the task failed"},
	    {"\x94\x01\x07\x81\xa4"
	     "code\xa3NEW\xc0",
		MORO_WORKER_ERROR, "the task failed"},
	};
	struct peer *p = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		/* the only NUL is the one in front of the text */
		size_t len = i == 1 ? 24 : strlen(rows[i].bytes);
		struct moro_reply *r;

		peer_write(p, rows[i].bytes, len);
		r = moro_stats(p->m);
		assert_int_equal(moro_reply_code(r), rows[i].code);
		assert_string_equal(moro_reply_message(r), rows[i].message);
		moro_reply_free(r);
	}
}

/* Answers come in any order; each finds the one who waits for it. */
static void
test_out_of_order(void **state)
{
	struct peer *p = *state;
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);
	uint64_t b = peer_submit(p->m, "b", NULL, NULL);
	uint64_t c = peer_submit(p->m, "c", NULL, NULL);
	uint64_t any = 0;

	assert_int_equal(moro_outstanding(p->m), 3);
	peer_answer(p, c, "c");
	peer_answer(p, b, "b");
	peer_answer(p, a, "a");
	peer_expect(moro_wait(p->m, a, MORO_WAIT_DEFAULT), "a");
	assert_int_equal(moro_outstanding(p->m), 0);
	peer_expect(moro_wait_any(p->m, &any, 0), "c");
	assert_int_equal(any, c);
	peer_expect(moro_wait_any(p->m, NULL, 0), "b");
	assert_null(moro_wait_any(p->m, &any, 0));
	assert_int_equal(moro_error(p->m), MORO_NOT_FOUND);
	assert_null(moro_wait(p->m, a, 0));
	assert_int_equal(moro_error(p->m), MORO_NOT_FOUND);
}

/* A wait that reaches its limit leaves the request as it is. */
static void
test_wait_limit(void **state)
{
	struct peer *p = *state;
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);

	assert_null(moro_wait(p->m, a, 0));
	assert_int_equal(moro_error(p->m), MORO_WAIT_LIMIT);
	assert_null(moro_wait(p->m, a, 1));
	assert_null(moro_wait_any(p->m, NULL, 1));
	assert_int_equal(moro_error(p->m), MORO_WAIT_LIMIT);
	peer_answer(p, a, "late");
	peer_expect(moro_wait(p->m, a, 0), "late");
}

/* A call that reaches its limit is over; its late answer does no harm. */
static void
test_call_limit(void **state)
{
	struct peer *p = *state;

	moro_set_wait_ms(p->m, 1);
	peer_expect_error(moro_ping(p->m), MORO_WAIT_LIMIT);
	assert_int_equal(moro_outstanding(p->m), 0);
	assert_true(moro_connected(p->m));
	moro_set_wait_ms(p->m, PEER_WAIT_MS);
	peer_answer(p, PEER_FIRST, "late");
	peer_answer(p, PEER_FIRST + 1, "pong");
	peer_expect(moro_ping(p->m), "pong");
}

/* Notes that it was called. */
static void
never_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	(void)m;
	moro_reply_free(reply);
	*(int *)user += 1;
}

/* Nobody hears of the answer to a forgotten request. */
static void
test_forget(void **state)
{
	struct peer *p = *state;
	int called = 0;
	uint64_t a = peer_submit(p->m, "a", never_cb, &called);
	uint64_t b = peer_submit(p->m, "b", NULL, NULL);
	uint64_t c = peer_submit(p->m, "c", NULL, NULL);

	moro_forget(p->m, a);
	moro_forget(p->m, 999);
	peer_answer(p, a, "a");
	peer_answer(p, b, "b");
	assert_int_equal(moro_dispatch(p->m), 2);
	moro_forget(p->m, b);
	assert_null(moro_wait(p->m, b, 0));
	moro_forget(p->m, c);
	assert_null(moro_wait_any(p->m, NULL, 0));
	assert_int_equal(moro_error(p->m), MORO_NOT_FOUND);
	assert_int_equal(called, 0);
}

/* Data that are not one value would cost the connection: never sent. */
static void
test_bad_data(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	    {"", 0},
	    {"\x01\x02", 2},
	    {"\x92\x01", 2},
	    {"\xc1", 1},
	    {"\xdd\xff\xff\xff\xff", 5},
	    {"\x81\xa1x", 3},
	    {"\xda\x00", 2},
	};
	struct peer *p = *state;
	struct moro_options *o = moro_options_new();
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *data = rows[i].bytes;

		assert_int_equal(moro_submit(p->m, "a:b", data, rows[i].len,
				     NULL, NULL, NULL),
		    0);
		assert_int_not_equal(moro_error(p->m), MORO_OK);
		assert_int_equal(moro_submit(p->m, "a:b", data, rows[i].len, o,
				     NULL, NULL),
		    0);
	}
	assert_int_equal(moro_outstanding(p->m), 0);
	moro_dispatch(p->m);
	assert_int_equal(peer_read(p, bytes, sizeof bytes), 0);
	assert_true(moro_connected(p->m));
	moro_options_free(o);
}

/* What the server would refuse with the connection's end is refused here. */
static void
test_too_large(void **state)
{
	struct peer *p = *state;
	struct moro_map *map = moro_map_new();
	uint8_t deep[16];
	struct moro_reply *r;
	void *big = calloc(1, PEER_FRAME);
	int64_t n = 0;

	moro_map_bytes(map, "input", big, PEER_FRAME);
	r = moro_call(p->m, "data:compress", moro_map_data(map),
	    moro_map_size(map), NULL);
	assert_int_equal(moro_reply_code(r), MORO_TOO_LARGE);
	assert_int_equal(moro_reply_detail_number(r, "limit", &n), 0);
	assert_int_equal(n, PEER_FRAME);
	moro_reply_free(r);
	memset(deep, 0x91, sizeof deep);
	deep[sizeof deep - 1] = 0xc0;
	peer_expect_error(moro_call(p->m, "a:b", deep, sizeof deep, NULL),
	    MORO_TOO_LARGE);
	peer_expect_error(moro_call(p->m, "", NULL, 0, NULL),
	    MORO_INVALID_ARGUMENT);
	peer_answer(p, PEER_FIRST + 2, "still here");
	peer_expect(moro_ping(p->m), "still here");
	moro_map_free(map);
	free(big);
}

/* Results of all kinds are read without msgpack-c, and with it. */
static void
test_result(void **state)
{
	struct peer *p = *state;
	const struct msgpack_object *o;
	struct moro_reply *r;
	int64_t n = 0;
	size_t len;

	peer_write(p,
	    "\x94\x01\x02\xc0\x83\xa1n\xd1\xff\x00\xa1t\xc3\xa1s\xa2hi", 18);
	r = moro_stats(p->m);
	assert_int_equal(moro_reply_number(r, "n", &n), 0);
	assert_int_equal(n, -256);
	assert_int_equal(moro_reply_number(r, "t", &n), -1);
	assert_int_equal(moro_reply_number(r, NULL, &n), -1);
	assert_true(moro_reply_true(r, "t"));
	assert_false(moro_reply_true(r, "n"));
	assert_false(moro_reply_true(r, "none"));
	assert_memory_equal(moro_reply_field(r, "s", &len), "\xa2hi", 3);
	assert_int_equal(len, 3);
	assert_null(moro_reply_text(r, NULL));
	o = moro_reply_object(r);
	assert_int_equal(o->type, MSGPACK_OBJECT_MAP);
	assert_ptr_equal(o, moro_reply_object(r));
	moro_reply_free(r);
	peer_write(p, "\x94\x01\x03\xc0\xc0", 5);
	r = moro_stats(p->m);
	assert_true(moro_reply_ok(r));
	assert_memory_equal(moro_reply_result(r, &len), "\xc0", 1);
	moro_reply_free(r);
}

/* A NULL reply is one for which there was no memory. */
static void
test_null_reply(void **state)
{
	(void)state;
	assert_false(moro_reply_ok(NULL));
	assert_int_equal(moro_reply_code(NULL), MORO_NO_MEMORY);
	assert_string_equal(moro_reply_code_name(NULL), "NO_MEMORY");
	assert_string_equal(moro_reply_message(NULL), "out of memory");
	assert_string_equal(moro_reply_reason(NULL), "");
	assert_null(moro_reply_object(NULL));
	assert_null(moro_reply_text(NULL, NULL));
	assert_int_equal(moro_reply_details(NULL), 0);
	moro_reply_free(NULL);
	moro_free(NULL);
	moro_close(NULL);
	moro_map_free(NULL);
	moro_options_free(NULL);
}

/* Whatever is packed, the header fits the number of pairs. */
static void
test_map(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 300, 65535, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct moro_map *map = moro_map_new();
		msgpack_unpacked u;
		size_t off = 0;

		for (size_t k = 0; k < sizes[i]; k++)
			moro_map_number(map, "k", (int64_t)k);
		msgpack_unpacked_init(&u);
		assert_int_equal(msgpack_unpack_next(&u, moro_map_data(map),
				     moro_map_size(map), &off),
		    MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(off, moro_map_size(map));
		assert_int_equal(u.data.type, MSGPACK_OBJECT_MAP);
		assert_int_equal(u.data.via.map.size, sizes[i]);
		msgpack_unpacked_destroy(&u);
		moro_map_free(map);
	}
}

/* Every kind of value goes in. */
static void
test_map_values(void **state)
{
	static const char *const list[] = {"a", "b", NULL};
	static const uint8_t expected[] = "\x87\xa1t\xa1x\xa1"
					  "b\xc4\x01y\xa1n\xff\xa1"
					  "f\xc3\xa1l\x92\xa1"
					  "a\xa1"
					  "b\xa1m\x80\xa1v\xc0";
	struct moro_map *map = moro_map_new(), *inner = moro_map_new();

	(void)state;
	moro_map_text(map, "t", "x");
	moro_map_bytes(map, "b", "y", 1);
	moro_map_number(map, "n", -1);
	moro_map_flag(map, "f", 1);
	moro_map_texts(map, "l", list);
	moro_map_map(map, "m", inner);
	moro_map_value(map, "v", "\xc0", 1);
	assert_int_equal(moro_map_size(map), sizeof expected - 1);
	assert_memory_equal(moro_map_data(map), expected, sizeof expected - 1);
	moro_map_map(map, "broken", NULL);
	assert_null(moro_map_data(map));
	assert_int_equal(moro_map_size(map), 0);
	moro_map_text(NULL, "t", "x");
	assert_null(moro_map_data(NULL));
	moro_map_free(inner);
	moro_map_free(map);
}

/* The elements of a batch's answer; one that says nothing is not the end. */
static void
test_batch(void **state)
{
	static const uint8_t answer[] = "\x94\x01\x02\xc0\x93"
					"\x81\xa6result\xa1"
					"a"
					"\x80"
					"\x81\xa6result\xa1"
					"b";
	struct peer *p = *state;
	struct moro_list *list = moro_list_new();
	struct moro_reply *r;

	peer_write(p, answer, sizeof answer - 1);
	r = moro_call_batch(p->m, "debug:echo", list, NULL);
	assert_int_equal(moro_reply_elements(r), 3);
	peer_expect(moro_reply_next(r), "a");
	peer_expect_error(moro_reply_next(r), MORO_GARBLED);
	peer_expect(moro_reply_next(r), "b");
	assert_null(moro_reply_next(r));
	assert_null(moro_reply_next(r));
	moro_reply_free(r);
	moro_list_free(list);
}

int
main(void)
{
#define WITH_PEER(test) \
	cmocka_unit_test_setup_teardown(test, peer_setup, peer_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_PEER(test_greeting),
	    WITH_PEER(test_call),
	    WITH_PEER(test_wire),
	    WITH_PEER(test_wire_no_data),
	    cmocka_unit_test(test_options),
	    WITH_PEER(test_error_map),
	    WITH_PEER(test_error_shapes),
	    WITH_PEER(test_out_of_order),
	    WITH_PEER(test_wait_limit),
	    WITH_PEER(test_call_limit),
	    WITH_PEER(test_forget),
	    WITH_PEER(test_bad_data),
	    WITH_PEER(test_too_large),
	    WITH_PEER(test_result),
	    WITH_PEER(test_batch),
	    cmocka_unit_test(test_null_reply),
	    cmocka_unit_test(test_map),
	    cmocka_unit_test(test_map_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cancelling: what goes out, what comes back, and the options that go along. */

#include "tests/unit/peer.h"

#include <string.h>

#define READ_MAX 512

/* Writes an answer {"state": text}. */
static void
answer_state(struct peer *p, uint64_t number, const char *state)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	msgpack_sbuffer_init(&b);
	msgpack_packer_init(&pk, &b, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, 1);
	msgpack_pack_uint64(&pk, number);
	msgpack_pack_nil(&pk);
	msgpack_pack_map(&pk, 1);
	msgpack_pack_str_with_body(&pk, "state", 5);
	msgpack_pack_str_with_body(&pk, state, strlen(state));
	peer_write(p, b.data, b.size);
	msgpack_sbuffer_destroy(&b);
}

/* Checks that a reply says this state, and frees it. */
static void
expect_state(struct moro_reply *r, const char *state)
{
	const char *v;
	size_t len;

	assert_true(moro_reply_ok(r));
	v = moro_reply_field(r, "state", &len);
	assert_non_null(v);
	assert_int_equal(len, strlen(state) + 1);
	assert_memory_equal(v + 1, state, len - 1);
	moro_reply_free(r);
}

/* Checks all that was written since. */
static void
expect_bytes(struct peer *p, const char *bytes, size_t len)
{
	uint8_t got[READ_MAX];

	assert_int_equal(peer_read(p, got, sizeof got), len);
	assert_memory_equal(got, bytes, len);
}

/* Passes over what was written. */
static void
skip_bytes(struct peer *p)
{
	uint8_t got[READ_MAX];

	moro_dispatch(p->m);
	assert_true(peer_read(p, got, sizeof got) > 0);
}

/* The request is named by its number, and still has an answer of its own. */
static void
test_cancel(void **state)
{
	struct peer *p = *state;
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);

	skip_bytes(p);
	answer_state(p, a + 1, "queued");
	expect_state(moro_cancel(p->m, a), "queued");
	expect_bytes(p,
	    "\x94\x00\x03\xa6"
	    "cancel\x91\x81\xa5"
	    "msgid\x02",
	    19);
	assert_int_equal(moro_outstanding(p->m), 1);
	peer_refuse(p, a, "CANCELLED");
	peer_expect_error(moro_wait(p->m, a, MORO_WAIT_DEFAULT),
	    MORO_CANCELLED);
	assert_int_equal(moro_outstanding(p->m), 0);
}

/* Counts answers that are MORO_CANCELLED. */
static void
cancelled_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	(void)m;
	peer_expect_error(reply, MORO_CANCELLED);
	*(int *)user += 1;
}

/* The callback of what is cancelled runs once, before the word or after it. */
static void
test_cancel_callback(void **state)
{
	struct peer *p = *state;
	int called = 0;
	uint64_t a = peer_submit(p->m, "a", cancelled_cb, &called);
	uint64_t b = peer_submit(p->m, "b", cancelled_cb, &called);

	peer_refuse(p, a, "CANCELLED");
	answer_state(p, b + 1, "running");
	expect_state(moro_cancel(p->m, a), "running");
	assert_int_equal(called, 1);
	answer_state(p, b + 2, "running");
	expect_state(moro_cancel(p->m, b), "running");
	assert_int_equal(called, 1);
	peer_refuse(p, b, "CANCELLED");
	moro_dispatch(p->m);
	assert_int_equal(called, 2);
}

/* A number that never was is not asked for; others are the server's matter. */
static void
test_cancel_number(void **state)
{
	struct peer *p = *state;
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);

	skip_bytes(p);
	peer_expect_error(moro_cancel(p->m, 0), MORO_NOT_FOUND);
	peer_expect_error(moro_cancel(p->m, a + 1), MORO_NOT_FOUND);
	assert_int_equal(moro_cancel_soon(p->m, 0), -1);
	assert_int_equal(moro_cancel_soon(p->m, a + 1), -1);
	assert_int_equal(moro_error(p->m), MORO_NOT_FOUND);
	expect_bytes(p, "", 0);
	peer_answer(p, a, "a");
	peer_expect(moro_wait(p->m, a, MORO_WAIT_DEFAULT), "a");
	answer_state(p, a + 1, "done");
	expect_state(moro_cancel(p->m, a), "done");
}

/* An id goes as it is. */
static void
test_cancel_id(void **state)
{
	struct peer *p = *state;

	answer_state(p, PEER_FIRST, "unknown");
	expect_state(moro_cancel_id(p->m, "x"), "unknown");
	expect_bytes(p,
	    "\x94\x00\x02\xa6"
	    "cancel\x91\x81\xa2id\xa1x",
	    17);
}

/* A notification is written at once and has no number. */
static void
test_cancel_soon(void **state)
{
	struct peer *p = *state;
	int called = 0;
	uint64_t a = peer_submit(p->m, "a", cancelled_cb, &called);

	skip_bytes(p);
	assert_int_equal(moro_cancel_soon(p->m, a), 0);
	expect_bytes(p,
	    "\x93\x02\xa6"
	    "cancel\x91\x81\xa5"
	    "msgid\x02",
	    18);
	assert_int_equal(moro_outstanding(p->m), 1);
	peer_refuse(p, a, "CANCELLED");
	moro_dispatch(p->m);
	assert_int_equal(called, 1);
}

/* What was forgotten can be cancelled, and stays forgotten. */
static void
test_cancel_forgotten(void **state)
{
	struct peer *p = *state;
	int called = 0;
	uint64_t a = peer_submit(p->m, "a", cancelled_cb, &called);

	moro_forget(p->m, a);
	assert_int_equal(moro_cancel_soon(p->m, a), 0);
	skip_bytes(p);
	peer_refuse(p, a, "CANCELLED");
	assert_int_equal(moro_dispatch(p->m), 1);
	assert_int_equal(called, 0);
}

/* Without a connection there is nothing to cancel, and no crash. */
static void
test_cancel_lost(void **state)
{
	struct peer *p = *state;
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);

	moro_dispatch(p->m);
	peer_hang_up(p);
	peer_expect_error(moro_cancel(p->m, a), MORO_LOST);
	assert_int_equal(moro_cancel_soon(p->m, a), -1);
	assert_int_equal(moro_error(p->m), MORO_LOST);
	peer_expect_error(moro_wait(p->m, a, 0), MORO_LOST);
	moro_close(p->m);
	peer_expect_error(moro_cancel(p->m, a), MORO_LOST);
}

/* Submits with options and checks the map of them, of one pair. */
static void
expect_options(struct peer *p, const struct moro_options *o, const char *bytes,
    size_t len)
{
	uint8_t got[READ_MAX];
	size_t n;

	assert_int_not_equal(moro_submit(p->m, "a", NULL, 0, o, NULL, NULL), 0);
	moro_dispatch(p->m);
	n = peer_read(p, got, sizeof got);
	/* [0, number, "a", [nil, ...]] */
	assert_int_equal(n, 7 + len);
	assert_memory_equal(got + 7, bytes, len);
}

/* The options of cancelling, progress and retries as they stand on the wire. */
static void
test_options(void **state)
{
	struct peer *p = *state;
	struct moro_options *o = moro_options_new();

	assert_int_equal(moro_options_set_cancel_grace(o, 0), 0);
	expect_options(p, o,
	    "\x81\xab"
	    "cancelGrace\x00",
	    14);
	moro_options_set_progress(o, 1);
	moro_options_set_idempotent(o, 7);
	moro_options_set_wait_when_full(o, 1);
	assert_int_equal(moro_options_set_cancel_grace(o, 5), 0);
	expect_options(p, o,
	    "\x84\xab"
	    "cancelGrace\x05\xa8progress\xc3\xaaidempotent\xc3"
	    "\xa6onFull\xa4wait",
	    14 + 10 + 12 + 12);
	moro_options_set_progress(o, 0);
	moro_options_set_idempotent(o, 0);
	moro_options_set_wait_when_full(o, 0);
	moro_options_set_batch(o, 1);
	expect_options(p, o,
	    "\x82\xab"
	    "cancelGrace\x05\xa5"
	    "batch\xc3",
	    14 + 7);
	moro_options_set_batch(o, 0);
	expect_options(p, o,
	    "\x81\xab"
	    "cancelGrace\x05",
	    14);
	moro_options_free(o);
}

/* Retries as they stand on the wire, and what is out of range. */
static void
test_retry(void **state)
{
	struct peer *p = *state;
	struct moro_options *o = moro_options_new();

	assert_int_equal(moro_options_set_retry(o, 3, 0, 0, 0), 0);
	expect_options(p, o, "\x81\xa5retry\x81\xa3max\x03", 13);
	assert_int_equal(moro_options_set_retry(o, 2, 50, 99,
			     MORO_RETRY_CRASH | MORO_RETRY_ERROR),
	    0);
	expect_options(p, o,
	    "\x81\xa5retry\x84\xa3max\x02\xa9"
	    "backoffMs\x32\xacmaxBackoffMs\x63\xa2on\x92\xa5"
	    "crash\xa5"
	    "error",
	    1 + 6 + 1 + 5 + 11 + 14 + 3 + 1 + 12);
	assert_int_equal(moro_options_set_retry(o, 101, 0, 0, 0), -1);
	assert_int_equal(moro_options_set_retry(o, 1, (uint64_t)1 << 32, 0, 0),
	    -1);
	assert_int_equal(moro_options_set_retry(o, 1, 0, (uint64_t)1 << 32, 0),
	    -1);
	assert_int_equal(moro_options_set_retry(o, 1, 0, 0, 4), -1);
	assert_int_equal(moro_options_set_retry(o, 1, 0, 0, MORO_RETRY_ERROR),
	    0);
	expect_options(p, o,
	    "\x81\xa5retry\x82\xa3max\x01\xa2on\x91\xa5"
	    "error",
	    1 + 6 + 1 + 5 + 3 + 1 + 6);
	assert_int_equal(moro_options_set_retry(o, 0, 0, 0, 0), 0);
	expect_options(p, o, "\x80", 1);
	assert_int_equal(moro_options_set_cancel_grace(o, (uint64_t)1 << 32),
	    -1);
	moro_options_free(o);
}

/* One admin call: what it writes behind [0, number, and its answer. */
#define EXPECT_CALL(p, call, bytes)                         \
	do {                                                \
		struct moro_reply *r;                       \
		uint8_t got[READ_MAX];                      \
		size_t n;                                   \
                                                            \
		peer_answer(p, number, "yes");              \
		r = call;                                   \
		peer_expect(r, "yes");                      \
		n = peer_read(p, got, sizeof got);          \
		assert_int_equal(n, 3 + sizeof(bytes) - 1); \
		assert_int_equal(got[2], number);           \
		assert_memory_equal(got + 3, bytes, n - 3); \
		number++;                                   \
	} while (0)

/* The calls for administrators as they stand on the wire. */
static void
test_admin(void **state)
{
	struct peer *p = *state;
	struct moro_map *filter = moro_map_new();
	uint8_t number = PEER_FIRST;

	moro_map_text(filter, "state", "queued");
	EXPECT_CALL(p, moro_drain(p->m),
	    "\xa5"
	    "drain\x90");
	EXPECT_CALL(p, moro_pause(p->m, NULL), "\xa5pause\x90");
	EXPECT_CALL(p, moro_pause(p->m, "a:b"),
	    "\xa5pause\x91\xa3"
	    "a:b");
	EXPECT_CALL(p, moro_resume(p->m, NULL), "\xa6resume\x90");
	EXPECT_CALL(p, moro_resume(p->m, "a:b"),
	    "\xa6resume\x91\xa3"
	    "a:b");
	EXPECT_CALL(p, moro_shutdown_now(p->m),
	    "\xa8shutdown\x91\x81\xa3now\xc3");
	EXPECT_CALL(p, moro_scale(p->m, NULL, 4, 4),
	    "\xa5scale\x91\x81\xa7workers\x04");
	EXPECT_CALL(p, moro_scale(p->m, "x", 2, 8),
	    "\xa5scale\x91\x82\xa4pool\xa1x\xa7workers\xa3"
	    "2:8");
	EXPECT_CALL(p, moro_reload(p->m), "\xa6reload\x90");
	EXPECT_CALL(p, moro_log_level(p->m, NULL), "\xa3log\x90");
	EXPECT_CALL(p, moro_log_level(p->m, "debug"),
	    "\xa3log\x91\xa5"
	    "debug");
	EXPECT_CALL(p, moro_list(p->m, NULL), "\xa2ls\x90");
	EXPECT_CALL(p, moro_list(p->m, filter),
	    "\xa2ls\x91\x81\xa5state\xa6queued");
	EXPECT_CALL(p, moro_slow(p->m, 0), "\xa4slow\x90");
	EXPECT_CALL(p, moro_slow(p->m, 9), "\xa4slow\x91\x09");
	EXPECT_CALL(p, moro_poison(p->m), "\xa6poison\x90");
	EXPECT_CALL(p, moro_keys(p->m), "\xa4keys\x90");
	EXPECT_CALL(p, moro_clients(p->m),
	    "\xa7"
	    "clients\x90");
	EXPECT_CALL(p, moro_cancel_other(p->m, 3, 9),
	    "\xa6"
	    "cancel\x91\x82\xa6"
	    "client\x03\xa5msgid\x09");
	moro_map_free(filter);
}

int
main(void)
{
#define WITH_PEER(test) \
	cmocka_unit_test_setup_teardown(test, peer_setup, peer_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_PEER(test_cancel),
	    WITH_PEER(test_cancel_callback),
	    WITH_PEER(test_cancel_number),
	    WITH_PEER(test_cancel_id),
	    WITH_PEER(test_cancel_soon),
	    WITH_PEER(test_cancel_forgotten),
	    WITH_PEER(test_cancel_lost),
	    WITH_PEER(test_options),
	    WITH_PEER(test_retry),
	    WITH_PEER(test_admin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

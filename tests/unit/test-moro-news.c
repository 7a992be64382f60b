/* News of the server: progress and backpressure. */

#include "tests/unit/peer.h"

#include <string.h>

#define NOTE_MAX 64

/* What a callback was told last, and how often. */
struct told {
	int times;
	uint64_t number;
	double done;
	double total;
	char text[NOTE_MAX]; /* the note, or the pool's name */
	int high;
	uint64_t queued;
	uint64_t limit;
	enum { DO_NOTHING, DO_CALL, DO_CLOSE, DO_FREE } act;
};

/* Does to the connection what the test wants done out of a callback. */
static void
act(struct moro *m, struct told *t)
{
	if (t->act == DO_CALL)
		peer_expect(moro_ping(m), "pong");
	else if (t->act == DO_CLOSE)
		moro_close(m);
	else if (t->act == DO_FREE)
		moro_free(m);
}

static void
progress_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	struct told *t = user;

	t->times++;
	t->number = number;
	t->done = done;
	t->total = total;
	act(m, t);
	/* the note outlives whatever was done to the connection */
	strcpy(t->text, note != NULL ? note : "-");
}

static void
pressure_cb(struct moro *m, const char *pool, int high, uint64_t queued,
    uint64_t limit, void *user)
{
	struct told *t = user;

	t->times++;
	t->high = high;
	t->queued = queued;
	t->limit = limit;
	act(m, t);
	strcpy(t->text, pool);
}

/* Writes a string literal, which may hold NULs. */
#define WRITE(p, bytes) peer_write(p, bytes, sizeof(bytes) - 1)

#define PROGRESS "\x93\x02\xa8progress\x92"
#define PRESSURE       \
	"\x93\x02\xac" \
	"backpressure\x91"

/* Has what the peer wrote taken. */
static void
take(struct peer *p)
{
	assert_int_equal(moro_dispatch(p->m), 0);
}

/* Integers and floats, with total and note or without. */
static void
test_progress(void **state)
{
	struct peer *p = *state;
	struct told t = {.times = 0};
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);

	moro_on_progress(p->m, progress_cb, &t);
	WRITE(p, PROGRESS "\x02\x83\xa4"
			  "done\x05\xa5total\x0a\xa4note\xa2hi");
	take(p);
	assert_int_equal(t.times, 1);
	assert_int_equal(t.number, a);
	assert_true(t.done == 5 && t.total == 10);
	assert_string_equal(t.text, "hi");
	WRITE(p, PROGRESS "\x02\x81\xa4"
			  "done\xcb\x3f\xe0\0\0\0\0\0\0");
	take(p);
	assert_int_equal(t.times, 2);
	assert_true(t.done == 0.5 && t.total == -1);
	assert_string_equal(t.text, "-");
	/* NaN and negative totals are not known either */
	WRITE(p, PROGRESS "\x02\x82\xa4"
			  "done\xff\xa5total"
			  "\xcb\x7f\xf8\0\0\0\0\0\0");
	take(p);
	assert_true(t.done == -1 && t.total == -1);
	WRITE(p, PROGRESS "\x02\x82\xa4"
			  "done\x01\xa5total\xfe");
	take(p);
	assert_true(t.total == -1);
	assert_int_equal(t.times, 4);
	moro_on_progress(p->m, NULL, NULL);
	WRITE(p, PROGRESS "\x02\x81\xa4"
			  "done\x05");
	take(p);
	assert_int_equal(t.times, 4);
}

/* Nobody hears of a request that is forgotten, answered or unknown. */
static void
test_progress_late(void **state)
{
	struct peer *p = *state;
	struct told t = {.times = 0};
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);
	uint64_t b = peer_submit(p->m, "b", NULL, NULL);

	moro_on_progress(p->m, progress_cb, &t);
	moro_forget(p->m, a);
	peer_answer(p, b, "b");
	assert_int_equal(moro_dispatch(p->m), 1);
	WRITE(p, PROGRESS "\x02\x81\xa4"
			  "done\x05");
	WRITE(p, PROGRESS "\x03\x81\xa4"
			  "done\x05");
	WRITE(p, PROGRESS "\x63\x81\xa4"
			  "done\x05");
	take(p);
	assert_int_equal(t.times, 0);
	peer_expect(moro_wait(p->m, b, 0), "b");
}

/* What is no progress, or no news that are known, does no harm. */
static void
test_nonsense(void **state)
{
	struct peer *p = *state;
	struct told t = {.times = 0};
	uint64_t a = peer_submit(p->m, "a", NULL, NULL);

	moro_on_progress(p->m, progress_cb, &t);
	moro_on_backpressure(p->m, pressure_cb, &t);
	WRITE(p, "\x93\x02\xa8progress\x90");
	WRITE(p, "\x93\x02\xa8progress\x91\x02");
	WRITE(p, "\x93\x02\xa8progress\x92\xc0\xc0");
	WRITE(p, PROGRESS "\x02\x80");
	WRITE(p, PROGRESS "\x02\x81\xa4"
			  "done\xa1x");
	WRITE(p, PROGRESS "\xff\x81\xa4"
			  "done\x01");
	WRITE(p, "\x93\x02\xac"
		 "backpressure\x90");
	WRITE(p, PRESSURE "\x80");
	WRITE(p, PRESSURE "\x81\xa5state\xa5odder");
	WRITE(p, "\x93\x02\xa7sunrise\x91\xc3");
	WRITE(p, "\x93\x02\xa0\x90");
	WRITE(p, "\x94\x00\x01\xa8progress\x92\x02\x81\xa4"
		 "done\x05");
	take(p);
	assert_int_equal(t.times, 0);
	assert_int_equal(moro_backpressure(p->m), -1);
	peer_answer(p, a, "still here");
	peer_expect(moro_wait(p->m, a, MORO_WAIT_DEFAULT), "still here");
}

/* A callback may call, close and free; the text it was given stays. */
static void
test_progress_act(void **state)
{
	struct told t = {.act = DO_CALL};
	struct peer p;

	(void)state;
	peer_open(&p);
	moro_on_progress(p.m, progress_cb, &t);
	peer_submit(p.m, "a", NULL, NULL);
	WRITE(&p, PROGRESS "\x02\x82\xa4"
			   "done\x05\xa4note\xa2hi");
	peer_answer(&p, PEER_FIRST + 1, "pong");
	moro_dispatch(p.m);
	assert_string_equal(t.text, "hi");
	t.act = DO_CLOSE;
	WRITE(&p, PROGRESS "\x02\x82\xa4"
			   "done\x05\xa4note\xa3you");
	WRITE(&p, PROGRESS "\x02\x82\xa4"
			   "done\x05\xa4note\xa3not");
	assert_int_equal(moro_dispatch(p.m), -1);
	assert_string_equal(t.text, "you");
	peer_expect_error(moro_wait(p.m, PEER_FIRST, 0), MORO_CLOSED);
	peer_connect(&p, PEER_FIRST + 2);
	peer_submit(p.m, "b", NULL, NULL);
	t.act = DO_FREE;
	WRITE(&p, PROGRESS "\x05\x82\xa4"
			   "done\x06\xa4note\xa3"
			   "bye");
	moro_dispatch(p.m);
	assert_int_equal(t.times, 3);
	assert_string_equal(t.text, "bye");
	p.m = NULL;
	peer_close(&p);
}

/* Edges are told, and the level is there to be asked for. */
static void
test_backpressure(void **state)
{
	struct peer *p = *state;
	struct told t = {.times = 0};
	struct moro_reply *r;
	uint8_t got[64];

	assert_int_equal(moro_backpressure(p->m), -1);
	moro_on_backpressure(p->m, pressure_cb, &t);
	WRITE(p, "\x94\x01\x02\xc0\x81\xa5state\xa3low");
	r = moro_subscribe(p->m, "backpressure");
	assert_true(moro_reply_ok(r));
	moro_reply_free(r);
	assert_int_equal(peer_read(p, got, sizeof got), 27);
	assert_memory_equal(got,
	    "\x94\x00\x02\xa9subscribe\x91\xac"
	    "backpressure",
	    27);
	assert_int_equal(moro_backpressure(p->m), 0);
	assert_int_equal(t.times, 0);
	WRITE(p, PRESSURE "\x84\xa5state\xa4high\xa9queueSize\xcd\x03\x20"
			  "\xacmaxQueueSize\xcd\x03\xe8\xa4pool\xa7"
			  "default");
	take(p);
	assert_int_equal(moro_backpressure(p->m), 1);
	assert_int_equal(t.times, 1);
	assert_int_equal(t.high, 1);
	assert_int_equal(t.queued, 800);
	assert_int_equal(t.limit, 1000);
	assert_string_equal(t.text, "default");
	WRITE(p, PRESSURE "\x82\xa5state\xa3low\xa4pool\xa7"
			  "default");
	take(p);
	assert_int_equal(moro_backpressure(p->m), 0);
	assert_int_equal(t.times, 2);
	assert_int_equal(t.high, 0);
	WRITE(p, "\x94\x01\x03\xc0\xc3");
	r = moro_unsubscribe(p->m, "backpressure");
	assert_true(moro_reply_ok(r));
	moro_reply_free(r);
	assert_int_equal(moro_backpressure(p->m), -1);
	/* a new connection knows nothing of it */
	WRITE(p, PRESSURE "\x82\xa5state\xa3low\xa4pool\xa1"
			  "a");
	take(p);
	assert_int_equal(moro_backpressure(p->m), 0);
	moro_close(p->m);
	assert_int_equal(moro_backpressure(p->m), -1);
}

/* With several pools any high one counts; news go before the first answer. */
static void
test_backpressure_pools(void **state)
{
	struct peer *p = *state;

	WRITE(p, "\x94\x01\x02\xc0\x92"
		 "\x82\xa5state\xa4high\xa4pool\xa1"
		 "a"
		 "\x82\xa5state\xa4high\xa4pool\xa1"
		 "b");
	WRITE(p, PRESSURE "\x82\xa5state\xa3low\xa4pool\xa1"
			  "a");
	moro_reply_free(moro_subscribe(p->m, "backpressure"));
	assert_int_equal(moro_backpressure(p->m), 1);
	WRITE(p, PRESSURE "\x82\xa5state\xa3low\xa4pool\xa1"
			  "b");
	take(p);
	assert_int_equal(moro_backpressure(p->m), 0);
	/* an unknown topic's answer is no level */
	peer_refuse(p, PEER_FIRST + 1, "INVALID_ARGUMENT");
	peer_expect_error(moro_subscribe(p->m, "sunrise"),
	    MORO_INVALID_ARGUMENT);
}

/* A callback may close; the name of the pool stays. */
static void
test_backpressure_act(void **state)
{
	struct peer *p = *state;
	struct told t = {.act = DO_CLOSE};

	moro_on_backpressure(p->m, pressure_cb, &t);
	WRITE(p, PRESSURE "\x82\xa5state\xa4high\xa4pool\xa1"
			  "a");
	WRITE(p, PRESSURE "\x82\xa5state\xa4high\xa4pool\xa1"
			  "b");
	assert_int_equal(moro_dispatch(p->m), -1);
	assert_int_equal(t.times, 1);
	assert_string_equal(t.text, "a");
	assert_int_equal(moro_backpressure(p->m), -1);
}

/* The next of a row of numbers that look random and are always the same. */
static uint32_t
next_number(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Packs a value of any kind, containers up to a depth. */
static void
pack_any(msgpack_packer *pk, uint32_t *seed, int depth)
{
	static const char *const words[] = {"done", "total", "note", "state",
	    "high", "low", "pool", "queueSize", ""};
	uint32_t kind = next_number(seed) % (depth > 0 ? 8 : 6);
	const char *word = words[next_number(seed) % 9];
	uint32_t n = next_number(seed) % 4;

	if (kind == 0)
		msgpack_pack_nil(pk);
	else if (kind == 1)
		msgpack_pack_int(pk, (int)n - 1);
	else if (kind == 2)
		msgpack_pack_double(pk, n);
	else if (kind == 3)
		msgpack_pack_bin_with_body(pk, word, strlen(word));
	else if (kind <= 5)
		msgpack_pack_str_with_body(pk, word, strlen(word));
	else if (kind == 6)
		msgpack_pack_array(pk, n);
	else
		msgpack_pack_map(pk, n);
	for (uint32_t i = 0; kind >= 6 && i < (kind == 7 ? 2 * n : n); i++)
		pack_any(pk, seed, depth - 1);
}

/* Whatever stands in news, the connection goes on. */
static void
test_any(void **state)
{
	static const char *const methods[] = {"progress", "backpressure"};
	struct peer *p = *state;
	struct told t = {.times = 0};
	uint32_t seed = 1;
	msgpack_sbuffer b;
	msgpack_packer pk;

	peer_submit(p->m, "a", NULL, NULL);
	moro_on_progress(p->m, progress_cb, &t);
	moro_on_backpressure(p->m, pressure_cb, &t);
	msgpack_sbuffer_init(&b);
	msgpack_packer_init(&pk, &b, msgpack_sbuffer_write);
	for (int i = 0; i < 20000; i++) {
		const char *method = methods[i % 2];

		msgpack_sbuffer_clear(&b);
		msgpack_pack_array(&pk, 3);
		msgpack_pack_int(&pk, 2);
		msgpack_pack_str_with_body(&pk, method, strlen(method));
		msgpack_pack_array(&pk, 2);
		pack_any(&pk, &seed, 3);
		pack_any(&pk, &seed, 3);
		peer_write(p, b.data, b.size);
		take(p);
	}
	msgpack_sbuffer_destroy(&b);
	peer_answer(p, PEER_FIRST, "still here");
	peer_expect(moro_wait(p->m, PEER_FIRST, MORO_WAIT_DEFAULT),
	    "still here");
}

int
main(void)
{
#define WITH_PEER(test) \
	cmocka_unit_test_setup_teardown(test, peer_setup, peer_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_PEER(test_progress),
	    WITH_PEER(test_progress_late),
	    WITH_PEER(test_nonsense),
	    cmocka_unit_test(test_progress_act),
	    WITH_PEER(test_backpressure),
	    WITH_PEER(test_backpressure_pools),
	    WITH_PEER(test_backpressure_act),
	    WITH_PEER(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

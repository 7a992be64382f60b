/*
 * The whole dispatcher, one turn after the other: what depends on in which turn
 * things happen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/number.h"
#include "tests/stage/stage.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define LONG_RUN_S UINT64_C(280) /* a worker's page takes less */

static int
setup(void **state)
{
	struct stage *s = malloc(sizeof *s);

	assert_non_null(s);
	stage_init(s, "[morod]\nworkers = 1\ndebug-tasks = yes\n");
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	stage_clear(*state);
	free(*state);
	return 0;
}

/* What the client has to read; 0: the end, -1: nothing. */
static ssize_t
hear(struct stage *s, char *text, size_t size)
{
	ssize_t n = recv(s->client, text, size - 1, 0);

	if (n == -1)
		assert_int_equal(errno, EAGAIN);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

/* Whether the client is told what has these words in it. */
static void
assert_hears(struct stage *s, const char *words)
{
	char text[512];
	ssize_t n = hear(s, text, sizeof text);

	assert_true(n > 0);
	assert_non_null(memmem(text, (size_t)n, words, strlen(words)));
}

/* The worker takes a request, its nth, and begins it. Gives its msgid. */
static uint32_t
begin(struct stage *s, uint32_t n)
{
	uint8_t bytes[256];

	assert_true(recv(s->worker, bytes, sizeof bytes, MSG_DONTWAIT) > 7);
	assert_int_equal(bytes[2], 0xce); /* always as long as this */
	assert_true(page_begin(s->page, n));
	return (uint32_t)number_get(bytes + 3, 4);
}

/* The worker has finished it, in so many ns by its own word. */
static void
finish(struct stage *s, uint32_t n, uint32_t msgid, uint64_t took_ns)
{
	uint8_t bytes[] = {0x94, 1, 0xce, 0, 0, 0, 0, 0xc0, 1};

	number_put(bytes + 3, 4, msgid);
	page_set_took(s->page, n, took_ns);
	assert_int_equal(send(s->worker, bytes, sizeof bytes, MSG_NOSIGNAL),
	    sizeof bytes);
	stage_turns(s);
}

/* The master has read no other configuration. */
static void
reloaded(struct stage *s)
{
	struct message m = {.type = MSG_MASTER_RELOADED};

	assert_int_equal(channel_send(s->channel, &m, NULL, 0, 0), 0);
	stage_turns(s);
}

/*
 * That a client is gone may show when its answers are sent, with the turn's
 * work done: what its tasks leave free goes to the next ones all the same, and
 * not when something else happens to happen.
 */
static void
test_closed_at_the_end_of_a_turn(void **state)
{
	struct stage *s = *state;
	const struct slot *slot = &TAILQ_FIRST(&s->d.pools)->slots[0];

	stage_turns(s);
	stage_spawn(s);
	stage_ready(s);
	assert_int_equal(slot->state, SLOT_IDLE);
	/* the worker is handed it, and it is dropped */
	stage_ask(s, 1, "debug:echo", NULL, 0);
	/* waits, and goes on without its client */
	stage_ask(s, 0, "debug:echo", NULL, 0);
	/* its answer finds nobody */
	stage_ask(s, 2, "ping", NULL, 0);
	stage_hang_up(&s->client);
	stage_turns(s);
	assert_int_equal(s->d.n_clients, 0);
	assert_int_equal(slot->n_running, 1);
	assert_true(TAILQ_FIRST(&slot->running)->notify);
}

/* Who waits for a reload is no less owed an answer than who has a task. */
static void
test_reload_of_a_half_closed_client(void **state)
{
	struct stage *s = *state;
	char text[512];

	stage_turns(s);
	stage_ask(s, 1, "reload", NULL, 0);
	assert_int_equal(shutdown(s->client, SHUT_WR), 0);
	stage_turns(s);
	assert_int_equal(hear(s, text, sizeof text), -1);
	reloaded(s);
	assert_true(hear(s, text, sizeof text) > 0);
	assert_non_null(strstr(text, "INVALID_ARGUMENT"));
	stage_turns(s);
	assert_int_equal(hear(s, text, sizeof text), 0);
}

static void
test_reload_while_morod_ends(void **state)
{
	struct stage *s = *state;
	char text[512];

	stage_turns(s);
	stage_ask(s, 1, "reload", NULL, 0);
	stage_turns(s);
	assert_int_equal(hear(s, text, sizeof text), -1);
	stage_end(s);
	assert_true(hear(s, text, sizeof text) > 0);
	assert_non_null(strstr(text, "SHUTTING_DOWN"));
	assert_int_equal(hear(s, text, sizeof text), 0);
}

/*
 * The master hands over texts that are no texts: the dispatcher goes on as it
 * was, and who waits is told so.
 */
static void
test_reload_too_long(void **state)
{
	struct message m = {.type = MSG_MASTER_RELOADED, .n = 1};
	struct stage *s = *state;
	int fds[2];

	stage_turns(s);
	stage_ask(s, 1, "reload", NULL, 0);
	stage_turns(s);
	fds[0] = memfd_create("report", MFD_CLOEXEC);
	fds[1] = memfd_create("config", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fds[1], 5 << 20), 0);
	assert_int_equal(channel_send(s->channel, &m, fds, 2, 0), 0);
	close(fds[0]);
	close(fds[1]);
	stage_turns(s);
	assert_hears(s, "the configuration stays as it was");
	assert_ptr_equal(s->d.config, &s->config);
	assert_null(s->d.reloaded);
}

/*
 * A worker's word for how long it ran is taken as far as it can be true; else
 * the dispatcher measures.
 */
static void
test_word_of_a_worker(void **state)
{
	struct stage *s = *state;
	const struct slot *slot = &TAILQ_FIRST(&s->d.pools)->slots[0];
	static const struct {
		uint64_t ns;
		bool taken;
	} cases[] = {
	    {7, true}, {50 * NS_PER_MS, true}, /* a turn may take longer */
	    {200 * NS_PER_S, false},
	    {300 * NS_PER_S, false}, /* more than can be told */
	};

	stage_turns(s);
	stage_spawn(s);
	stage_ready(s);
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t steps = cases[i].ns * 2 / 125;

		stage_ask(s, i + 1, "debug:echo", NULL, 0);
		stage_turns(s);
		finish(s, i + 1, begin(s, i + 1), cases[i].ns);
		assert_int_equal(slot->tasks_done, i + 1);
		if (cases[i].taken)
			assert_int_equal(slot->took, steps);
		else
			assert_true(slot->took < 100 * NS_PER_S * 2 / 125);
	}
}

/* A run that is too long to be told is measured, too. */
static void
test_long_run(void **state)
{
	struct stage *s = *state;
	struct slot *slot = &TAILQ_FIRST(&s->d.pools)->slots[0];
	struct task *t;
	uint32_t msgid;

	stage_turns(s);
	stage_spawn(s);
	stage_ready(s);
	stage_ask(s, 1, "debug:echo", NULL, 0);
	stage_turns(s);
	msgid = begin(s, 1);
	/* it has been at it for so long */
	t = TAILQ_FIRST(&slot->running);
	task_set_queued_us(t, task_queued_us(t) - LONG_RUN_S * 1000000);
	slot->begun_ms -= LONG_RUN_S * 1000;
	finish(s, 1, msgid, LONG_RUN_S * NS_PER_S);
	assert_int_equal(slot->tasks_done, 1);
	assert_true(slot->took >= LONG_RUN_S * NS_PER_S * 2 / 125);
}

/* Why a worker died is said in words, where there are any. */
static void
test_words_for_deaths(void **state)
{
	static const struct {
		int status;
		const char *words;
	} cases[] = {
	    {SIGSYS, "killed by SIGSYS while it ran debug:echo: the sandbox "
		     "stopped it"},
	    {SIGXCPU, "killed by SIGXCPU while it ran debug:echo: its "
		      "processor time was over"},
	    {40, "killed by signal 40 while it ran debug:echo"},
	    {3 << 8, "exited with status 3 while it ran debug:echo"},
	};

	/* or another worker would be given it */
	static const char once[] = "\x92\xc0\x81\xaaidempotent\xc2";

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct stage *s;
		void *own;

		assert_int_equal(setup(&own), 0);
		s = own;
		stage_turns(s);
		stage_spawn(s);
		stage_ready(s);
		stage_ask(s, 1, "debug:echo", once, sizeof once - 1);
		stage_turns(s);
		begin(s, 1);
		stage_reap(s, cases[i].status);
		assert_hears(s, cases[i].words);
		teardown(&own);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_closed_at_the_end_of_a_turn,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reload_of_a_half_closed_client,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reload_while_morod_ends, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_reload_too_long, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_word_of_a_worker, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_long_run, setup, teardown),
	    cmocka_unit_test(test_words_for_deaths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

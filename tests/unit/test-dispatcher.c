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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/stage/stage.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

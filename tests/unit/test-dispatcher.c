/*
 * The whole dispatcher in the test's own process, which plays a client, the
 * master and a worker, and takes one turn after the other: what depends on in
 * which turn things happen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "server/dispatcher.h"
#include "server/log.h"
#include "worker/registry.h"

#define TURNS 10 /* more than anything here takes */

struct stage {
	struct dispatcher d;
	struct config config;
	int listen_fd, channel; /* the master's end of it */
	int client, worker;
	bool gone; /* the dispatcher is cleared */
};

static void
stage_listen(struct stage *s, struct sockaddr_un *addr, socklen_t *len)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	*len = sizeof *addr;
	s->listen_fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_not_equal(s->listen_fd, -1);
	/* the kernel finds a name */
	assert_int_equal(bind(s->listen_fd, (struct sockaddr *)addr,
			     sizeof(sa_family_t)),
	    0);
	assert_int_equal(listen(s->listen_fd, 1), 0);
	assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)addr,
			     len),
	    0);
}

static int
setup(void **state)
{
	static const char text[] = "[morod]\nworkers = 1\ndebug-tasks = yes\n";
	struct stage *s = calloc(1, sizeof *s);
	struct dispatcher_setup how;
	struct sockaddr_un addr;
	socklen_t len;
	int pair[2];

	assert_non_null(s);
	log_set_level(LEVEL_ERROR);
	assert_int_equal(config_parse_text(&s->config, "test", text,
			     sizeof text - 1, stderr),
	    0);
	stage_listen(s, &addr, &len);
	assert_int_equal(channel_pair(pair), 0);
	s->channel = pair[0];
	how = (struct dispatcher_setup){&s->config, s->listen_fd, pair[1]};
	assert_int_equal(dispatcher_init(&s->d, &how), 0);
	s->worker = -1;
	s->client =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(s->client, (const struct sockaddr *)&addr,
			     len),
	    0);
	*state = s;
	return 0;
}

static void
stage_clear(struct stage *s)
{
	int channel = s->d.channel;

	if (s->gone)
		return;
	dispatcher_clear(&s->d);
	close(channel);
	s->gone = true;
}

static int
teardown(void **state)
{
	struct stage *s = *state;

	if (s->worker != -1)
		close(s->worker);
	if (s->client != -1)
		close(s->client);
	stage_clear(s);
	close(s->channel);
	close(s->listen_fd);
	config_clear(&s->config);
	free(s);
	return 0;
}

/* Takes turns for as long as they need no event, and at least one. */
static void
turns(struct stage *s)
{
	int n = 0;

	do {
		loop_turn(&s->d.loop, EVLOOP_NONBLOCK, dispatcher_turn, &s->d);
		assert_true(++n < TURNS);
	} while (loop_is_busy(&s->d.loop));
}

/* The client sends a request, or with msgid 0 a notification, without data. */
static void
ask(struct stage *s, uint64_t msgid, const char *method)
{
	uint8_t out[ENVELOPE_HEAD_MAX + 32];
	size_t n;

	if (msgid != 0)
		n = envelope_request(out, msgid, method, strlen(method), 0);
	else
		n = envelope_notify(out, method, strlen(method), 0);
	assert_int_equal(send(s->client, out, n, MSG_NOSIGNAL), n);
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

/* The master gives the first slot a worker, which says that it is ready. */
static void
spawn(struct stage *s)
{
	static const char ready[] = "\x93\x02\xa5ready\x90";
	struct message m = {.type = MSG_MASTER_SPAWNED, .generation = 1};
	int pair[2], output[2], fds[SPAWNED_FDS];

	assert_int_equal(socketpair(AF_UNIX,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			     pair),
	    0);
	assert_int_equal(pipe2(output, O_CLOEXEC | O_NONBLOCK), 0);
	fds[SPAWNED_SOCKET] = pair[0];
	fds[SPAWNED_OUTPUT] = output[0];
	/* for the process: what can be read means that it is dead */
	fds[SPAWNED_PIDFD] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[SPAWNED_PAGE] = memfd_create("page", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fds[SPAWNED_PAGE], sizeof(struct page)), 0);
	assert_int_equal(channel_send(s->channel, &m, fds, SPAWNED_FDS, 0), 0);
	for (int i = 0; i < SPAWNED_FDS; i++)
		close(fds[i]);
	close(output[1]);
	s->worker = pair[1];
	assert_int_equal(send(s->worker, ready, sizeof ready - 1, 0),
	    sizeof ready - 1);
	turns(s); /* takes it */
	turns(s); /* and hears it */
}

static void
reloaded(struct stage *s)
{
	struct message m = {.type = MSG_MASTER_RELOADED};

	assert_int_equal(channel_send(s->channel, &m, NULL, 0, 0), 0);
	turns(s);
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

	turns(s);
	spawn(s);
	assert_int_equal(slot->state, SLOT_IDLE);
	ask(s, 1,
	    "debug:echo"); /* the worker is handed it, and it is dropped */
	ask(s, 0, "debug:echo"); /* waits, and goes on without its client */
	ask(s, 2, "ping"); /* its answer finds nobody */
	close(s->client);
	s->client = -1;
	turns(s);
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

	turns(s);
	ask(s, 1, "reload");
	assert_int_equal(shutdown(s->client, SHUT_WR), 0);
	turns(s);
	assert_int_equal(hear(s, text, sizeof text), -1);
	reloaded(s);
	assert_true(hear(s, text, sizeof text) > 0);
	assert_non_null(strstr(text, "INVALID_ARGUMENT"));
	turns(s);
	assert_int_equal(hear(s, text, sizeof text), 0);
}

static void
test_reload_while_morod_ends(void **state)
{
	struct stage *s = *state;
	char text[512];

	turns(s);
	ask(s, 1, "reload");
	turns(s);
	assert_int_equal(hear(s, text, sizeof text), -1);
	stage_clear(s);
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

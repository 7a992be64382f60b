#include "tests/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "server/log.h"

#define STAGE_TURNS 10000 /* more than anything takes */
#define STAGE_METHOD 32
#define STAGE_GENERATION 1

/* What only goes wrong when the machine does. */
static void
need(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	abort();
}

void
stage_hang_up(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
stage_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	need(fd != -1, "socket");
	return fd;
}

/* Listens, and connects the client. */
static void
stage_connect(struct stage *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof addr;

	s->listen_fd = stage_socket();
	s->client = stage_socket();
	/* the kernel finds a name */
	need(bind(s->listen_fd, (struct sockaddr *)&addr,
		 sizeof(sa_family_t)) == 0,
	    "bind");
	need(listen(s->listen_fd, 1) == 0, "listen");
	need(getsockname(s->listen_fd, (struct sockaddr *)&addr, &len) == 0,
	    "getsockname");
	need(connect(s->client, (const struct sockaddr *)&addr, len) == 0,
	    "connect");
}

void
stage_init(struct stage *s, const char *config)
{
	struct dispatcher_setup setup;
	int pair[2];

	memset(s, 0, sizeof *s);
	log_set_level(LEVEL_ERROR);
	need(config_parse_text(&s->config, "stage", config, strlen(config),
		 stderr) == 0,
	    "configuration");
	stage_connect(s);
	need(channel_pair(pair) == 0, "channel");
	s->channel = pair[0];
	s->worker = -1;
	setup = (struct dispatcher_setup){
	    .config = &s->config,
	    .listen_fd = s->listen_fd,
	    .channel = pair[1],
	};
	need(dispatcher_init(&s->d, &setup) == 0, "dispatcher");
}

void
stage_end(struct stage *s)
{
	int channel = s->d.channel;

	if (s->gone)
		return;
	dispatcher_clear(&s->d);
	close(channel);
	s->gone = true;
}

void
stage_clear(struct stage *s)
{
	stage_hang_up(&s->worker);
	stage_hang_up(&s->client);
	stage_end(s);
	stage_hang_up(&s->channel);
	stage_hang_up(&s->listen_fd);
	if (s->page != NULL)
		munmap((void *)s->page, sizeof *s->page);
	s->page = NULL;
	config_clear(&s->config);
}

int
stage_turns(struct stage *s)
{
	int n = 0;

	do {
		loop_turn(&s->d.loop, EVLOOP_NONBLOCK, dispatcher_turn, &s->d);
		need(++n < STAGE_TURNS, "turns without end");
	} while (loop_is_busy(&s->d.loop));
	return n;
}

void
stage_ask(struct stage *s, uint64_t msgid, const char *method,
    const void *params, size_t len)
{
	uint8_t head[ENVELOPE_HEAD_MAX + STAGE_METHOD];
	size_t n;

	need(strlen(method) <= STAGE_METHOD, "method");
	if (msgid != 0)
		n = envelope_request(head, msgid, method, strlen(method), 0);
	else
		n = envelope_notify(head, method, strlen(method), 0);
	if (len > 0)
		n--; /* these in place of an empty array */
	need(send(s->client, head, n, MSG_NOSIGNAL) == (ssize_t)n, "send");
	if (len > 0)
		need(send(s->client, params, len, MSG_NOSIGNAL) == (ssize_t)len,
		    "send");
}

void
stage_spawn(struct stage *s)
{
	struct message m = {
	    .type = MSG_MASTER_SPAWNED,
	    .slot = s->slot,
	    .generation = STAGE_GENERATION,
	};
	int pair[2], output[2], fds[SPAWNED_FDS];
	void *page;

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		 pair) == 0,
	    "socketpair");
	need(pipe2(output, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
	fds[SPAWNED_SOCKET] = pair[0];
	fds[SPAWNED_OUTPUT] = output[0];
	/* for the process: what can be read means that it is dead */
	fds[SPAWNED_PIDFD] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[SPAWNED_PAGE] = memfd_create("page", MFD_CLOEXEC);
	need(ftruncate(fds[SPAWNED_PAGE], sizeof(struct page)) == 0, "page");
	page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fds[SPAWNED_PAGE], 0);
	need(page != MAP_FAILED, "page");
	need(channel_send(s->channel, &m, fds, SPAWNED_FDS, 0) == 0, "channel");
	for (int i = 0; i < SPAWNED_FDS; i++)
		close(fds[i]);
	close(output[1]);
	s->page = page;
	s->worker = pair[1];
	stage_turns(s);
}

void
stage_ready(struct stage *s)
{
	static const char ready[] = "\x93\x02\xa5ready\x90";

	need(send(s->worker, ready, sizeof ready - 1, MSG_NOSIGNAL) ==
		 sizeof ready - 1,
	    "send");
	stage_turns(s);
}

void
stage_reap(struct stage *s, int status)
{
	struct message m = {
	    .type = MSG_MASTER_REAPED,
	    .slot = s->slot,
	    .generation = STAGE_GENERATION,
	    .status = status,
	    .n = CHANNEL_NO_NEXT,
	};

	stage_hang_up(&s->worker);
	need(channel_send(s->channel, &m, NULL, 0, 0) == 0, "channel");
	stage_turns(s);
}

void
stage_stop(struct stage *s)
{
	struct message m = {.type = MSG_MASTER_STOP, .n = 1};

	need(channel_send(s->channel, &m, NULL, 0, 0) == 0, "channel");
	stage_turns(s);
	need(s->d.loop.stop, "it does not stop");
}

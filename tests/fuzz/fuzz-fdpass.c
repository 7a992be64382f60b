/*
 * Descriptors that come with messages. The input is a row of sends: a byte with
 * how many descriptors go with it and of which kind, two bytes with the length,
 * and the bytes. The client has asked for the feature, or not (first byte).
 * Whatever comes with what: at the end no descriptor is open that was not
 * before.
 */

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/fdset.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"
#include "tests/stage/stage.h"

#define FDS_MAX 12 /* with one send; the dispatcher takes 8 */
#define OPEN_MAX_SEEN 128 /* descriptors that are looked at */
#define SEND_MAX 2048
#define SENDS_MAX 24 /* so that nobody has to wait */

enum choice {
	CHOICE_FEATURE = 1,
	CHOICE_WORKER = 2, /* there is one that takes what it is handed */
	CHOICE_TURNS = 4, /* one after each send */
	CHOICE_GONE = 8, /* the client hangs up first */
};

static int file = -1, null = -1; /* what is passed: good, bad */

/* Which of the low descriptors are open. */
static void
look(bool open[OPEN_MAX_SEEN])
{
	struct pollfd fds[OPEN_MAX_SEEN];

	for (int i = 0; i < OPEN_MAX_SEEN; i++)
		fds[i] = (struct pollfd){.fd = i};
	poll(fds, OPEN_MAX_SEEN, 0);
	for (int i = 0; i < OPEN_MAX_SEEN; i++)
		open[i] = (fds[i].revents & POLLNVAL) == 0;
}

/* Sends bytes with descriptors, more than fdpass_send() takes, too. */
static void
send_with(int sock, const uint8_t *bytes, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c = &control.head;

	memset(&control, 0, sizeof control);
	if (n > 0) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	/* the dispatcher may have hung up: then they are not passed */
	sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One send of the input. */
static void
send_one(struct stage *s, struct feed *f)
{
	uint8_t how = feed_byte(f);
	size_t n = how % (FDS_MAX + 1), len = feed_byte(f);
	const uint8_t *bytes;
	int fds[FDS_MAX];

	len = (len << 8 | feed_byte(f)) % SEND_MAX;
	bytes = feed_bytes(f, &len);
	for (size_t i = 0; i < n; i++)
		fds[i] = how & 0x80 && i % 2 ? null : file;
	if (len > 0)
		send_with(s->client, bytes, len, fds, n);
}

/* Says hello, as who wants to pass descriptors does. */
static void
greet(struct stage *s)
{
	static const char params[] = "\x91\x81\xa8"
				     "features\x91\xa2"
				     "fd";

	stage_ask(s, 1, "hello", params, sizeof params - 1);
}

/* The worker takes what there is, and the descriptors with it. */
static void
worker_takes(struct stage *s)
{
	uint8_t bytes[4096];
	int fds[FDPASS_MAX];
	size_t n;

	while (s->worker != -1 && fdpass_receive(s->worker, bytes, sizeof bytes,
				      fds, &n, MSG_DONTWAIT) > 0) {
		while (n > 0)
			close(fds[--n]);
	}
}

static void
run(struct stage *s, unsigned int choice, struct feed *f)
{
	stage_turns(s);
	if (choice & CHOICE_WORKER) {
		stage_spawn(s);
		stage_ready(s);
	}
	if (choice & CHOICE_FEATURE)
		greet(s);
	for (int i = 0; i < SENDS_MAX && f->left > 0; i++) {
		send_one(s, f);
		if (choice & CHOICE_TURNS)
			stage_turns(s);
	}
	if (choice & CHOICE_GONE)
		stage_hang_up(&s->client);
	stage_turns(s);
	worker_takes(s);
	stage_turns(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	bool before[OPEN_MAX_SEEN], after[OPEN_MAX_SEEN];
	struct feed f = {bytes, len};
	struct stage s;
	uint8_t choice;

	if (file == -1) {
		file = memfd_create("file", MFD_CLOEXEC);
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	look(before);
	choice = feed_byte(&f);
	stage_init(&s, "[morod]\nworkers = 1\ndebug-tasks = yes\n");
	run(&s, choice, &f);
	stage_clear(&s);
	assert(fdset_held() == 0);
	look(after);
	assert(memcmp(before, after, sizeof before) == 0);
	return 0;
}

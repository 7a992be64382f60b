#ifndef MORO_TESTS_UNIT_HOST_H
#define MORO_TESTS_UNIT_HOST_H

/*
 * A server with a path, played by the test: it comes and goes. The client's
 * functions that wait need it in a thread; all else is one thread, in which
 * these functions let the client do what is due while they wait for it.
 */

#include <stdbool.h>

#include "tests/unit/peer.h"

#define HOST_METHOD 64 /* bytes of a method's name, its NUL included */

struct host {
	struct peer peer; /* the client, and our end of its connection */
	char folder[64];
	char path[108];
	int listener; /* -1: nobody listens */
	int descriptors; /* of this process, before the client was made */
	uint8_t bytes[PEER_FRAME]; /* read, and not looked at yet */
	size_t len;
	char method[HOST_METHOD]; /* of the request heard last */
	uint64_t timeout; /* its limit, 0: none */
	int fd; /* a descriptor that came, or -1 */
	int frame; /* the limit that it names in its greeting */
	const char *feature; /* the feature, or NULL */
	uint64_t end; /* the test's own */
	bool threaded; /* the client is another thread's */
};

/* Makes a client and a folder; nobody listens. For cmocka. */
int host_setup(void **state);

/* Frees the client, and checks that every descriptor is closed. */
int host_teardown(void **state);

/* Begins to listen; ends it, and takes the path away. */
void host_listen(struct host *h, int backlog);
void host_leave(struct host *h);

/* Takes the next connection; reads its greeting, and gives its number. */
uint64_t host_take(struct host *h);

/* The same, and answers it. */
void host_accept(struct host *h);

/* Listens and accepts, with the client starting to connect. */
void host_begin(struct host *h);

/* Closes the connection; the client learns of it. */
void host_hang_up(struct host *h);

/* Reads one request and gives its number. */
uint64_t host_hear(struct host *h);

/*
 * Does what a server does at the moment: takes a connection that has come, and
 * answers what was asked. The client may do anything meanwhile, or nothing.
 * Returns how many requests it answered, greetings aside.
 */
int host_serve(struct host *h);

/* Whether there is no connection; one that the client closed is closed here. */
bool host_gone(struct host *h);

/* Whether nothing is there to be read, nor comes when the client may write. */
bool host_silent(struct host *h);

/* Lets the client do what is due, or wait a moment for it. */
void host_turn(struct host *h);

/* How many descriptors this process has. */
int host_descriptors(void);

/* Monotonic milliseconds. */
uint64_t host_now(void);

/* What a test counts with: a callback that takes note of how it all ended. */
struct ending {
	int n; /* how often */
	enum moro_code code; /* the last one */
	char reason[32];
	char message[400];
};

void host_ending_cb(struct moro *m, struct moro_reply *reply, void *user);

/* Lets the client go on until there were n endings. */
void host_await(struct host *h, const struct ending *e, int n);

#endif

#ifndef MORO_CLIENT_HANDLE_H
#define MORO_CLIENT_HANDLE_H

/*
 * What a connection is made of, and its end. Callbacks of the program run in
 * the midst of our functions and may do anything to the connection, even free
 * it: so every public function that may run one is between handle_enter() and
 * handle_leave(), and after a callback nothing is taken for granted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/buffer.h"
#include "client/failure.h"
#include "client/moro.h"
#include "client/news.h"
#include "client/parcel.h"
#include "client/pending.h"
#include "client/revive.h"
#include "proto/scan.h"

#define HANDLE_NAME 64 /* bytes of a client's name */
#define HANDLE_PATH 108 /* of a socket's path: sun_path's size */
#define HANDLE_VERSION 32 /* of a server's version */

/* Of a server that takes connections and says nothing; the path goes in. */
#define HANDLE_MUTE \
	"the server at %s accepts connections and does not answer (timeout)"

struct moro {
	int fd; /* -1: not connected */
	unsigned int opened; /* how often the program connected */
	unsigned int generation; /* of the process that did, see fork.h */
	char name[HANDLE_NAME + 1]; /* "" : the program's */
	char path[HANDLE_PATH]; /* for messages */
	uint64_t wait_ms; /* 0: no limit */

	struct buffer in;
	struct buffer out;
	struct parcels parcels; /* descriptors that go with `out` */
	struct scan scan; /* of the message at the head of `in` */
	struct limits limits; /* of what the server takes */
	bool out_broken; /* writing has failed: read the rest, then end */

	struct pendings requests;
	uint64_t hello_number; /* of the greeting's request */
	struct moro_reply *hello; /* owned; NULL: not greeted yet */
	char version[HANDLE_VERSION];

	bool failed; /* `failure` ended the connection, and stays */
	struct failure failure;

	struct news news;
	struct revive revive;

	moro_events_cb events_cb; /* or NULL */
	void *events_user;
	int events_told; /* these two: what the callback knows */
	uint64_t due_told;

	unsigned int depth; /* public functions we are in */
	bool doomed; /* free it when depth is 0 */
};

/* Around everything that may run callbacks; leaving may free m. */
void handle_enter(struct moro *m);
void handle_leave(struct moro *m);

/* Whether there is a connection, or one is being made anew. */
bool handle_open(const struct moro *m);

/* 0, or -1 with the failure set: that is not so. */
int handle_check(struct moro *m);

/* Notes why a call failed, unless the connection has a failure that stays. */
void handle_note(struct moro *m, const struct failure *f);

/*
 * Begins anew on a descriptor that is ready for use, by the greeting. Returns
 * 0, or -1: the connection has ended.
 */
int handle_attach(struct moro *m, int fd);

/* Lets go of the descriptor and of what was on its way. Answers nothing. */
void handle_detach(struct moro *m);

/* Ends the connection: f is the answer to all that has none yet. */
void handle_quit(struct moro *m, const struct failure *f);

/* Ends it so, or has it made anew. */
void handle_end(struct moro *m, const struct failure *f);

/* The same, with a code and a sentence. */
void handle_fail(struct moro *m, enum moro_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives an answer to whoever asked; takes the reply, which may be NULL. */
void handle_deliver(struct moro *m, struct pending *p,
    struct moro_reply *reply);

/* The same without running callbacks: one that is there is called later. */
void handle_finish(struct moro *m, struct pending *p, struct moro_reply *reply);

/* Calls the callbacks that wait for it. Returns how many they were. */
int handle_tell_ended(struct moro *m);

/* How many bytes of a request were sent on this connection. */
size_t handle_sent(const struct moro *m, const struct pending *p);

/*
 * Finishes a request with what ended the connection, and with what that means
 * for it: whether it may have run.
 */
void handle_lose(struct moro *m, struct pending *p, const struct failure *f);

#endif

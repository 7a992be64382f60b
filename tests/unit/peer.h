#ifndef MORO_TESTS_UNIT_PEER_H
#define MORO_TESTS_UNIT_PEER_H

/* The server's end of a connection, played by the test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>

#include "client/moro.h"

#define PEER_FRAME (1 << 20) /* the limit that the peer names */
#define PEER_WAIT_MS 20000 /* longer than anything takes */
#define PEER_HELLO 1 /* number of the greeting's request */
#define PEER_FIRST 2 /* number of the first request after it */

/* A connection and its other end. */
struct peer {
	struct moro *m;
	int fd; /* -1: closed */
	bool leaves; /* its thread ends when the client has hung up */
};

/* Connects; the greeting is answered. For cmocka's setup and teardown. */
int peer_setup(void **state);
int peer_teardown(void **state);

/* Makes one more, by hand. */
void peer_open(struct peer *p);
void peer_close(struct peer *p);

/*
 * Connects m, closed before, to a new other end; the greeting is its request
 * of that number.
 */
void peer_connect(struct peer *p, uint64_t number);

/*
 * Answers the greeting of that number, before it is asked for or after: as a
 * server that takes messages of so many bytes, and has features or none.
 */
void peer_greet(struct peer *p, uint64_t number, int frame,
    const char *feature);

/* Closes the other end. */
void peer_hang_up(struct peer *p);

/* Ends the thread that plays the peer, if there is one for it. */
void peer_leave(const struct peer *p);

/* Writes bytes. */
void peer_write(struct peer *p, const void *bytes, size_t len);

/* Packs [1, number, nil, text]; returns the length. */
size_t peer_pack(uint8_t *out, uint64_t number, const char *text);

/* Answers a request with a text, or with the error {code, message}. */
void peer_answer(struct peer *p, uint64_t number, const char *text);
void peer_refuse(struct peer *p, uint64_t number, const char *code);

/* Reads what is there, at most size bytes; 0: nothing. */
size_t peer_read(struct peer *p, uint8_t *bytes, size_t size);

/* Reads exactly len bytes, waiting for them. */
void peer_read_all(int fd, uint8_t *bytes, size_t len);

/* Submits debug:echo with the text as data. */
uint64_t peer_submit(struct moro *m, const char *text, moro_reply_cb cb,
    void *user);

/* Checks that a reply is this text, and frees it. */
void peer_expect(struct moro_reply *reply, const char *text);

/* Checks that a reply is this error, and frees it. */
void peer_expect_error(struct moro_reply *reply, enum moro_code code);

#endif

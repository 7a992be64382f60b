#ifndef MORO_WORKER_FILES_H
#define MORO_WORKER_FILES_H

/*
 * The descriptors that came with one task. Ranges of them are read by pread()
 * and not mapped: a file that its owner cuts short is then an error and no
 * SIGBUS. The offsets of the descriptors are left alone, they are the caller's.
 */

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

#include "proto/fdpass.h"
#include "proto/range.h"

#define FILES_PIECE ((size_t)256 << 10) /* bytes of one read or write */

struct call;
struct files_copy;

struct files {
	int fds[FDPASS_MAX];
	uint32_t n;
	int result; /* index of the one for the result, or -1 */
	uint64_t max; /* bytes of one range, and of a result */
	uint64_t written; /* bytes of the result so far */
	uint8_t *placed; /* in its file, where the result is made; or NULL */
	bool ranged; /* the result's file holds a field, too */
	struct files_copy *copies; /* ranges that were read to memory */
};

/* Makes an empty set. */
void files_init(struct files *f, uint64_t max);

/* Closes the descriptors and frees the copies, wiped if they are secret. */
void files_clear(struct files *f, bool secret);

/* Whether a value is a range of a file. */
bool files_is_range(const msgpack_object *value);

/*
 * Checks a range that a field holds: the descriptor is there, may be read, and
 * the file is as long as the range says. Returns 0 with *range, or -1 with the
 * call's error set.
 */
int files_check(struct call *call, const char *field,
    const msgpack_object *value, struct range *range);

/*
 * Makes the range that a field holds the bytes that it stands for; the task's
 * data then are as if they had come in the message. Returns 0, or -1 with the
 * call's error set.
 */
int files_load(struct call *call, const char *field, msgpack_object *value);

/*
 * Gives the bytes of a field where they are, if it is a range of a memfd that
 * cannot shrink, until the next is given; NULL: they are to be loaded. Their
 * owner may change them meanwhile: for who reads each of them once.
 */
const uint8_t *files_see(struct call *call, const char *field,
    const msgpack_object *value, size_t *len);

/* Whether the result is to go into a file. */
bool files_take_result(const struct call *call);

/* Checks that it can. Returns 0, or -1 with the call's error set. */
int files_check_result(struct call *call);

/*
 * Gives the place of the result's first bytes in its file, at least `need`,
 * *room of them, if that is a memfd that is as long and cannot shrink; NULL: it
 * is none. The caller may see and change meanwhile what is written there. It
 * stands for files_write().
 */
uint8_t *files_place(struct call *call, size_t need, size_t *room);

/* How much room that could give, at most. */
size_t files_place_room(const struct call *call);

/* Ends a result of len bytes that was made there. */
void files_end_placed(struct call *call, size_t len);

/* What was made there is the beginning of the result: files_write() goes on. */
void files_go_on(struct call *call, size_t len);

/* Appends to the result's file. Returns 0, or -1 with the error set. */
int files_write(struct call *call, const uint8_t *bytes, size_t len);

/*
 * Ends the result's file where it was written to, if it can shrink, and packs
 * the range as the task's result. Returns 0, or -1 with the error set.
 */
int files_end(struct call *call);

/*
 * Moves a str or bin that was packed at `start` of the output into the file;
 * other results stay in the answer. Returns 0, or -1 with the error set.
 */
int files_move_result(struct call *call, size_t start);

#endif

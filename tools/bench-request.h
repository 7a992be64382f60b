#ifndef MORO_TOOLS_BENCH_REQUEST_H
#define MORO_TOOLS_BENCH_REQUEST_H

/* A request with a map of fields, made for a form. */

#include <stdbool.h>
#include <stddef.h>

#include <msgpack.h>

#include "tools/bench-form.h"

#define REQUEST_FILES 16 /* of an input: so many tasks may be outstanding */

/* Large bytes that go in the message or by descriptor. */
struct request_input {
	const char *bytes; /* owned */
	size_t len;
	int fds[REQUEST_FILES]; /* owned: memfds with the same */
};

/* Fields are added in their order; what is large comes last. */
struct request {
	struct form_task task;
	msgpack_sbuffer buf;
	msgpack_packer pk; /* for fields that no function below packs */
	const int *fds;
	const int *result_fds;
};

/* Takes the bytes, which are from spawn_alloc(). */
void request_input_init(struct request_input *in, const char *bytes,
    size_t len);
void request_input_clear(struct request_input *in);

/* A file in memory that cannot shrink, with these bytes, or room for them. */
int request_file(const char *bytes, size_t len);
int request_file_room(size_t len);

void request_init(struct request *r, const char *type, size_t fields);

void request_key(struct request *r, const char *key);
void request_str(struct request *r, const char *key, const char *text);
void request_bin(struct request *r, const char *key, const void *bytes,
    size_t len);

/* Bytes of the file that goes with the request. */
void request_range(struct request *r, const char *key,
    const struct request_input *in, size_t offset, size_t len);

/* A field that is the whole input; `result_fds` NULL: in the answer. */
void request_large(struct request *r, const char *key,
    const struct request_input *in, bool by_fd, const int *result_fds);

/* Bytes that end the message as they are: encoded, or the body of a bin. */
void request_tail(struct request *r, const void *bytes, size_t len);

/* Makes the form, and frees the request. */
void request_end(struct request *r, struct form *f);

#endif

#ifndef MORO_WORKER_SINK_H
#define MORO_WORKER_SINK_H

/*
 * Bytes that a task makes one after the other: they go into the answer, or
 * into the file that the caller gave for the result.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

/* Output under construction: the task writes to at + used, and moves used. */
struct sink {
	struct call *call;
	uint8_t *at;
	size_t used; /* bytes at `at` */
	size_t room; /* that there is */
	uint64_t before; /* bytes that are in the file already */
	uint64_t limit; /* bytes in all */
	bool to_file; /* piece by piece; or the whole is made first */
	bool placed; /* the first piece stands in the file already */
};

/*
 * Begins a result of bytes, of about `expected`, and at most `limit`. It goes
 * to the result's file if there is one, else into the answer. What is surely
 * short is made in one piece, which libraries do faster, and moved to the file
 * by call_run(). Returns 0, or -1 with the call's error set.
 */
int sink_init(struct sink *s, struct call *call, uint64_t expected,
    uint64_t limit);

/* The same where exactly so many bytes are said to come: made likewise. */
int sink_init_said(struct sink *s, struct call *call, uint64_t said,
    uint64_t limit);

/* Makes more room, once it is used up. */
int sink_more(struct sink *s);

/* Ends it: the result is packed. */
int sink_end(struct sink *s);

#endif

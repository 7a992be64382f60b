#ifndef MORO_TOOLS_BENCH_SENDER_H
#define MORO_TOOLS_BENCH_SENDER_H

/*
 * Requests on their way out. All that were added go with one system call as
 * far as the socket takes them; with a descriptor, each with one of its own.
 * Heads are copied, tails are not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/bench-form.h"

struct sender {
	const struct form *form; /* borrowed */
	uint8_t *heads; /* owned: a ring of n_max heads */
	size_t n_max; /* requests that may wait: a power of two */
	size_t first; /* requests sent, since the beginning */
	size_t next; /* requests added */
	size_t offset; /* bytes of the first that are sent */
};

/* Makes room for n requests on their way, or for some thousand. */
void sender_init(struct sender *s, const struct form *form, size_t n);
void sender_clear(struct sender *s);

/* Whether one more has room. */
bool sender_has_room(const struct sender *s);

/* Adds a request with this number; there is room. */
void sender_add(struct sender *s, uint32_t id);

/* Whether something is not sent yet. */
bool sender_pending(const struct sender *s);

/* Sends what the socket takes. Returns 0, or -1 with errno. */
int sender_flush(struct sender *s, int fd);

#endif

#ifndef MORO_TOOLS_BENCH_EVENTS_H
#define MORO_TOOLS_BENCH_EVENTS_H

/*
 * An array of maps {id, name, state, value, tags}, made of noise: as JSON text
 * and as MessagePack.
 */

#include <stddef.h>

struct events {
	char *bytes; /* owned */
	size_t len; /* as long as was asked for, less an event at most */
	size_t head; /* bytes of the array's header; the events follow */
};

void events_json(struct events *e, size_t len);
void events_packed(struct events *e, size_t len);
void events_clear(struct events *e);

#endif

#ifndef MORO_SERVER_POISON_H
#define MORO_SERVER_POISON_H

/*
 * The tasks that killed the last worker they were given to: a small ring, for
 * people who want to know which ones. Method `poison` lists them.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/fault.h"
#include "server/note.h"

#define POISON_KEPT 32

struct dispatcher;
struct task;

struct poison_entry {
	struct note task;
	uint32_t size; /* bytes of its data */
	uint32_t attempts;
	uint32_t slot; /* from 1 */
	int pid;
	uint64_t at_ms; /* when: the loop's time */
	struct fault_detail cause; /* signal or exitCode */
	char reason[FAULT_REASON];
	char *lines; /* what the worker printed last, each ends with a NUL */
	uint32_t n_lines;
};

struct poison {
	struct poison_entry entries[POISON_KEPT];
	uint64_t n; /* all that there were: places wrap */
};

/*
 * Keeps a task that is about to be answered with the fault, in the hands of its
 * dead worker still.
 */
void poison_keep(struct dispatcher *d, const struct task *t,
    const struct fault *fault);

void poison_clear(struct poison *ring);

#endif

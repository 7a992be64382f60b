#ifndef MORO_WORKER_WORKER_H
#define MORO_WORKER_WORKER_H

/*
 * The worker process: it reads tasks, runs one at a time and answers. Answers
 * of short tasks are collected for a moment and sent together.
 */

#include <stdbool.h>

#include "proto/limit.h"
#include "proto/page.h"
#include "worker/keyring.h"
#include "worker/quota.h"

struct worker_setup {
	unsigned int number; /* of its slot, from 1: for its name */
	int sock; /* its end of the socketpair; blocking */
	int output; /* the pipe that takes the place of stdout and stderr */
	struct page *page; /* shared with the dispatcher */
	struct limits limits; /* of one message */
	uint64_t max_file; /* bytes of one range of a file */
	uint64_t prefetch_us; /* how long a finished answer may be held */
	struct quota quota;
	const struct keyring_source *keys; /* that it may use, n_keys */
	size_t n_keys;
	int keys_fd; /* what keyring_give() has written */
	bool runs_programs; /* whose environment is morod's */
	bool debug_tasks; /* offer the debug: family */
};

/*
 * Serves tasks until the socket's other end is closed, and exits. Called in a
 * process that was just forked.
 */
_Noreturn void worker_main(const struct worker_setup *setup);

#endif

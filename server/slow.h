#ifndef MORO_SERVER_SLOW_H
#define MORO_SERVER_SLOW_H

/*
 * The slowest tasks of the last ten minutes: a task is noted if it ran longer
 * than the fastest of those that are noted already.
 */

#include <stdbool.h>
#include <stdint.h>

#define SLOW_TASKS 64
#define SLOW_KEPT_MS 600000
#define SLOW_ID 64 /* bytes of the caller's name for it; longer ones are cut */

/* One task that has ended. */
struct slow_task {
	uint64_t run_us; /* 0: an empty place */
	uint64_t wait_us;
	uint64_t ended_ms;
	uint64_t client; /* the connection's number, 0: nobody waited */
	uint64_t msgid;
	const char *type; /* outlives it */
	const char *outcome; /* static */
	uint32_t slot; /* from 1 */
	bool notify; /* it has no msgid */
	uint8_t id_len; /* 0: it has none */
	char id[SLOW_ID];
};

/* All zero is an empty one. */
struct slow {
	struct slow_task tasks[SLOW_TASKS]; /* in no order */
};

/* The place for a task that ran so long; NULL: it was not slow enough. */
struct slow_task *slow_place(struct slow *s, uint64_t run_us, uint64_t now_ms);

/*
 * Puts the tasks of the last ten minutes into `out`, slowest first. Returns
 * how many.
 */
uint32_t slow_list(const struct slow *s, uint64_t now_ms,
    const struct slow_task *out[SLOW_TASKS]);

#endif

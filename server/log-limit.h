#ifndef MORO_SERVER_LOG_LIMIT_H
#define MORO_SERVER_LOG_LIMIT_H

/*
 * So many lines of a kind in a second and no more: who can cause lines must
 * not fill the disk.
 */

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_MS 1000

struct log_limit {
	uint32_t most; /* lines in LOG_LIMIT_MS */
	uint32_t n; /* of them, since `from` */
	uint64_t from; /* ms */
	uint64_t left_out; /* lines, since log_limit_left_out() */
};

void log_limit_init(struct log_limit *l, uint32_t most);

/* Whether one more line may be written. */
bool log_limit_has_room(struct log_limit *l, uint64_t now);

/* Counts one line. True: it is to be written; false: it is left out. */
bool log_limit_take(struct log_limit *l, uint64_t now);

/* Milliseconds until there is room again. */
uint64_t log_limit_wait(const struct log_limit *l, uint64_t now);

/*
 * What to add to a line that is written: how many were left out before it, or
 * nothing.
 */
#define LOG_LIMIT_MORE 64
void log_limit_more(struct log_limit *l, char out[LOG_LIMIT_MORE]);

/* How many lines were left out since the last call. */
uint64_t log_limit_left_out(struct log_limit *l);

#endif

#ifndef MORO_SERVER_QUEUE_H
#define MORO_SERVER_QUEUE_H

/*
 * The tasks that wait in one pool: a list for each priority, first come first
 * served inside one. All operations are O(1).
 */

#include <stdint.h>

#include "proto/options.h"
#include "server/task.h"

#define QUEUE_AHEAD 8 /* so many tasks later: task->ahead */

struct queue {
	struct task_list lists[PRIORITY_N];
	uint32_t n[PRIORITY_N]; /* tasks in each */
	struct task *recent[QUEUE_AHEAD]; /* appended last; may be gone */
	uint32_t n_appended;
};

void queue_init(struct queue *q);

/* Appends the task behind those of its priority. */
void queue_append(struct queue *q, struct task *t);

/* Puts it back before all of its priority. */
void queue_return(struct queue *q, struct task *t);

/* Takes the next task to run, or NULL. */
struct task *queue_take(struct queue *q);

/* Takes a task out of the middle. */
void queue_remove(struct queue *q, struct task *t);

/* Tasks in all lists. */
uint32_t queue_size(const struct queue *q);

#endif

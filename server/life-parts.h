#ifndef MORO_SERVER_LIFE_PARTS_H
#define MORO_SERVER_LIFE_PARTS_H

/* What the files of a task's life share with each other, and with nobody. */

#include "server/life.h"

/* The only place where a task's state changes. */
void life_change(struct task *t, enum task_state to);

/* Answers with an error, to the head that it gives, or else to the client. */
struct task *life_tell(struct dispatcher *d, struct task *t,
    const struct fault *fault);

/* Ends a task that nobody waits for: the error was told and logged before. */
void life_told(struct dispatcher *d, struct task *t, enum life_end end,
    const struct fault *fault);

/* Sets the deadlines of a task that begins to wait; that has a worker. */
void life_arm_first(struct dispatcher *d, struct task *t);
void life_arm_run(struct dispatcher *d, struct task *t);

/* Sets the deadline for the state that the task is in. */
void life_arm(struct dispatcher *d, struct task *t);

/* Whether some of its limits count in one state only. */
bool life_rearms(const struct task *t);

/* The pause before it is run again is over. */
void life_resume(struct dispatcher *d, struct task *t);

/*
 * A running task's limit has struck, and its type is told first: answers, and
 * has it clean up. False: it is to be killed.
 */
bool life_part(struct dispatcher *d, struct task *t, const struct fault *fault);

/* A task that was asked to stop has had its time. */
void life_grace_over(struct dispatcher *d, struct task *t);

#endif

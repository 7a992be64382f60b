#ifndef MORO_SERVER_CLIENT_H
#define MORO_SERVER_CLIENT_H

/* One connection of a client, and the tasks it waits for. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <uthash.h>

#include "proto/fault.h"
#include "server/conn.h"
#include "server/deadline.h"
#include "server/task.h"

struct dispatcher;
struct lanes;
struct parking;
struct route;

#define CLIENT_NAME 64
#define CLIENT_FDS 32 /* descriptors of unfinished tasks, and before that */

/* The caller's name for a task, unique among the client's unfinished ones. */
struct task_id {
	UT_hash_handle hh;
	struct task *task;
	uint32_t len;
	char text[];
};

#define CLIENT_DONE 64 /* answered requests that are remembered */

/* What a client had answered last, for cancels that come too late. */
struct client_done {
	uint64_t msgids[CLIENT_DONE];
	uint32_t ids[CLIENT_DONE]; /* hashes of names */
	uint32_t n_msgids, n_ids; /* all that there were: places wrap */
};

/* Descriptors that came, and whose requests have not been read yet. */
struct client_fds {
	uint32_t n;
	int fds[CLIENT_FDS];
};

/*
 * An idle one may cost 1 KiB with what libevent and malloc() have for it, which
 * is why fields of less than eight bytes stand together.
 */
struct client {
	struct conn conn; /* first: a conn's owner is found by it */
	TAILQ_ENTRY(client) link;
	struct dispatcher *dispatcher;
	uint64_t number; /* of the connection: counts from 1 */
	uint64_t accepted_ms; /* when it came */
	uid_t uid; /* by SO_PEERCRED, at accept */
	pid_t pid;
	uint64_t denied; /* types that it may not submit, by their index */
	uint8_t roles; /* enum role */
	bool subscribed; /* to backpressure */
	bool fd_feature; /* hello asked for descriptors */
	bool half_closed; /* it sends no more, and waits for answers */
	bool closing; /* close when the output is gone */
	bool slow; /* not read from: its output is not taken */
	uint64_t slow_taken; /* while slow: how much it had taken, at last */
	enum fault_shape shape; /* of errors */
	uint32_t n_task_fds; /* descriptors of its unfinished tasks */
	struct client_fds *fds; /* NULL: there are none */
	struct task_list tasks; /* unfinished, by client_link */
	uint64_t task_bytes; /* of the data of those */
	uint32_t n_tasks;
	TAILQ_ENTRY(client) waiting_link; /* while waits_for is not NULL */
	struct route *waits_for; /* not read from until that has room */
	struct task_id *ids; /* by text; uthash */
	struct lanes *lanes; /* its place in the pools' queues, or NULL */
	LIST_HEAD(, parking) parkings; /* its tasks of types that are full */
	struct client_done *done; /* NULL: nothing was answered yet */
	uint64_t accepted; /* tasks of its that were accepted */
	uint64_t refused; /* and that were not */
	struct deadline deadline; /* of a message's end, or of slow output */
	char name[CLIENT_NAME]; /* by hello; "" */
};

/* Takes a connected socket. Returns 0, or -1: no memory, fd stays open. */
int client_new(struct dispatcher *d, int fd);

/* Whether it has no role: it may say hello, and is owed nothing. */
static inline bool
client_is_stranger(const struct client *c)
{
	return c->roles == 0;
}

/*
 * Gives it what depends on its roles besides what is asked for each time, and
 * counts it in d->n_strangers if it has none. When they are new.
 */
void client_take_roles(struct client *c);

/* Closes it: queued tasks are dropped, running ones stopped. */
void client_close(struct client *c);

/* Closes it when what it still has to get is sent, or after a second. */
void client_close_soon(struct client *c);

/*
 * Reads what it has sent up to now, and nothing more ever: morod ends, and what
 * lay unread would be lost without a word, and the answers before it with it.
 */
void client_hear_out(struct client *c);

/* Sets the deadline that the client's state asks for. */
void client_arm(struct client *c);

/*
 * Whether it may pass descriptors. One of a file system that does not answer
 * (FUSE, a server that is gone) holds up who closes it.
 */
bool client_may_pass(const struct client *c);

/* Adds a task to those it waits for; takes it out again. */
void client_add_task(struct client *c, struct task *t);
void client_remove_task(struct client *c, struct task *t);

/*
 * Names a task, which has its extra part. Returns 0; -1 with *duplicate: the
 * name is taken, or else there is no memory.
 */
int client_name_task(struct client *c, struct task *t, const char *id,
    size_t len, bool *duplicate);

/* The unfinished task that has the name, or NULL. */
struct task *client_find_id(const struct client *c, const char *id, size_t len);

/*
 * Whether a request was answered of late: the one with the name, or if that is
 * NULL, with the msgid.
 */
bool client_remembers(const struct client *c, const char *id, size_t len,
    uint64_t msgid);

/*
 * Takes the next n descriptors that came. Returns 0 with *set (NULL: there was
 * no memory, and they are closed), or -1: so many have not come.
 */
int client_take_fds(struct client *c, uint32_t n, struct fdset **set);

/* Nothing more is coming and nothing is left: closes a half-closed one. */
void client_check_done(struct client *c);

#endif

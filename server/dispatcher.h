#ifndef MORO_SERVER_DISPATCHER_H
#define MORO_SERVER_DISPATCHER_H

/*
 * The dispatcher process: one event loop that serves clients, queues tasks and
 * hands them to workers. It forks nothing, decodes no task's data, and does
 * not die of bytes that a peer sent.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/limit.h"
#include "server/channel.h"
#include "server/config.h"
#include "server/log-limit.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/msgids.h"
#include "server/poison.h"
#include "server/pool.h"
#include "server/route.h"
#include "server/task.h"

struct client;
TAILQ_HEAD(client_list, client);

/* What happened since the start; each only grows. */
struct counters {
	uint64_t submitted; /* accepted and refused */
	uint64_t ended[OUTCOMES]; /* how tasks ended, or were refused */
	uint64_t crashed; /* of the failed: the worker died */
	uint64_t notifications_ignored; /* unknown or refused, no answer */
	uint64_t clients; /* connections accepted */
	uint64_t clients_dropped; /* closed by us, for a reason in the log */
	uint64_t clients_broken; /* likewise, for what is no message */
	uint64_t clients_refused; /* turned away: there were too many */
	uint64_t denied; /* asked for what they may not do */
};

struct dispatcher {
	const struct config *config;
	struct limits limits;
	struct loop loop;
	struct task_slab *tasks;
	struct msgids msgids;
	struct task_list batches; /* those that are gathering, by link */
	struct pool_list pools;
	uint32_t n_pools;
	struct route *routes; /* by name; uthash */
	struct route *last_route; /* that a task was submitted to, or NULL */
	struct client_list clients;
	struct client_list waiting; /* for room; by waiting_link */
	struct deadline hangup; /* set while any do */
	uint32_t n_subscribed; /* clients that want to hear of backpressure */
	uint32_t n_clients;
	uint32_t n_strangers; /* of those, without a role */
	uint64_t prefetch_ns; /* run time that a worker may hold */
	uint64_t task_bytes; /* data of all unfinished tasks */
	struct counters counters;
	struct log_limit broken; /* lines about what is no message */
	struct log_limit denied; /* about who may not do what it asks for */
	struct poison poison;
	struct metrics metrics;
	struct config *reloaded; /* config, if it is not that of the start */
	TAILQ_HEAD(, reload_wait) reloads; /* who waits for the master's word */
	struct event *accept_event;
	struct deadline accept_retry;
	uint64_t accept_warned; /* ms: when the log last said why not */
	uint64_t max_clients; /* as configured, and as descriptors allow */
	uint32_t max_fds; /* descriptors of clients' files, in all */
	int listen_fd;
	gid_t socket_group;
	struct event *channel_event;
	int channel; /* to the master */
	uint64_t started; /* wall clock, s */
	uint64_t started_ms; /* monotonic */
	bool ready_told; /* all workers answered, the master knows */
	bool level_changed; /* of the log, and the master is to be told */
	bool shutdown_asked; /* a client asked, the master is to be told */
	bool reload_asked; /* likewise, for the configuration to be read */
	bool shutdown_now; /* likewise, without finishing what is accepted */
	bool closed; /* no new tasks, until somebody says otherwise, or: */
	bool draining; /* closed, and then morod ends */
	bool heard_out; /* likewise: what clients have sent is read */
	bool stopping; /* answer and go */
	bool orphaned; /* the master is dead */
	struct deadline patience; /* set while STOPPING: then at_once */
	bool at_once; /* likewise, without time to clean up */
};

struct dispatcher_setup {
	const struct config *config; /* borrowed */
	int listen_fd;
	gid_t socket_group;
	int channel;
};

/* Runs until the master says stop; returns the process's exit status. */
int dispatcher_main(const struct dispatcher_setup *setup);

/*
 * What it does, for who runs the turns of d->loop himself: sets it up (0, or -1
 * when there is no memory), the end of a turn, closes and frees everything.
 */
int dispatcher_init(struct dispatcher *d, const struct dispatcher_setup *setup);
void dispatcher_turn(void *arg);
void dispatcher_clear(struct dispatcher *d);

/* No new tasks from now on; then morod ends. Pauses end, too. */
void dispatcher_drain(struct dispatcher *d);

/* Takes what another configuration says of the dispatcher itself. */
void dispatcher_configure(struct dispatcher *d, const struct config *config);

/* Bytes of all unfinished tasks' data, and of output that nobody has taken. */
uint64_t dispatcher_bytes(const struct dispatcher *d);

/*
 * Tells the master. Returns 0, or -1 when the channel takes nothing now: what
 * must arrive is sent again later.
 */
int dispatcher_tell(struct dispatcher *d, enum message_type type, uint32_t slot,
    uint32_t generation);
int dispatcher_tell_number(struct dispatcher *d, enum message_type type,
    uint64_t n);

#endif

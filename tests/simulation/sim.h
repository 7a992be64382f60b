#ifndef MORO_SIMULATION_SIM_H
#define MORO_SIMULATION_SIM_H

/*
 * The dispatcher under a script of random events, in one process and with a
 * clock that the script turns. The dispatcher's code is all real, and so are
 * its sockets; played are the clients (peer.c, ask.c), the workers (hand.c),
 * the master (boss.c), the clock and what the kernel says of processes
 * (seam.c). A seed makes one script and is one run, the same each time: nothing
 * in it depends on the time, on addresses or on process ids.
 *
 * What must hold, at the end of every turn of the loop unless it says
 * otherwise (check.c, and peer.c for what clients see):
 *
 *  1. A request has at most one answer, and no answer comes for none. An echo
 *     brings back what that very request sent; a batch, each of its elements.
 *  2. Each request of an honest connection has its answer, once clients read,
 *     workers work and the pauses are over; when morod stops, each that was
 *     accepted. An honest connection is not closed before.
 *  3. Every task is in exactly one place: a queue, parked, delayed, gathering,
 *     or in the hands of one worker; and its client is there.
 *  4. Counters are what their lists hold: tasks and bytes of clients, pools,
 *     types, slots, the message ids, output and input in the loop; submitted is
 *     what has ended and what has not.
 *  5. Limits in time: what is unfinished is not due, and a deadline is set that
 *     comes no later than the limit. Of a request with a timeout that also
 *     holds by the client's own clock.
 *  6. No task waits while a worker is free that may have it.
 *  7. At the end all is given back: memory, descriptors, the files of clients,
 *     and morod stops when it is told to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "proto/page.h"
#include "proto/scan.h"
#include "server/config.h"
#include "server/dispatcher.h"

#define SIM_PEERS 8 /* connections at a time */
#define SIM_SLOTS 64 /* of all pools */
#define SIM_REQUESTS 160 /* of one connection, in all */
#define SIM_OUT ((size_t)256 << 10) /* bytes that a client has not sent */
#define SIM_IN ((size_t)1 << 20) /* and that are not read to an end */
#define SIM_PAGES 4 /* of a slot; they take turns */
#define SIM_PIDS 1000 /* the first process's */
#define SIM_BEGUN \
	4096 /* tasks of which it is known how often they were begun */
#define US_PER_MS 1000u

struct job;

/* Something that a client asked for, by its msgid. */
struct request {
	uint32_t nonce; /* what its data begin with */
	uint16_t sent, answered;
	uint16_t elements; /* of a batch, and one; 0: it is none */
	bool is_echo; /* its result is its data */
	bool accepted; /* it was seen among the tasks */
	uint32_t timeout_ms; /* 0: none */
	uint64_t due_ms; /* valid when accepted, if there is one */
};

/* One connection. */
struct peer {
	int fd; /* -1: it is not there */
	uint32_t serial; /* of all connections, from 1 */
	uid_t uid;
	bool honest; /* sends what it may, and reads */
	bool spoilt; /* has sent what is no message */
	bool deaf; /* reads nothing */
	bool quiet; /* sends no more: the other half is open */
	bool asks_serve; /* its last request is to be a worker's */
	uint32_t serve_msgid; /* valid with asks_serve */
	bool serves; /* it is */
	struct job *job; /* its task, or NULL */
	bool fd_feature; /* it has asked for that */
	bool seen; /* among the dispatcher's clients */
	bool ended; /* closed by the dispatcher */
	uint32_t wild; /* errors that may come under any msgid */
	uint32_t n_requests; /* msgids from 1 on */
	struct request requests[SIM_REQUESTS + 1];
	size_t held; /* bytes at the end of out that wait for an event */
	uint64_t held_ms;
	uint8_t out[SIM_OUT];
	size_t out_len;
	uint8_t in[SIM_IN];
	size_t in_len;
	struct scan scan;
};

/* A task in a worker's hands. */
struct job {
	TAILQ_ENTRY(job) link;
	uint32_t msgid;
	uint32_t len; /* of its data */
	bool progress; /* somebody wants to hear of it */
	uint8_t data[];
};

TAILQ_HEAD(job_list, job);

enum hand_state {
	HAND_NONE,
	HAND_STARTING,
	HAND_READY,
	HAND_DEAD, /* and not reaped yet */
};

/* How often a task was begun by workers that may be believed. */
struct begun {
	uint32_t msgid; /* in their hands; 0: nothing is known */
	uint32_t n;
};

/* What a slot has for a worker, by the master's and its own word. */
struct hand {
	enum hand_state state;
	bool wanted; /* the slot is to have one */
	bool program; /* it has no page */
	bool rogue; /* may do what no worker does */
	bool stopped; /* does nothing at all */
	bool doomed; /* was killed, and will be dead in a moment */
	bool lost; /* its socket is closed, and it lives on */
	uint32_t generation;
	uint32_t deaths;
	pid_t pid;
	int status; /* valid while DEAD */
	uint64_t next_ms; /* when there may be another one */
	int fd, output; /* its ends; -1: closed */
	struct page *page;
	uint32_t received; /* tasks, which is their number */
	struct job_list jobs;
	struct job *running;
	uint32_t number; /* of that one */
	uint8_t *in; /* SIM_IN bytes */
	size_t in_len;
	struct scan scan;
	uint8_t *out; /* in the page, or beside it for programs */
	size_t out_len, out_sent;
	int32_t n_fds; /* descriptors that came, less those of tasks */
};

struct sim {
	uint64_t seed;
	uint64_t random, other; /* the script's, and the dispatcher's own */
	uint64_t now_us;
	uint64_t settled_us; /* when nothing was on its way of honest clients */
	uint64_t digest; /* of all that happened */
	bool trace;
	uint32_t step;
	struct dispatcher dispatcher;
	bool alive; /* that is set up */
	bool inside; /* its code runs now */
	const struct config *config;
	uint32_t n_slots;
	struct sockaddr_un addr;
	socklen_t addr_len;
	int listen_fd, channel;
	uint32_t serials;
	uint32_t accepted; /* connections taken, of those that were made */
	uint32_t full_ms; /* since when the same task could have run, turns */
	bool calm; /* the script is over: all do what they should */
	bool stopping; /* morod was told to end */
	bool at_once; /* without finishing */
	bool drained; /* it says that it is done */
	uint32_t starve; /* the dispatcher's nth allocation fails; 0: none */
	bool starved; /* one did: much is excused */
	bool told; /* the master has something to read */
	bool reload_asked;
	uint32_t reloads; /* with a configuration */
	struct peer peers[SIM_PEERS];
	struct hand hands[SIM_SLOTS];
	struct begun begun[SIM_BEGUN]; /* by msgid */
	uint64_t n_events, n_requests, n_answers, n_tasks,
	    n_deaths; /* in all */
};

extern struct sim sim;

/* ---- trace.c ---- */

/* A number below n, which is not 0; of the script's choices. */
uint32_t sim_random(uint32_t n);

/* Whether one of n times. */
bool sim_one_in(uint32_t n);

/* Notes that something happened: in the digest, and in the trace. */
void sim_note(const char *what, uint64_t a, uint64_t b, uint64_t c);

/* Something does not hold: says what and of which seed, and aborts. */
_Noreturn void sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Has crashes and hangs name their seed. */
void sim_watch(void);

/* ---- seam.c ---- */

/* The clock, in ms. */
uint64_t seam_now_ms(void);

/* Blocks of memory that are in use now; 0 where that is not known. */
uint64_t seam_memory(void);

/* ---- profile.c ---- */

/* Reads all configurations, once. */
void profile_init(void);

/* The configuration of a seed. */
const struct config *profile_take(uint32_t i);
uint32_t profile_count(void);

/* The most slots that one has. */
uint32_t profile_slots(void);

/* Files of the last one that was taken, as the master sends it. */
int profile_text(void);
int profile_report(void);

/* ---- peer.c ---- */

/* As if it had never been there. */
void peer_forget(struct peer *p);
void peer_connect(struct peer *p, bool honest, uid_t uid);
void peer_close(struct peer *p);

/* It did what may cost it its connection: no more is expected of that. */
void peer_excuse(struct peer *p);

/* Sends what it has for the dispatcher, as far as that takes it. */
void peer_send(struct peer *p);

/* Reads what is there, and checks it. Returns the bytes read. */
size_t peer_read(struct peer *p);

/* Sends the bytes that it held back. */
void peer_release(struct peer *p);

bool peer_is_there(const struct peer *p);
uint32_t peer_waits_for(const struct peer *p);

/* ---- ask.c ---- */

/* Makes what all use, once. */
void ask_init(void);

/* Makes a request of one kind or another. */
void ask_task(struct peer *p);
void ask_files(struct peer *p);
void ask_cancel(struct peer *p);
void ask_control(struct peer *p);
void ask_admin(struct peer *p);
void ask_serve(struct peer *p);
void ask_rubbish(struct peer *p);
void ask_resume(struct peer *p);
void ask_shutdown(struct peer *p);

/* ---- hand.c ---- */

/* Does one thing that a worker does next; all of them. */
void hand_act(struct hand *h);
void hand_work(struct hand *h);

/* Does what no worker should. */
void hand_misbehave(struct hand *h);

/* How often a task was begun; where others took its place, 0. */
uint32_t hand_begun(uint32_t msgid);

void hand_die(struct hand *h, int status);
void hand_clear(struct hand *h);

/* A task came to a connection that serves; answers it; it is gone. */
void hand_serve(struct peer *p, const uint8_t *bytes, const struct frame *f);
void hand_reply(struct peer *p);
void hand_unserve(struct peer *p);

/* ---- boss.c ---- */

/* Makes what slots keep, once; the slots of a seed. */
void boss_init(void);
void boss_begin(void);

/* Reads what the dispatcher wants; reaps and starts workers. */
void boss_read(void);
void boss_reap(struct hand *h);
void boss_spawn(struct hand *h);
void boss_tell(enum message_type type, uint64_t n);
void boss_reload(void);
void boss_end(void);

/* ---- check.c ---- */

/* All that must hold after a turn. */
void check_turn(void);

/* What must hold when all are done, and when it is gone. */
bool check_is_done(void);
void check_done(void);
void check_stopped(void);

/* ---- play.c ---- */

/* Runs the script of a seed. */
void play_seed(uint64_t seed);

#endif

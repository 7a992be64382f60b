#ifndef MORO_TOOLS_BENCH_LOAD_H
#define MORO_TOOLS_BENCH_LOAD_H

/*
 * The load: one connection that keeps a number of requests outstanding and
 * checks every answer. The same code talks to morod and to the bare relay.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/bench-form.h"
#include "tools/bench-placement.h"
#include "tools/bench-receiver.h"
#include "tools/bench-samples.h"
#include "tools/bench-sender.h"

#define LOAD_FIRST 32 /* bytes of a result that is a range */
#define LOAD_ERROR 121 /* bytes of an error that are shown, and a NUL */
#define LOAD_WINDOW_MAX ((size_t)1 << 20)

struct load {
	int fd; /* borrowed */
	const char *peer; /* for errors: "morod", "the relay" */
	const struct form *form; /* borrowed */
	size_t window;
	size_t n_free;
	uint32_t *free; /* owned: places without a request */
	uint32_t *ids; /* owned: the number last used in each place */
	bool *busy; /* owned: whether it waits for its answer */
	uint64_t *due_ns; /* owned: when each request should leave; or NULL */
	struct samples *late_us; /* where answers' times since then go */
	size_t result_len; /* what all results must have; 0: not known yet */
	uint8_t first[LOAD_FIRST]; /* the first of those in files */
	size_t first_len; /* 0: there is none */
	uint64_t n; /* answers */
	volatile uint64_t *shared; /* n, for another process; or NULL */
	struct sender sender;
	struct receiver receiver;
};

/* How long a load runs, and what is noted of it. */
struct load_run {
	uint64_t warm_ns; /* before the measurement */
	uint64_t run_ns;
	struct samples *latency_us; /* of a window of one; or NULL */
	struct placement_watch *watch; /* or NULL */
	double rate; /* out: answers a second */
};

/*
 * Requests like form, `window` of them outstanding (at most LOAD_WINDOW_MAX),
 * on a connection. All failures end the benchmark.
 */
void load_init(struct load *l, int fd, const char *peer,
    const struct form *form, size_t window);
void load_clear(struct load *l);

/*
 * From now on notes how long after its due time each answer comes, in us; the
 * samples are borrowed.
 */
void load_note_due(struct load *l, struct samples *late_us);

/* Adds a request that should leave at a time, or would have; see above. */
void load_add_due(struct load *l, uint64_t due_ns);

/* Sends a request from a free place; load_send() sends what was added. */
void load_add(struct load *l);
void load_send(struct load *l);

/*
 * Takes the answers of one read, with flags of recv(). Returns how many; with
 * MSG_DONTWAIT maybe none.
 */
size_t load_receive(struct load *l, int flags);

/* One turn: fills the window, sends, takes answers. */
void load_turn(struct load *l);

/* Fills the window and sends all of it, whatever is answered meanwhile. */
void load_fill(struct load *l);

/* Takes the answers of all that is outstanding. */
void load_drain(struct load *l);

/*
 * Sends one request and waits for the answer. False: it is an error, of which
 * text holds the begin.
 */
bool load_is_taken(int fd, const struct form *form, char text[LOAD_ERROR]);

/* Warms up, measures, and drains. */
void load_measure(struct load *l, struct load_run *run);

#endif

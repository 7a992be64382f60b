#ifndef MORO_TOOLS_BENCH_TURNS_H
#define MORO_TOOLS_BENCH_TURNS_H

/*
 * Echo through morod and through the bare relay, in turns: in each round both
 * are started anew, and who comes first alternates.
 */

#include <stdbool.h>
#include <stddef.h>

#include "tools/bench-placement.h"
#include "tools/bench-samples.h"
#include "tools/bench.h"

#define TURNS_CREDIT 256 /* frames that a worker of the relay may hold */

/* What is measured. */
struct turns {
	size_t payload;
	size_t window;
	size_t credit; /* frames that a worker of the relay may hold */
	const char *const *args; /* for morod, NULL-ended; or NULL */
	bool pinned; /* all processes on one CPU */
	bool latency; /* note each call's; window is 1 */
	int times; /* so many times the usual rounds; 0: once */
};

/* One side's figures, one of each a round. */
struct side {
	struct samples rate; /* answers a second */
	struct samples p50_us;
	struct samples p99_us;
	struct samples all_us; /* of all rounds */
	struct samples placement; /* enum placement; of rates in detail */
};

void turns_run(const struct bench *b, const struct turns *t, struct side *morod,
    struct side *relay);
void turns_clear(struct side *side);

/* How many rounds sat in a placement. */
size_t turns_count(const struct side *side, enum placement placement);

/*
 * The placement that most rounds of both sides share, if that is `least` of
 * each; else PLACEMENT_N. "Mixed" is none: its shares are left to chance.
 */
enum placement turns_common(const struct side *morod, const struct side *relay,
    size_t least);

/* The figures of the rounds that sat in a placement. */
void turns_select(struct samples *out, const struct side *side,
    const struct samples *figures, enum placement placement);

#endif

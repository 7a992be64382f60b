#include "tools/bench-turns.h"

#include <unistd.h>

#include "tools/bench-load.h"
#include "tools/bench-relay.h"
#include "tools/bench-spawn.h"

#define TURNS_PIDS (1 + SERVER_WORKERS_MAX)
#define P50 0.5
#define P99 0.99

/* Measures on a connection and notes the figures of the round. */
static void
turns_measure(const struct bench *b, const struct turns *t, struct load *l,
    const pid_t *pids, int n, struct side *side)
{
	struct samples us = {NULL, 0, 0};
	struct placement_watch watch;
	struct load_run run = {.warm_ns = bench_warm_ns(b),
	    .run_ns = bench_run_ns(b),
	    .latency_us = t->latency ? &us : NULL,
	    .watch = &watch};

	placement_init(&watch, pids, n);
	load_measure(l, &run);
	samples_add(&side->rate, run.rate);
	samples_add(&side->placement,
	    t->latency ? placement_seen(&watch) : placement_detail(&watch));
	if (t->latency) {
		samples_add(&side->p50_us, samples_percentile(&us, P50));
		samples_add(&side->p99_us, samples_percentile(&us, P99));
		samples_append(&side->all_us, &us);
	}
	samples_clear(&us);
	placement_clear(&watch);
}

/* One round of the relay. */
static void
turns_relay(const struct bench *b, const struct turns *t, struct side *side)
{
	pid_t pids[TURNS_PIDS];
	struct relay relay;
	struct form form;
	struct load l;

	form_bare(&form, t->payload);
	relay_start(&relay, t->payload, b->workers, t->credit);
	pids[0] = relay.pid;
	for (int i = 0; i < relay.n_workers; i++)
		pids[1 + i] = relay.workers[i];
	load_init(&l, relay.fd, "the relay", &form, t->window);
	turns_measure(b, t, &l, pids, 1 + relay.n_workers, side);
	load_clear(&l);
	relay_stop(&relay);
	form_clear(&form);
}

/* One round of morod. */
static void
turns_morod(const struct bench *b, const struct turns *t, struct side *side)
{
	pid_t pids[TURNS_PIDS];
	struct server server;
	struct form form;
	struct load l;
	int fd;

	form_echo(&form, t->payload, NULL);
	bench_server(b, &server, t->args);
	pids[0] = server.dispatcher;
	for (int i = 0; i < server.n_workers; i++)
		pids[1 + i] = server.workers[i];
	fd = server_connect(&server);
	load_init(&l, fd, "morod", &form, t->window);
	turns_measure(b, t, &l, pids, 1 + server.n_workers, side);
	load_clear(&l);
	close(fd);
	server_stop(&server);
	form_clear(&form);
}

void
turns_run(const struct bench *b, const struct turns *t, struct side *morod,
    struct side *relay)
{
	int rounds = t->times > 0 ? t->times * b->rounds : b->rounds;

	if (t->pinned)
		spawn_pin();
	for (int i = 0; i < rounds; i++) {
		if (i % 2 == 0)
			turns_relay(b, t, relay);
		turns_morod(b, t, morod);
		if (i % 2 != 0)
			turns_relay(b, t, relay);
	}
	if (t->pinned)
		spawn_unpin();
}

void
turns_clear(struct side *side)
{
	samples_clear(&side->rate);
	samples_clear(&side->p50_us);
	samples_clear(&side->p99_us);
	samples_clear(&side->all_us);
	samples_clear(&side->placement);
}

size_t
turns_count(const struct side *side, enum placement placement)
{
	size_t n = 0;

	for (size_t i = 0; i < side->placement.n; i++)
		n += side->placement.v[i] == (double)placement;
	return n;
}

enum placement
turns_common(const struct side *morod, const struct side *relay, size_t least)
{
	enum placement best = PLACEMENT_N;
	size_t most = 0, most_all = 0;

	for (int i = PLACEMENT_ONE; i < PLACEMENT_MIXED; i++) {
		size_t m = turns_count(morod, (enum placement)i);
		size_t r = turns_count(relay, (enum placement)i);
		size_t both = m < r ? m : r;

		if (both < least || both < most ||
		    (both == most && m + r <= most_all))
			continue;
		most = both;
		most_all = m + r;
		best = (enum placement)i;
	}
	return best;
}

void
turns_select(struct samples *out, const struct side *side,
    const struct samples *figures, enum placement placement)
{
	for (size_t i = 0; i < side->placement.n; i++) {
		if (side->placement.v[i] == (double)placement)
			samples_add(out, figures->v[i]);
	}
}

/* A seed's script: which events there are, and the run from start to end. */
#include "tests/simulation/sim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/channel.h"
#include "server/log.h"
#include "tests/simulation/packet.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define STEPS_MIN 40
#define STEPS_MORE 160
#define CALM_ROUNDS 400 /* to come to an end in */
#define STOP_ROUNDS 400
#define RESUME_ROUNDS 16
#define CALM_STEP_MS 500 /* the longest step of the clock then */
#define START_US (UINT64_C(1) << 46) /* far from what a real clock says */
#define LONG_MS 3000 /* honest clients read before such a step */

typedef void (*play_cb)(void);

static struct peer *
play_peer(void)
{
	return &sim.peers[sim_random(SIM_PEERS)];
}

/* One of the slots that may have a worker; mostly one that has. */
static struct hand *
play_hand(void)
{
	struct hand *h = &sim.hands[sim_random(sim.n_slots)];

	for (uint32_t i = 0; i < sim.n_slots && h->state == HAND_NONE; i++) {
		if (++h == sim.hands + sim.n_slots)
			h = sim.hands;
	}
	return h;
}

/* One turn of the dispatcher. */
static void
play_turn(void)
{
	struct dispatcher *d = &sim.dispatcher;

	sim.inside = true;
	loop_turn(&d->loop, EVLOOP_NONBLOCK, dispatcher_turn, d);
	sim.inside = false;
	check_turn();
	boss_read();
	if (sim.step % 8 == 7 &&
	    !sim.trace) /* whatever method log made of it */
		log_threshold = LEVEL_ERROR;
}

static void
play_connect(void)
{
	struct peer *p = play_peer();

	if (p->fd == -1)
		peer_connect(p,
		    !sim.starved && sim.starve == 0 && !sim_one_in(3),
		    sim_one_in(6) ? 65534 : 0);
}

static void
play_task(void)
{
	struct peer *p = play_peer();
	uint32_t n = sim_one_in(20) ? 30 : 1 + sim_random(3);

	while (n-- > 0)
		ask_task(p);
	if (!sim_one_in(3))
		peer_send(p);
}

static void
play_files(void)
{
	ask_files(play_peer());
}

static void
play_cancel(void)
{
	ask_cancel(play_peer());
}

static void
play_control(void)
{
	ask_control(play_peer());
}

static void
play_admin(void)
{
	ask_admin(play_peer());
}

static void
play_serve(void)
{
	ask_serve(play_peer());
}

static void
play_reply(void)
{
	for (int i = 0; i < SIM_PEERS; i++) {
		if (sim.peers[i].serves && !sim_one_in(3))
			hand_reply(&sim.peers[i]);
	}
}

static void
play_rubbish(void)
{
	ask_rubbish(play_peer());
}

static void
play_release(void)
{
	peer_release(play_peer());
}

static void
play_close(void)
{
	peer_close(play_peer());
}

/* Half-close: what it has said is all. */
static void
play_quiet(void)
{
	struct peer *p = play_peer();

	if (!peer_is_there(p) || p->out_len > 0 || p->serves || p->asks_serve)
		return;
	p->quiet = true;
	shutdown(p->fd, SHUT_WR);
	sim_note("quiet", p->serial, 0, 0);
}

static void
play_deaf(void)
{
	struct peer *p = play_peer();

	p->deaf = !p->honest && !p->deaf;
}

static void
play_send(void)
{
	for (int i = 0; i < SIM_PEERS; i++) {
		if (sim_one_in(2))
			peer_send(&sim.peers[i]);
	}
}

static void
play_read(void)
{
	peer_read(play_peer());
}

static void
play_act(void)
{
	hand_act(play_hand());
}

static void
play_work(void)
{
	hand_work(play_hand());
}

static void
play_rogue(void)
{
	struct hand *h = play_hand();

	if (h->rogue)
		hand_misbehave(h);
}

static void
play_die(void)
{
	static const int statuses[] = {0, 1 << 8, 100 << 8, SIGSEGV, SIGKILL,
	    SIGXCPU, SIGABRT};

	hand_die(play_hand(), statuses[sim_random(COUNT(statuses))]);
}

static void
play_stop(void)
{
	struct hand *h = play_hand();

	h->stopped = !h->stopped;
}

static void
play_reap(void)
{
	for (uint32_t i = 0; i < sim.n_slots; i++) {
		if (sim.hands[i].state == HAND_DEAD && !sim_one_in(3))
			boss_reap(&sim.hands[i]);
	}
}

static void
play_spawn(void)
{
	for (uint32_t i = 0; i < sim.n_slots; i++) {
		struct hand *h = &sim.hands[i];

		if (h->wanted && h->state == HAND_NONE &&
		    h->next_ms <= seam_now_ms() && !sim_one_in(4))
			boss_spawn(h);
	}
}

static void
play_scale(void)
{
	boss_tell(MSG_MASTER_SCALE, (uint64_t)(sim_one_in(2) ? 1 : -1));
}

static void
play_reload(void)
{
	if (sim.reload_asked || sim_one_in(4))
		boss_reload();
}

/* All that is on its way to and from honest clients arrives. */
static void
play_settle(void)
{
	size_t n;

	do {
		n = 0;
		for (int i = 0; i < SIM_PEERS; i++) {
			struct peer *p = &sim.peers[i];

			if (!p->honest)
				continue;
			n += p->out_len;
			peer_release(p);
			n -= p->out_len;
			n += peer_read(p);
		}
		play_turn();
	} while (n > 0);
}

/*
 * Turns the clock. Honest clients take no longer over a message than they may,
 * and do not leave answers unread for long.
 */
static void
play_clock(uint64_t us)
{
	uint64_t most = sim.dispatcher.config->frame_timeout_ms / 2;

	if (most > LONG_MS)
		most = LONG_MS;
	if (sim.now_us + us - sim.settled_us >= most * US_PER_MS) {
		play_settle();
		sim.settled_us = sim.now_us + us;
	}
	sim.now_us += us;
	sim_note("clock", us, 0, 0);
}

static void
play_moment(void)
{
	play_clock(sim_random(3 * US_PER_MS));
}

static void
play_while(void)
{
	play_clock(sim_random(120 * US_PER_MS));
}

static void
play_long(void)
{
	static const uint64_t seconds[] = {1, 5, 61, 3600, 86400};

	play_clock(seconds[sim_random(COUNT(seconds))] * 1000 * US_PER_MS);
}

/* One of the next allocations fails; then nobody is owed anything. */
static void
play_starve(void)
{
	if (!sim_one_in(4))
		return;
	sim.starve = 1 + sim_random(40);
	for (int i = 0; i < SIM_PEERS; i++)
		peer_excuse(&sim.peers[i]);
}

static const struct {
	play_cb event;
	uint32_t weight;
} play_events[] = {
    {play_connect, 12},
    {play_task, 60},
    {play_files, 4},
    {play_cancel, 8},
    {play_control, 5},
    {play_admin, 4},
    {play_serve, 4},
    {play_reply, 8},
    {play_rubbish, 1},
    {play_release, 4},
    {play_close, 2},
    {play_quiet, 1},
    {play_deaf, 1},
    {play_send, 8},
    {play_read, 12},
    {play_act, 40},
    {play_work, 20},
    {play_rogue, 8},
    {play_die, 2},
    {play_stop, 2},
    {play_reap, 10},
    {play_spawn, 10},
    {play_scale, 1},
    {play_reload, 2},
    {play_moment, 30},
    {play_while, 5},
    {play_long, 1},
    {play_starve, 1},
};

/* One event of the script. */
static void
play_event(void)
{
	uint32_t all = 0, at;
	size_t i = 0;

	for (size_t j = 0; j < COUNT(play_events); j++)
		all += play_events[j].weight;
	at = sim_random(all);
	while (at >= play_events[i].weight)
		at -= play_events[i++].weight;
	sim.n_events++;
	sim_note("event", i, 0, 0);
	play_events[i].event();
}

/* Processes that were killed die, soon. */
static void
play_doom(bool all)
{
	for (uint32_t i = 0; i < sim.n_slots; i++) {
		if (sim.hands[i].doomed && (all || !sim_one_in(3)))
			hand_die(&sim.hands[i], SIGKILL);
	}
}

static void
play_script(void)
{
	uint32_t steps = STEPS_MIN + sim_random(STEPS_MORE);

	for (uint32_t i = 0; i < steps && !sim.dispatcher.loop.stop; i++) {
		uint32_t events = 1 + sim_random(3);

		sim.step++;
		while (events-- > 0)
			play_event();
		play_doom(false);
		play_turn();
	}
}

/* Everybody does what they should, and at once. */
static void
play_round(void)
{
	sim.step++;
	for (uint32_t i = 0; i < sim.n_slots; i++) {
		struct hand *h = &sim.hands[i];

		h->stopped = false;
		/* it may sit on its tasks for ever, as one that hangs does */
		if (h->lost || h->rogue)
			hand_die(h, 0);
		h->rogue = false;
		play_doom(true);
		boss_reap(h);
		if (h->wanted && !sim.stopping)
			boss_spawn(h);
		hand_work(h);
	}
	for (int i = 0; i < SIM_PEERS; i++) {
		struct peer *p = &sim.peers[i];

		p->deaf = false;
		peer_release(p);
		hand_reply(p);
		peer_read(p);
	}
	if (sim.reload_asked)
		boss_reload();
	play_turn();
}

/* The clock goes on a little faster in each round. */
static void
play_tick(uint32_t round)
{
	uint64_t ms = round < CALM_STEP_MS ? round : CALM_STEP_MS;

	sim.now_us += ms * US_PER_MS;
}

/* An administrator takes back all pauses. */
static void
play_resume(void)
{
	struct peer *p = &sim.peers[0];

	for (int i = 0; i < SIM_PEERS; i++) {
		/* it must find a place, too */
		if (!sim.peers[i].honest || i == 0 ||
		    (uint64_t)i >= sim.config->max_clients)
			peer_close(&sim.peers[i]);
	}
	play_round();
	peer_connect(p, true, 0);
	ask_resume(p);
	play_round();
}

/* The script is over: all that was asked for is answered. */
static void
play_calm(void)
{
	uint32_t round = 0;

	sim.starve = 0;
	if (sim.stopping || sim.starved || sim.dispatcher.loop.stop)
		return;
	sim.calm = true;
	play_resume();
	while (!check_is_done() && !sim.dispatcher.loop.stop) {
		if (++round == CALM_ROUNDS)
			check_done();
		/* who had to wait may have asked for a pause since */
		if (round % RESUME_ROUNDS == 0)
			ask_resume(&sim.peers[0]);
		play_round();
		play_tick(round);
	}
	play_settle();
}

/* morod is told to end, one way or another. */
static void
play_tell_end(void)
{
	uint32_t how = sim_random(5);

	sim_note("stop", how, 0, 0);
	sim.stopping = true;
	switch (how) {
	case 0:
		boss_tell(MSG_MASTER_DRAIN, 0);
		break;
	case 1:
		boss_tell(MSG_MASTER_DRAIN, 0);
		play_turn();
		boss_tell(MSG_MASTER_STOP, 0);
		break;
	case 2:
		boss_end();
		break;
	default:
		boss_tell(MSG_MASTER_STOP, how == 4);
	}
}

static void
play_end(void)
{
	uint32_t round = 0;

	sim.starve = 0;
	if (!sim.stopping && sim.channel != -1)
		play_tell_end();
	sim.calm = true;
	while (!sim.dispatcher.loop.stop) {
		if (++round == STOP_ROUNDS)
			sim_fail("morod does not stop");
		/* a drain has a time; then the master stops it */
		if (round == STOP_ROUNDS / 2)
			boss_tell(MSG_MASTER_STOP, 0);
		play_round();
		play_tick(round);
	}
}

/* Listens under a name that the kernel finds. */
static void
play_listen(void)
{
	sim.listen_fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	sim.addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	sim.addr_len = sizeof sim.addr;
	if (sim.listen_fd == -1 ||
	    bind(sim.listen_fd, (struct sockaddr *)&sim.addr,
		sizeof(sa_family_t)) == -1 ||
	    listen(sim.listen_fd, 64) == -1 ||
	    getsockname(sim.listen_fd, (struct sockaddr *)&sim.addr,
		&sim.addr_len) == -1)
		sim_fail("cannot listen: %s", strerror(errno));
}

static void
play_begin(uint64_t seed)
{
	struct dispatcher_setup setup;
	int pair[2];

	sim.seed = sim.random = seed;
	sim.other = seed ^ 1;
	sim.now_us = START_US + sim_random(1u << 30);
	sim.settled_us = sim.now_us;
	sim.digest = 0;
	sim.step = sim.serials = sim.accepted = sim.reloads = 0;
	sim.calm = sim.stopping = sim.at_once = sim.drained = false;
	sim.starve = 0;
	sim.told = sim.starved = sim.reload_asked = false;
	memset(sim.begun, 0, sizeof sim.begun);
	sim.config = profile_take(sim_random(profile_count()));
	play_listen();
	if (channel_pair(pair) == -1)
		sim_fail("no channel");
	sim.channel = pair[0];
	setup = (struct dispatcher_setup){
	    .config = sim.config,
	    .listen_fd = sim.listen_fd,
	    .channel = pair[1],
	};
	log_threshold = sim_one_in(8) ? LEVEL_DEBUG : LEVEL_ERROR;
	if (sim.trace)
		log_threshold = LEVEL_DEBUG;
	sim.inside = true;
	if (dispatcher_init(&sim.dispatcher, &setup) == -1)
		sim_fail("the dispatcher cannot be set up");
	sim.inside = false;
	sim.alive = true;
	for (int i = 0; i < SIM_PEERS; i++)
		peer_forget(&sim.peers[i]);
	boss_begin();
	play_spawn();
	play_connect();
	play_connect();
}

/* The dispatcher clears up, and the others see it go. */
static void
play_finish(void)
{
	struct dispatcher *d = &sim.dispatcher;
	int channel = d->channel;

	sim.inside = true;
	dispatcher_clear(d);
	sim.inside = false;
	sim.alive = false;
	close(channel);
	close(sim.listen_fd);
	for (int i = 0; i < SIM_PEERS; i++) {
		struct peer *p = &sim.peers[i];

		while (peer_read(p) > 0)
			;
	}
	check_stopped();
	for (int i = 0; i < SIM_PEERS; i++)
		peer_close(&sim.peers[i]);
	for (uint32_t i = 0; i < sim.n_slots; i++)
		hand_clear(&sim.hands[i]);
	boss_end();
}

void
play_seed(uint64_t seed)
{
	play_begin(seed);
	play_script();
	if (!sim_one_in(4))
		play_calm();
	play_end();
	play_finish();
}

/* The master, as far as the dispatcher sees it. */
#include "tests/simulation/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/limit.h"
#include "server/channel.h"

#define BOSS_SPAWNS 256

static struct page *boss_pages[SIM_SLOTS][SIM_PAGES];
static int boss_files[SIM_SLOTS][SIM_PAGES];
static uint8_t *boss_in[SIM_SLOTS];
static uint8_t *boss_out[SIM_SLOTS];
static int boss_null = -1; /* stands for the descriptor of a process */

static void
boss_send(const struct message *m, const int *fds, size_t n)
{
	if (sim.channel == -1)
		return;
	if (channel_send(sim.channel, m, fds, n, MSG_DONTWAIT) == -1 &&
	    errno != EPIPE && errno != EAGAIN)
		sim_fail("the master's channel: %s", strerror(errno));
}

void
boss_tell(enum message_type type, uint64_t n)
{
	struct message m = {.type = type, .n = n};

	boss_send(&m, NULL, 0);
}

/* The pool that has the slot. */
static const struct pool_config *
boss_pool(uint32_t slot)
{
	return config_slot_pool(sim.config, slot);
}

/* Makes what a slot keeps for all its workers. */
static void
boss_equip(uint32_t slot)
{
	boss_in[slot] = mmap(NULL, SIM_IN, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	boss_out[slot] = mmap(NULL, PAGE_OUT, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < SIM_PAGES; i++) {
		int fd = memfd_create("page", MFD_CLOEXEC);

		if (fd == -1 || ftruncate(fd, sizeof(struct page)) == -1)
			sim_fail("no page");
		boss_files[slot][i] = fd;
		boss_pages[slot][i] = mmap(NULL, sizeof(struct page),
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
}

void
boss_init(void)
{
	boss_null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < profile_slots(); i++)
		boss_equip(i);
}

void
boss_begin(void)
{
	uint32_t at = 0;

	sim.n_slots = config_slots(sim.config);
	for (size_t i = 0; i < sim.config->n_pools; i++) {
		const struct pool_config *p = &sim.config->pools[i];

		for (uint32_t j = 0; j < p->slots; j++, at++) {
			struct hand *h = &sim.hands[at];

			*h = (struct hand){.fd = -1, .output = -1};
			TAILQ_INIT(&h->jobs);
			h->program = p->command != NULL;
			h->wanted = p->serve == NULL && j < p->workers.min;
		}
	}
}

/* The page's words as they are at first; what is in `out` does not count. */
static void
boss_clean(struct page *p)
{
	memset((void *)p, 0, offsetof(struct page, out));
}

void
boss_spawn(struct hand *h)
{
	const struct limits limits = {LIMIT_FRAME_MAX, LIMIT_DEPTH_MAX,
	    LIMIT_VALUES_MAX, LIMIT_METHOD_MAX};
	uint32_t slot = (uint32_t)(h - sim.hands);
	struct message m = {.type = MSG_MASTER_SPAWNED, .slot = slot};
	int pair[2], out[2];
	int fds[SPAWNED_FDS];

	if (sim.channel == -1 || h->state != HAND_NONE)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) == -1 ||
	    pipe2(out, O_CLOEXEC | O_NONBLOCK) == -1)
		sim_fail("no descriptors for a worker");
	h->state = HAND_STARTING;
	h->generation++;
	h->page = boss_pages[slot][h->generation % SIM_PAGES];
	boss_clean(h->page);
	h->in = boss_in[slot];
	h->out = h->program ? boss_out[slot] : h->page->out;
	h->in_len = h->out_len = h->out_sent = 0;
	h->received = 0;
	h->running = NULL;
	h->stopped = h->doomed = h->lost = false;
	h->rogue = !sim.calm && sim_one_in(6);
	h->fd = pair[1];
	h->output = out[1];
	h->pid = (pid_t)(2 * SIM_PIDS + slot * BOSS_SPAWNS + h->deaths);
	scan_init(&h->scan, &limits);
	m.generation = h->generation;
	m.pid = h->pid;
	m.restarts = h->deaths;
	fds[SPAWNED_SOCKET] = pair[0];
	fds[SPAWNED_PIDFD] = boss_null;
	fds[SPAWNED_PAGE] = boss_files[slot][h->generation % SIM_PAGES];
	fds[SPAWNED_OUTPUT] = out[0];
	boss_send(&m, fds, SPAWNED_FDS);
	close(pair[0]);
	close(out[0]);
	sim_note("spawn", slot, h->generation, h->rogue);
}

void
boss_reap(struct hand *h)
{
	struct message m = {
	    .type = MSG_MASTER_REAPED,
	    .slot = (uint32_t)(h - sim.hands),
	    .generation = h->generation,
	    .pid = h->pid,
	    .status = h->status,
	};
	static const uint32_t pauses[] = {0, 0, 1, 100, 5000};

	if (h->state != HAND_DEAD)
		return;
	m.n = sim.calm ? 0 : pauses[sim_random(5)];
	h->next_ms = seam_now_ms() + m.n;
	h->state = HAND_NONE;
	h->deaths++;
	sim.n_deaths++;
	m.restarts = h->deaths;
	if (sim.stopping || !h->wanted)
		m.n = CHANNEL_NO_NEXT;
	sim_note("reap", m.slot, (uint64_t)h->status, m.n);
	boss_send(&m, NULL, 0);
}

static void
boss_want(const struct message *m)
{
	struct hand *h;

	if (m->slot >= sim.n_slots)
		sim_fail("slot %u is wanted", m->slot);
	h = &sim.hands[m->slot];
	if (boss_pool(m->slot)->serve != NULL)
		sim_fail("a worker is wanted where they dial in");
	h->wanted = m->n == WISH_WORKER;
	h->next_ms = seam_now_ms();
	if (m->n == WISH_NONE && h->state != HAND_NONE && h->state != HAND_DEAD)
		h->doomed = true;
}

void
boss_reload(void)
{
	const int fds[] = {profile_report(), profile_text()};
	bool good = sim_one_in(2);
	struct message m = {.type = MSG_MASTER_RELOADED, .n = good};

	if (sim.stopping)
		m.n = 0;
	boss_send(&m, fds, m.n != 0 ? 2 : sim_random(2));
	sim.reload_asked = false;
	sim.reloads += m.n != 0;
	sim_note("reload", m.n, 0, 0);
}

static void
boss_message(const struct message *m)
{
	sim_note("master", m->type, m->slot, m->n);
	switch (m->type) {
	case MSG_DISPATCHER_WANT:
		boss_want(m);
		break;
	case MSG_DISPATCHER_RELOAD:
		sim.reload_asked = true;
		break;
	case MSG_DISPATCHER_SHUTDOWN:
		if (m->n != 0 && !sim.stopping) {
			boss_tell(MSG_MASTER_STOP, 0);
			sim.at_once = true;
		}
		sim.stopping = true;
		break;
	case MSG_DISPATCHER_DRAINED:
		sim.drained = true;
		break;
	case MSG_DISPATCHER_READY:
	case MSG_DISPATCHER_KILLED:
	case MSG_DISPATCHER_LOG_LEVEL:
		break;
	default:
		sim_fail("message %d to the master", (int)m->type);
	}
}

void
boss_read(void)
{
	struct message m;
	int fds[FDPASS_MAX];
	size_t n;

	if (!sim.told)
		return;
	sim.told = false;
	while (
	    sim.channel != -1 && channel_receive(sim.channel, &m, fds, &n) == 1)
		boss_message(&m);
}

void
boss_end(void)
{
	if (sim.channel != -1)
		close(sim.channel);
	sim.channel = -1;
}

/* The workers: those that do as they should, and those that do not. */
#include "tests/simulation/sim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "proto/fdpass.h"
#include "proto/info.h"
#include "server/program.h"
#include "tests/simulation/packet.h"

#define HAND_WORK 4000 /* acts; more than it can have to do */
#define HAND_HEAD 64 /* bytes around an answer's data */

static uint32_t
hand_slot(const struct hand *h)
{
	return (uint32_t)(h - sim.hands);
}

/* Whether it is there and can do something. */
static bool
hand_is_able(const struct hand *h)
{
	return (h->state == HAND_STARTING || h->state == HAND_READY) &&
	       !h->stopped && !h->lost;
}

static void
hand_drop(struct hand *h)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&h->jobs)) != NULL) {
		TAILQ_REMOVE(&h->jobs, j, link);
		free(j);
	}
	free(h->running);
	h->running = NULL;
}

static void
hand_hang_up(struct hand *h)
{
	if (h->fd != -1)
		close(h->fd);
	h->fd = -1;
}

void
hand_die(struct hand *h, int status)
{
	if (h->state == HAND_NONE || h->state == HAND_DEAD)
		return;
	sim_note("death", hand_slot(h), (uint64_t)status, 0);
	hand_drop(h);
	hand_hang_up(h);
	if (h->output != -1)
		close(h->output);
	h->output = -1;
	h->status = status;
	h->state = HAND_DEAD;
	h->doomed = false;
}

void
hand_clear(struct hand *h)
{
	hand_die(h, 0);
	h->state = HAND_NONE;
}

/* Sends what it has finished. False: not all of it, or it is dead. */
static bool
hand_flush(struct hand *h)
{
	ssize_t n;

	while (h->out_sent < h->out_len) {
		n = send(h->fd, h->out + h->out_sent, h->out_len - h->out_sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			return false;
		if (n == -1) {
			hand_die(h, 0);
			return false;
		}
		h->out_sent += (size_t)n;
	}
	if (h->out_len > 0 && !h->program)
		page_flushed(h->page);
	h->out_len = h->out_sent = 0;
	return true;
}

/* Where the next answer is written. */
static struct packet
hand_packet(struct hand *h)
{
	return (struct packet){h->out + h->out_len, h->out + PAGE_OUT, false};
}

static void
hand_written(struct hand *h, const struct packet *to)
{
	if (!to->full)
		h->out_len = (size_t)(to->at - h->out);
}

/* An error as workers tell it. */
static void
hand_pack_error(struct packet *to)
{
	static const char *const codes[] = {"WORKER_ERROR", "INVALID_ARGUMENT",
	    "TIMEOUT", "what"};

	packet_map(to, 2);
	packet_str(to, "code");
	packet_str(to, codes[sim_random(4)]);
	packet_str(to, "message");
	packet_str(to, "it went wrong");
	packet_byte(to, PACKET_NIL);
}

/* A whole answer: the data again, or an error. */
static void
hand_pack_answer(struct packet *to, const struct job *j, bool error)
{
	packet_array(to, 4);
	packet_uint(to, 1);
	packet_uint(to, j->msgid);
	if (error) {
		hand_pack_error(to);
		return;
	}
	packet_byte(to, PACKET_NIL);
	packet_raw(to, j->data, j->len);
}

/* Tells how far its task is. */
static void
hand_progress(struct hand *h, uint32_t msgid)
{
	struct packet to = hand_packet(h);

	packet_array(&to, 3);
	packet_uint(&to, 2);
	packet_str(&to, "progress");
	packet_array(&to, 2);
	packet_uint(&to, msgid);
	packet_map(&to, 1);
	packet_str(&to, "done");
	packet_uint(&to, sim_random(100));
	hand_written(h, &to);
}

/* Its task is finished. */
static void
hand_finish(struct hand *h)
{
	struct job *j = h->running;
	struct packet to;

	if (h->out_len + j->len + HAND_HEAD > PAGE_OUT && !hand_flush(h))
		return;
	to = hand_packet(h);
	hand_pack_answer(&to, j, !sim.calm && sim_one_in(8));
	hand_written(h, &to);
	if (!h->program) {
		page_set_took(h->page, h->number, sim_random(1u << 20));
		page_set_ready(h->page, (uint32_t)h->out_len);
		for (uint32_t size = 0; size < 2; size++)
			page_learn(h->page, sim_random(PAGE_TYPES), size, 1000);
	}
	free(j);
	h->running = NULL;
	if (h->program || sim_one_in(2))
		hand_flush(h);
}

static void
hand_note_begun(uint32_t msgid)
{
	struct begun *b = &sim.begun[msgid % SIM_BEGUN];

	if (b->msgid != msgid)
		*b = (struct begun){msgid, 0};
	b->n++;
}

uint32_t
hand_begun(uint32_t msgid)
{
	const struct begun *b = &sim.begun[msgid % SIM_BEGUN];

	return b->msgid == msgid ? b->n : 0;
}

/* Begins the next task that it has, unless that was taken back. */
static void
hand_begin(struct hand *h)
{
	struct job *j = TAILQ_FIRST(&h->jobs);

	TAILQ_REMOVE(&h->jobs, j, link);
	h->received++;
	if (!h->program && !page_begin(h->page, h->received)) {
		free(j);
		return;
	}
	h->running = j;
	h->number = h->received;
	if (!h->program && !h->rogue)
		hand_note_begun(j->msgid);
	if (j->progress && sim_one_in(2)) {
		hand_progress(h, j->msgid);
		hand_flush(h);
	}
}

/* Makes a job of a request. */
static struct job *
hand_job(const uint8_t *bytes, const struct frame *f, uint32_t *n_fds)
{
	struct info info = INFO_NONE;
	struct job *j = malloc(sizeof *j + f->data.len);

	if (j == NULL)
		sim_fail("no memory for a job");
	if (f->options.len > 1)
		info_parse(&info, bytes + f->options.at, f->options.len);
	j->msgid = (uint32_t)f->msgid;
	j->progress = info.progress;
	j->len = f->data.len;
	memcpy(j->data, bytes + f->data.at, f->data.len);
	*n_fds = info.fds;
	return j;
}

/* The first message to a program. */
static void
hand_hello(struct hand *h)
{
	struct packet to = hand_packet(h);

	packet_array(&to, 4);
	packet_uint(&to, 1);
	packet_uint(&to, PROGRAM_HELLO);
	packet_byte(&to, PACKET_NIL);
	packet_map(&to, 1);
	packet_str(&to, "types");
	packet_array(&to, 1);
	packet_str(&to, h->rogue && sim_one_in(3) ? "bad type" : "sim:program");
	hand_written(h, &to);
	h->state = HAND_READY;
	hand_flush(h);
}

static void
hand_take(struct hand *h, const uint8_t *bytes, const struct frame *f)
{
	struct job *j;
	uint32_t n_fds;

	if (f->kind == FRAME_NOTIFY && h->program)
		return; /* cancel: it goes on all the same */
	if (f->kind != FRAME_REQUEST)
		sim_fail("slot %u: what came is no request", hand_slot(h));
	if (h->program && h->state == HAND_STARTING) {
		hand_hello(h);
		return;
	}
	j = hand_job(bytes, f, &n_fds);
	TAILQ_INSERT_TAIL(&h->jobs, j, link);
	h->n_fds -= (int32_t)n_fds;
	if (h->n_fds < 0)
		sim_fail("slot %u: a task came before its files", hand_slot(h));
}

static void
hand_scan(struct hand *h)
{
	size_t at = 0;
	struct frame f;
	enum scan_status rc = SCAN_MORE;

	while (hand_is_able(h) && at < h->in_len &&
	       (rc = scan_next(&h->scan, h->in + at, h->in_len - at, &f)) ==
		   SCAN_FRAME) {
		hand_take(h, h->in + at, &f);
		at += f.size;
	}
	if (rc == SCAN_BAD && sim.starved) {
		hand_die(h, 1 << 8); /* half a task: it is killed for that */
		return;
	}
	if (rc == SCAN_BAD)
		sim_fail("slot %u: rubbish came", hand_slot(h));
	h->in_len -= at;
	memmove(h->in, h->in + at, h->in_len);
}

/* Reads once. */
static void
hand_read(struct hand *h)
{
	int fds[FDPASS_MAX];
	size_t n_fds = 0;
	ssize_t n;

	if (h->in_len == SIM_IN)
		sim_fail("slot %u: a message that is too long", hand_slot(h));
	n = fdpass_receive(h->fd, h->in + h->in_len, SIM_IN - h->in_len, fds,
	    &n_fds, MSG_DONTWAIT);
	h->n_fds += (int32_t)n_fds;
	while (n_fds > 0)
		close(fds[--n_fds]);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		hand_die(h, 0);
		return;
	}
	h->in_len += (size_t)n;
	hand_scan(h);
}

/* It is set up. */
static void
hand_ready(struct hand *h)
{
	struct packet to = hand_packet(h);

	packet_array(&to, 3);
	packet_uint(&to, 2);
	packet_str(&to, "ready");
	packet_array(&to, 0);
	hand_written(h, &to);
	h->state = HAND_READY;
	hand_flush(h);
}

void
hand_act(struct hand *h)
{
	if (!hand_is_able(h))
		return;
	if (h->state == HAND_STARTING && !h->program)
		hand_ready(h);
	else if (h->out_sent > 0)
		hand_flush(h);
	else if (h->running != NULL)
		hand_finish(h);
	else if (!TAILQ_EMPTY(&h->jobs))
		hand_begin(h);
	else if (hand_flush(h))
		hand_read(h);
}

void
hand_work(struct hand *h)
{
	for (int i = 0; i < HAND_WORK && hand_is_able(h); i++) {
		uint32_t received = h->received;
		bool busy = h->running != NULL || !TAILQ_EMPTY(&h->jobs);

		hand_act(h);
		if (!busy && h->received == received && h->out_len == 0 &&
		    h->running == NULL && TAILQ_EMPTY(&h->jobs))
			return;
	}
}

/* An answer to a task that it may have or not. */
static void
hand_answer_any(struct hand *h, uint32_t msgid)
{
	struct packet to = hand_packet(h);

	packet_array(&to, 4);
	packet_uint(&to, 1);
	packet_uint(&to, msgid);
	packet_byte(&to, PACKET_NIL);
	packet_byte(&to, PACKET_TRUE);
	hand_written(h, &to);
}

/* A task that another one has; NULL: none has any. */
static const struct job *
hand_job_of_other(const struct hand *h, uint32_t n)
{
	for (uint32_t i = 0; i < sim.n_slots; i++) {
		const struct hand *other = &sim.hands[(n + i) % sim.n_slots];

		if (other == h)
			continue;
		if (other->running != NULL)
			return other->running;
		if (!TAILQ_EMPTY(&other->jobs))
			return TAILQ_FIRST(&other->jobs);
	}
	return NULL;
}

/*
 * An answer to a task that another one has, or that nobody has. Nobody knows here
 * whether it has become its own meanwhile: the result may be anybody's.
 */
static void
hand_answer_other(struct hand *h, uint32_t n)
{
	const struct job *j = hand_job_of_other(h, n);

	hand_answer_any(h, j != NULL ? j->msgid : n);
}

/* What it has finished is cut, or goes on as no message. */
static void
hand_spoil(struct hand *h)
{
	struct packet to = hand_packet(h);
	size_t cut;

	if (sim_one_in(2)) {
		for (int i = 0; i < 20; i++)
			packet_byte(&to, sim_random(256));
		hand_written(h, &to);
		hand_flush(h);
		return;
	}
	hand_answer_any(h, sim_random(1u << 30));
	cut = h->out_len - 1 - sim_random(5);
	h->out_len = cut;
	if (hand_flush(h))
		hand_die(h, 1 << 8);
}

/* Writes what it wants into the page. */
static void
hand_scribble(struct hand *h)
{
	if (h->program)
		return;
	switch (sim_random(5)) {
	case 0:
		atomic_store(&h->page->turn, sim_random(UINT32_MAX));
		break;
	case 1: /* more than it is, but no more than is known */
		memset(h->page->out + h->out_len, PACKET_NIL, HAND_HEAD);
		page_set_ready(h->page,
		    (uint32_t)h->out_len + sim_random(HAND_HEAD));
		break;
	case 2:
		page_learn(h->page, sim_random(PAGE_TYPES), sim_random(9),
		    sim_random(UINT32_MAX));
		break;
	case 3:
		atomic_store(&h->page->took[sim_random(20)], UINT32_MAX);
		break;
	default:
		for (int i = 0; i < 40; i++)
			h->page->out[i] = (uint8_t)sim_random(256);
		page_set_ready(h->page, 40);
	}
}

/* Says much that is of no use. */
static void
hand_chatter(struct hand *h)
{
	struct packet to = hand_packet(h);

	for (int i = 0; i < 30; i++) {
		packet_array(&to, 3);
		packet_uint(&to, 2);
		packet_str(&to, sim_one_in(2) ? "ready" : "what");
		packet_array(&to, 0);
		hand_written(h, &to);
	}
	hand_flush(h);
}

static void
hand_print(struct hand *h)
{
	static const char text[] = "a line\nand a part";

	if (h->output != -1 && write(h->output, text, sizeof text) == -1)
		sim_note("pipe", hand_slot(h), 0, 0);
}

void
hand_misbehave(struct hand *h)
{
	uint32_t what = sim_random(9);

	if (!hand_is_able(h) || h->state != HAND_READY || h->out_sent > 0)
		return;
	sim_note("rogue", hand_slot(h), what, 0);
	switch (what) {
	case 0:
		hand_answer_other(h, sim_random(UINT32_MAX));
		break;
	case 1: /* twice, if it is answered again */
		if (h->running != NULL)
			hand_answer_any(h, h->running->msgid);
		break;
	case 2: /* before it is begun */
		if (!TAILQ_EMPTY(&h->jobs))
			hand_answer_any(h, TAILQ_FIRST(&h->jobs)->msgid);
		break;
	case 3:
		hand_spoil(h);
		break;
	case 4:
		hand_scribble(h);
		break;
	case 5: /* it lives, and is not to be heard of any more */
		hand_hang_up(h);
		h->lost = true;
		break;
	case 6:
		hand_chatter(h);
		break;
	case 7:
		if (!h->program)
			page_blame_memory(h->page);
		hand_die(h, SIGABRT);
		break;
	default:
		hand_print(h);
	}
}

void
hand_serve(struct peer *p, const uint8_t *bytes, const struct frame *f)
{
	uint32_t n_fds;

	if (p->job != NULL)
		sim_fail("client %u serves, and gets two tasks", p->serial);
	p->job = hand_job(bytes, f, &n_fds);
}

void
hand_reply(struct peer *p)
{
	struct packet to = {p->out + p->out_len, p->out + SIM_OUT, false};

	if (p->job == NULL || !peer_is_there(p))
		return;
	hand_pack_answer(&to, p->job, !sim.calm && sim_one_in(6));
	if (to.full)
		return;
	p->out_len = (size_t)(to.at - p->out);
	hand_unserve(p);
	sim_note("reply", p->serial, 0, 0);
	peer_send(p);
}

void
hand_unserve(struct peer *p)
{
	free(p->job);
	p->job = NULL;
}

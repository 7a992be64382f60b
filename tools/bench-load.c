#include "tools/bench-load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-spawn.h"

#define LOAD_STEP (1u << FORM_PLACE_BITS) /* between the numbers of a place */
#define LOAD_WAIT_S 20 /* without any answer: give up */

void
load_init(struct load *l, int fd, const char *peer, const struct form *form,
    size_t window)
{
	struct timeval wait = {.tv_sec = LOAD_WAIT_S};

	memset(l, 0, sizeof *l);
	l->fd = fd;
	l->peer = peer;
	l->form = form;
	l->window = window;
	l->result_len = form->result_len;
	l->free = spawn_alloc(window * sizeof *l->free);
	l->ids = spawn_alloc(window * sizeof *l->ids);
	for (size_t i = 0; i < window; i++)
		l->free[l->n_free++] = (uint32_t)(window - 1 - i);
	l->busy = spawn_alloc(window * sizeof *l->busy);
	sender_init(&l->sender, form, window);
	receiver_init(&l->receiver, form->bare);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

void
load_clear(struct load *l)
{
	free(l->free);
	free(l->ids);
	free(l->busy);
	free(l->due_ns);
	sender_clear(&l->sender);
	receiver_clear(&l->receiver);
	memset(l, 0, sizeof *l);
}

/*
 * Takes a free place. Its number has the place in the low bits, above it how
 * often it was used, never 0: so an answer that comes twice is seen.
 */
void
load_add(struct load *l)
{
	uint32_t place = l->free[--l->n_free];
	uint32_t id = (l->ids[place] | place) + LOAD_STEP;

	l->ids[place] = id >= LOAD_STEP ? id : id + LOAD_STEP;
	l->busy[place] = true;
	sender_add(&l->sender, l->ids[place]);
}

void
load_note_due(struct load *l, struct samples *late_us)
{
	l->due_ns = spawn_alloc(l->window * sizeof *l->due_ns);
	l->late_us = late_us;
}

void
load_add_due(struct load *l, uint64_t due_ns)
{
	l->due_ns[l->free[l->n_free - 1]] = due_ns;
	load_add(l);
}

void
load_send(struct load *l)
{
	if (sender_flush(&l->sender, l->fd) < 0)
		cleanup_die("%s: cannot send: %s", l->peer, strerror(errno));
}

/* Spells the begin of an error, as far as it can be printed. */
static void
load_spell(const struct answer *a, char text[LOAD_ERROR])
{
	size_t n =
	    a->error_len < LOAD_ERROR - 1 ? a->error_len : LOAD_ERROR - 1;

	for (size_t i = 0; i < n; i++)
		text[i] = a->error[i] >= ' ' && a->error[i] < 0x7f
			      ? (char)a->error[i]
			      : '.';
	text[n] = '\0';
}

/* Ends the benchmark with the error that was answered. */
static void
load_error(const struct load *l, const struct answer *a)
{
	char text[LOAD_ERROR];

	load_spell(a, text);
	cleanup_die("%s answered an error: %s", l->peer, text);
}

/* Results that go to files are ranges: each must be as long as the first. */
static void
load_keep_first(struct load *l, const struct answer *a)
{
	l->first_len =
	    a->result_len < sizeof l->first ? a->result_len : sizeof l->first;
	memcpy(l->first, a->result, l->first_len);
}

/* Checks that a result is the one that was expected. */
static void
load_check(struct load *l, const struct answer *a, uint32_t id)
{
	const struct form *f = l->form;
	uint8_t stamp[FORM_ID_BYTES] = {(uint8_t)(id >> 24),
	    (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};

	if (f->bare > 0)
		return; /* its number was all there is to check */
	if (a->error != NULL)
		load_error(l, a);
	if (l->result_len == 0)
		l->result_len = a->result_len;
	if (f->result_fds != NULL && l->first_len == 0)
		load_keep_first(l, a);
	if (a->result_len != l->result_len ||
	    memcmp(a->result, l->first, l->first_len) != 0 ||
	    memcmp(a->result, f->expect, f->expect_len) != 0)
		cleanup_die("%s gave a result of %zu bytes, not the %zu that "
			    "were expected",
		    l->peer, a->result_len, l->result_len);
	if (f->stamp_at != FORM_NOWHERE &&
	    memcmp(a->result + f->expect_len, stamp, sizeof stamp) != 0)
		cleanup_die("%s gave the result of another request", l->peer);
}

/* Takes one answer: known, outstanding, and right. */
static void
load_take(struct load *l, const struct answer *a)
{
	uint32_t id = (uint32_t)a->id, place = id & FORM_PLACE_MASK;

	if (a->id > UINT32_MAX || place >= l->window || !l->busy[place] ||
	    l->ids[place] != id)
		cleanup_die("%s answered %llu, which was not asked", l->peer,
		    (unsigned long long)a->id);
	load_check(l, a, id);
	if (l->late_us != NULL)
		samples_add(l->late_us,
		    (double)(clock_ns() - l->due_ns[place]) / CLOCK_NS_PER_US);
	l->busy[place] = false;
	l->free[l->n_free++] = place;
	l->n++;
}

size_t
load_receive(struct load *l, int flags)
{
	struct answer a;
	size_t n = 0;
	int rc = receiver_read(&l->receiver, l->fd, flags);

	if (rc < 0)
		cleanup_die("%s closed the connection: %s", l->peer,
		    errno != 0 ? strerror(errno) : "end of file");
	if (rc == 0 && (flags & MSG_DONTWAIT) == 0)
		cleanup_die("%s did not answer for %d s", l->peer, LOAD_WAIT_S);
	while (rc > 0 && (rc = receiver_next(&l->receiver, &a)) > 0) {
		load_take(l, &a);
		n++;
	}
	if (rc < 0)
		cleanup_die("%s sent what is no answer", l->peer);
	return n;
}

/*
 * Takes answers; when not all was sent, waits for either direction. With
 * nothing left to send a blocking read is the shortest way.
 */
static void
load_wait(struct load *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN | POLLOUT};

	if (!sender_pending(&l->sender)) {
		load_receive(l, 0);
		return;
	}
	if (load_receive(l, MSG_DONTWAIT) > 0)
		return;
	if (poll(&p, 1, LOAD_WAIT_S * 1000) == 0)
		cleanup_die("%s did not move for %d s", l->peer, LOAD_WAIT_S);
}

/* Fills the window, as far as requests can wait, and sends. */
static void
load_push(struct load *l)
{
	while (l->n_free > 0 && sender_has_room(&l->sender))
		load_add(l);
	load_send(l);
}

void
load_turn(struct load *l)
{
	load_push(l);
	load_wait(l);
	if (l->shared != NULL)
		*l->shared = l->n;
}

void
load_fill(struct load *l)
{
	load_push(l);
	while (sender_pending(&l->sender) || l->n_free > 0) {
		if (sender_pending(&l->sender))
			load_wait(l);
		load_push(l);
	}
}

void
load_drain(struct load *l)
{
	while (l->n_free < l->window) {
		load_send(l);
		load_wait(l);
	}
}

bool
load_is_taken(int fd, const struct form *form, char text[LOAD_ERROR])
{
	struct load l;
	struct answer a = {.error = NULL};
	bool is;

	load_init(&l, fd, "morod", form, 1);
	load_add(&l);
	while (sender_pending(&l.sender))
		load_send(&l);
	while (receiver_next(&l.receiver, &a) == 0) {
		if (receiver_read(&l.receiver, fd, 0) <= 0)
			cleanup_die("morod did not answer");
	}
	is = a.error == NULL;
	if (is)
		load_take(&l, &a);
	else
		load_spell(&a, text);
	load_clear(&l);
	return is;
}

/* Turns until the time has come; notes latencies and placement. */
static uint64_t
load_until(struct load *l, struct load_run *run, uint64_t end, bool noted)
{
	uint64_t now = clock_ns(), then, n;

	while (now < end) {
		if (run->watch != NULL && placement_look(run->watch, now))
			now = clock_ns(); /* looking is not part of a call */
		n = l->n;
		do
			load_turn(l);
		while (run->latency_us != NULL && l->n == n);
		then = clock_ns();
		if (noted && run->latency_us != NULL)
			samples_add(run->latency_us,
			    (double)(then - now) / CLOCK_NS_PER_US);
		now = then;
	}
	return now;
}

void
load_measure(struct load *l, struct load_run *run)
{
	uint64_t begin = clock_ns(), end, n;

	begin = load_until(l, run, begin + run->warm_ns, false);
	n = l->n;
	if (run->watch != NULL)
		placement_begin(run->watch);
	end = load_until(l, run, begin + run->run_ns, true);
	run->rate = (double)(l->n - n) * CLOCK_NS_PER_S / (double)(end - begin);
	load_drain(l);
}

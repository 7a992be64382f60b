#include "tools/bench-paced.h"

#include <poll.h>
#include <sys/socket.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-load.h"

#define PACED_WINDOW ((size_t)4096) /* late calls beyond that leave later */
#define PACED_PATIENCE_NS (10 * CLOCK_NS_PER_S) /* after the last is due */

/* Waits for answers until a time. */
static void
paced_wait(struct load *l, uint64_t until)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	uint64_t now = clock_ns();
	struct timespec t = {0, 0};

	if (sender_pending(&l->sender))
		p.events |= POLLOUT;
	if (until > now) {
		t.tv_sec = (time_t)((until - now) / CLOCK_NS_PER_S);
		t.tv_nsec = (long)((until - now) % CLOCK_NS_PER_S);
	}
	if (ppoll(&p, 1, &t, NULL) > 0 && (p.revents & ~POLLOUT) != 0)
		load_receive(l, MSG_DONTWAIT);
}

void
paced_run(int fd, const char *peer, const struct form *form, size_t n,
    uint64_t interval_ns, struct samples *late_us, struct samples *timer_us)
{
	uint64_t due = clock_ns() + interval_ns, end = 0, now;
	struct load l;

	load_init(&l, fd, peer, form, PACED_WINDOW);
	load_note_due(&l, late_us);
	while (n > 0 || l.n_free < l.window) {
		while (n > 0 && l.n_free > 0 && (now = clock_ns()) >= due) {
			if (timer_us != NULL)
				samples_add(timer_us,
				    (double)(now - due) / CLOCK_NS_PER_US);
			load_add_due(&l, due);
			due += interval_ns;
			n--;
		}
		load_send(&l);
		if (n == 0 && end == 0)
			end = clock_ns() + PACED_PATIENCE_NS;
		if (end != 0 && clock_ns() > end)
			cleanup_die("%s does not answer", peer);
		paced_wait(&l, n > 0 ? due : end);
	}
	load_clear(&l);
}

#include "tools/interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define INTERRUPT_N 2

static const int interrupt_signals[INTERRUPT_N] = {SIGINT, SIGTERM};

static volatile sig_atomic_t interrupt_came; /* how many */
static volatile sig_atomic_t interrupt_first; /* the first one's number */

static struct sigaction interrupt_old[INTERRUPT_N];
static sigset_t interrupt_mask; /* the one before */

/* Counts. */
static void
interrupt_cb(int sig)
{
	if (interrupt_came == 0)
		interrupt_first = sig;
	interrupt_came = interrupt_came + 1;
}

void
interrupt_begin(void)
{
	struct sigaction act = {.sa_handler = interrupt_cb};
	sigset_t set;

	interrupt_came = 0;
	interrupt_first = 0;
	sigemptyset(&set);
	for (int i = 0; i < INTERRUPT_N; i++)
		sigaddset(&set, interrupt_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &interrupt_mask);
	for (int i = 0; i < INTERRUPT_N; i++) {
		sigaction(interrupt_signals[i], NULL, &interrupt_old[i]);
		if (interrupt_old[i].sa_handler != SIG_IGN)
			sigaction(interrupt_signals[i], &act, NULL);
	}
}

void
interrupt_end(void)
{
	for (int i = 0; i < INTERRUPT_N; i++)
		sigaction(interrupt_signals[i], &interrupt_old[i], NULL);
	sigprocmask(SIG_SETMASK, &interrupt_mask, NULL);
}

int
interrupt_poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	struct timespec ts = {.tv_sec = timeout_ms / 1000,
	    .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
	sigset_t open = interrupt_mask;

	for (int i = 0; i < INTERRUPT_N; i++)
		sigdelset(&open, interrupt_signals[i]);
	return ppoll(p, n, timeout_ms < 0 ? NULL : &ts, &open);
}

int
interrupt_count(void)
{
	return interrupt_came;
}

int
interrupt_signal(void)
{
	return interrupt_first;
}

void
interrupt_die(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

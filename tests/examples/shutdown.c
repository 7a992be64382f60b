/*
 * The guide's "Graceful Shutdown", of a program and of the server below it: a
 * program with tasks under way, which ends without losing one. On SIGTERM, and
 * when the server says that it shuts down, it submits nothing more, waits for
 * the answers to what it has submitted, and ends.
 *
 * Whether the server is to end too is another question: moro_shutdown() asks
 * it to, or SIGTERM to morod. Mostly it stays for others. A server that is
 * drained first (shutdown.sh) tells everybody no; one that just ends may close
 * the connection before it has read the last requests. Whether those ran, their
 * program cannot know: it submits them again when that does no harm.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <moro.h>

#define UNDER_WAY 4

/* The signal handler writes a byte here, which ends the wait in poll(). */
static int wakeup[2];

struct program {
	unsigned long submitted, answered, refused, lost;
	int stopping; /* submits nothing more */
	int server_ends; /* that is why */
};

static void
signal_cb(int sig)
{
	int saved = errno;

	(void)sig;
	if (write(wakeup[1], "", 1) == -1)
		return;
	errno = saved;
}

static void
stop_with_server(struct program *p)
{
	p->stopping = 1;
	p->server_ends = 1;
}

/* Takes an answer. Each request has exactly one, whatever happens. */
static void
answer_cb(struct moro *m, struct moro_reply *r, void *user)
{
	struct program *p = user;

	(void)m;
	switch (moro_reply_code(r)) {
	case MORO_SHUTTING_DOWN: /* it was not accepted */
		p->refused++;
		stop_with_server(p);
		break;
	case MORO_LOST: /* it may have run */
		p->lost++;
		stop_with_server(p);
		break;
	default:
		if (p->answered++ == 0) {
			printf("working\n");
			fflush(stdout);
		}
	}
	moro_reply_free(r);
}

/* Keeps some tasks under way. */
static void
submit_more(struct moro *m, struct program *p)
{
	struct moro_map *data = moro_map_new(), *params = moro_map_new();

	moro_map_number(params, "n", 100000);
	moro_map_text(data, "operation", "fibonacci");
	moro_map_map(data, "params", params);
	while (!p->stopping && moro_outstanding(m) < UNDER_WAY) {
		if (moro_submit(m, "heavy:computation", moro_map_data(data),
			moro_map_size(data), NULL, answer_cb, p) == 0)
			stop_with_server(p); /* the connection is gone */
		else
			p->submitted++;
	}
	moro_map_free(params);
	moro_map_free(data);
}

/* Waits for an answer or a signal. */
static void
wait_for_news(struct moro *m, struct program *p)
{
	struct pollfd fds[2] = {{.fd = moro_fd(m)}, {.fd = wakeup[0]}};
	int events = moro_events(m);

	fds[0].events = (short)((events & MORO_READ ? POLLIN : 0) |
				(events & MORO_WRITE ? POLLOUT : 0));
	if (!p->stopping)
		fds[1].events = POLLIN;
	if (poll(fds, 2, -1) > 0 && fds[1].revents != 0) {
		printf("SIGTERM: finishing %zu tasks\n", moro_outstanding(m));
		p->stopping = 1;
	}
	moro_dispatch(m);
}

int
main(void)
{
	struct sigaction action = {.sa_handler = signal_cb};
	struct program p = {0};
	struct moro *m = moro_new();

	if (pipe(wakeup) == -1 || sigaction(SIGTERM, &action, NULL) == -1 ||
	    sigaction(SIGINT, &action, NULL) == -1) {
		perror("signals");
		return 1;
	}
	if (moro_connect(m, NULL) == -1) {
		fprintf(stderr, "%s\n", moro_errstr(m));
		moro_free(m);
		return 1;
	}
	submit_more(m, &p);
	while (moro_outstanding(m) > 0) {
		wait_for_news(m, &p);
		submit_more(m, &p);
	}
	if (p.server_ends)
		printf("the server is shutting down\n");
	printf("submitted %lu, answered %lu, refused %lu, lost %lu\n",
	    p.submitted, p.answered, p.refused, p.lost);
	moro_free(m);
	return 0;
}

#include "server/tail.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"
#include "server/loop.h"
#include "server/now.h"

#define TAIL_TURN ((size_t)64 << 10) /* bytes in one turn: what a pipe holds */
#define TAIL_REST ((size_t)1 << 20) /* of a dead worker: the largest pipe */
/*
 * A worker that prints without end is not to keep the dispatcher busy: while
 * its lines are thrown away the pipe is emptied once in so long.
 */
#define TAIL_PACE_MS 1

struct tail_text {
	size_t len; /* of the line that is not complete yet */
	bool cut; /* it was longer */
	char line[TAIL_LINE];
	uint32_t
	    n; /* lines kept so far, of which the last TAIL_KEPT are there */
	char kept[TAIL_KEPT][TAIL_KEPT_LINE];
};

/* The dispatcher has one thread. */
static char tail_bytes[TAIL_TURN];

static void
tail_context(const struct tail *t, struct log_context *c, char *role,
    size_t size)
{
	snprintf(role, size, "worker %u", t->slot + 1);
	*c = (struct log_context){.role = role, .pid = t->pid};
	log_line_number(c, "slot", t->slot + 1);
	log_line_implied(c);
}

/* Says how many lines were left out, if any. */
static void
tail_say_left_out(struct tail *t)
{
	uint64_t n = log_limit_left_out(&t->limit);
	struct log_context c;
	char role[32];

	if (n == 0)
		return;
	tail_context(t, &c, role, sizeof role);
	log_event(LEVEL_INFO, &c, "%" PRIu64 " lines left out", n);
}

static void
tail_summary_cb(void *owner, uint64_t now)
{
	tail_say_left_out(owner);
}

/* Logs a line, unless there were too many. */
static void
tail_log(struct tail *t, const char *line, size_t len, bool cut)
{
	uint64_t now = loop_now(t->loop);
	char role[32], text[TAIL_LINE + 1];
	struct log_context c;

	if (!log_limit_take(&t->limit, now)) {
		if (!deadline_is_set(&t->summary))
			deadline_set(t->loop->deadlines, &t->summary, now,
			    log_limit_wait(&t->limit, now));
		return;
	}
	if (!log_is_on(LEVEL_INFO))
		return;
	tail_context(t, &c, role, sizeof role);
	log_line_clean(text, sizeof text, line, len);
	log_event(LEVEL_INFO, &c, "%s%s", text, cut ? "..." : "");
}

/* A line is complete: logs and keeps it. Empty ones say nothing. */
static void
tail_line(struct tail *t)
{
	struct tail_text *text = t->text;
	size_t len = text->len;

	text->len = 0;
	if (len > 0 && text->line[len - 1] == '\r')
		len--;
	if (len == 0)
		return;
	tail_log(t, text->line, len, text->cut);
	log_line_clean(text->kept[text->n % TAIL_KEPT], TAIL_KEPT_LINE,
	    text->line, len);
	text->n++;
	text->cut = false;
}

/* Adds bytes to the line that is not complete yet. */
static void
tail_add(struct tail_text *text, const char *bytes, size_t len)
{
	size_t room = TAIL_LINE - text->len;

	if (len > room) {
		len = room;
		text->cut = true;
	}
	memcpy(text->line + text->len, bytes, len);
	text->len += len;
}

/*
 * There is no room in the log: passes over what is neither logged nor kept,
 * which is all but the last lines. Returns the bytes passed.
 */
static size_t
tail_skip(struct tail *t, const char *bytes, size_t len)
{
	size_t left = len, lines = 0;

	for (int i = 0; i <= TAIL_KEPT; i++) {
		const char *end = memrchr(bytes, '\n', left);

		if (end == NULL)
			return 0;
		left = (size_t)(end - bytes);
	}
	for (size_t i = 0; i <= left; i++)
		lines += bytes[i] == '\n';
	t->limit.left_out += lines;
	t->text->len = 0;
	t->text->cut = false;
	return left + 1;
}

/* Takes what the worker has printed. */
static void
tail_feed(struct tail *t, const char *bytes, size_t len)
{
	bool skipped = false;

	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end != NULL ? (size_t)(end - bytes) : len;

		tail_add(t->text, bytes, n);
		if (end == NULL)
			return;
		tail_line(t);
		bytes += n + 1;
		len -= n + 1;
		if (!skipped &&
		    !log_limit_has_room(&t->limit, loop_now(t->loop))) {
			n = tail_skip(t, bytes, len);
			bytes += n;
			len -= n;
			skipped = true;
		}
	}
}

/* Reads and listens no more. */
static void
tail_close(struct tail *t)
{
	if (t->fd == -1)
		return;
	deadline_unset(t->loop->deadlines, &t->pace);
	event_free(t->event);
	close(t->fd);
	t->fd = -1;
}

/*
 * Reads once. Returns the bytes read; 0 when there are none now, or at the end,
 * which closes it.
 */
static size_t
tail_read(struct tail *t)
{
	ssize_t n = read(t->fd, tail_bytes, sizeof tail_bytes);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		tail_close(t);
		return 0;
	}
	if (t->text == NULL)
		t->text = calloc(1, sizeof *t->text);
	/* without memory its words are lost, and it goes on */
	if (t->text != NULL)
		tail_feed(t, tail_bytes, (size_t)n);
	return (size_t)n;
}

static void
tail_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct tail *t = arg;
	uint64_t now = loop_now(t->loop);

	if (tail_read(t) == 0 || log_limit_has_room(&t->limit, now))
		return;
	deadline_set(t->loop->deadlines, &t->pace, now, TAIL_PACE_MS);
	event_del(t->event);
}

static void
tail_pace_cb(void *owner, uint64_t now)
{
	struct tail *t = owner;

	event_add(t->event, NULL); /* its memory is there already */
	tail_read_cb(t->fd, EV_READ, t);
}

int
tail_init(struct tail *t, struct loop *loop, uint32_t slot, pid_t pid, int fd)
{
	*t = (struct tail){.fd = fd, .loop = loop, .slot = slot, .pid = pid};
	log_limit_init(&t->limit, TAIL_LINES_A_SECOND);
	deadline_init(&t->summary, tail_summary_cb, t);
	deadline_init(&t->pace, tail_pace_cb, t);
	t->event =
	    event_new(loop->base, fd, EV_READ | EV_PERSIST, tail_read_cb, t);
	if (t->event != NULL && event_add(t->event, NULL) == 0)
		return 0;
	if (t->event != NULL)
		event_free(t->event);
	close(fd);
	t->fd = -1;
	return -1;
}

void
tail_end(struct tail *t)
{
	size_t rest = 0, n;

	while (t->fd != -1 && rest < TAIL_REST && (n = tail_read(t)) > 0)
		rest += n;
	tail_close(t);
	if (t->text != NULL)
		tail_line(t); /* the last one may have no end */
	if (t->loop == NULL)
		return;
	deadline_unset(t->loop->deadlines, &t->summary);
	tail_say_left_out(t);
}

void
tail_wait(struct tail *t, int pidfd, uint64_t until)
{
	uint64_t now, left;

	while (t->fd != -1 && (now = now_ms()) < until) {
		struct pollfd fds[] = {
		    {t->fd, POLLIN, 0},
		    {pidfd, POLLIN, 0},
		};

		left = until - now;
		if (poll(fds, 2, left < INT_MAX ? (int)left : INT_MAX) <= 0)
			continue;
		if (fds[0].revents != 0)
			tail_read(t);
		if (fds[1].revents != 0)
			return; /* what is left is for tail_end() */
	}
}

void
tail_clear(struct tail *t)
{
	tail_end(t);
	free(t->text);
	t->text = NULL;
}

const char *
tail_last(const struct tail *t, unsigned int i)
{
	const struct tail_text *text = t->text;

	if (text == NULL || i >= TAIL_KEPT || i >= text->n)
		return NULL;
	return text->kept[(text->n - 1 - i) % TAIL_KEPT];
}

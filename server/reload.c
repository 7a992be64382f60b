#include "server/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/answer.h"
#include "server/channel.h"
#include "server/config-keys.h"
#include "server/log.h"
#include "server/pool.h"
#include "server/role.h"

#define RELOAD_TEXT_MAX ((size_t)4 << 20) /* bytes of what is handed over */
#define RELOAD_LINE 300 /* bytes of a line of the report in an answer */

/* Descriptors that come with MSG_MASTER_RELOADED, in this order. */
enum reload_fd {
	RELOAD_REPORT, /* what there is to say, lines */
	RELOAD_CONFIG, /* the configuration, if it is a good one */
	RELOAD_FDS,
};

/* Makes a file of text in memory. -1 with errno. */
static int
reload_memfd(const char *text)
{
	size_t len = strlen(text), at = 0;
	int fd = memfd_create("morod-config", MFD_CLOEXEC);

	while (fd != -1 && at < len) {
		ssize_t n = write(fd, text + at, len - at);

		if (n == -1 && errno != EINTR) {
			close(fd);
			return -1;
		}
		at += n > 0 ? (size_t)n : 0;
	}
	return fd;
}

/* Tells the dispatcher, with what there is: the report, the configuration. */
static void
reload_send(int channel, int fds[RELOAD_FDS])
{
	struct message m = {.type = MSG_MASTER_RELOADED};
	size_t n = fds[RELOAD_REPORT] != -1;

	m.n = fds[RELOAD_CONFIG] != -1;
	if (m.n != 0)
		n = RELOAD_FDS;
	if (channel != -1 && channel_send(channel, &m, fds, n, 0) == -1)
		log_debug("dispatcher is gone, ignoring: %s", strerror(errno));
	for (size_t i = 0; i < RELOAD_FDS; i++) {
		if (fds[i] != -1)
			close(fds[i]);
	}
}

/* What the dispatcher is handed of a good configuration. False: it cannot be. */
static bool
reload_pack(const struct config *new, const char *report, int fds[RELOAD_FDS])
{
	char *text = config_text(new);

	fds[RELOAD_REPORT] = reload_memfd(report);
	fds[RELOAD_CONFIG] = text != NULL ? reload_memfd(text) : -1;
	free(text);
	if (fds[RELOAD_REPORT] != -1 && fds[RELOAD_CONFIG] != -1)
		return true;
	log_error("cannot hand the configuration over: %s", strerror(errno));
	if (fds[RELOAD_CONFIG] != -1)
		close(fds[RELOAD_CONFIG]);
	fds[RELOAD_CONFIG] = -1;
	return false;
}

/* Logs the lines of a report. */
static void
reload_log(const char *report, bool ok)
{
	while (*report != '\0') {
		size_t len = strcspn(report, "\n");

		if (ok)
			log_warning("%.*s", (int)len, report);
		else
			log_error("%.*s", (int)len, report);
		report += len + (report[len] == '\n');
	}
	if (ok)
		log_info("the configuration was read again");
	else
		log_error("the configuration stays as it was");
}

struct config *
reload_read(const struct config *old, int channel)
{
	struct config *new = calloc(1, sizeof *new);
	int fds[RELOAD_FDS] = {-1, -1};
	char *report = NULL;
	size_t len;
	FILE *out = open_memstream(&report, &len);
	bool ok = false;

	if (new != NULL && out != NULL)
		ok = config_reload(old, new, out) == 0;
	else
		log_error("no memory to read the configuration");
	if (out != NULL)
		fclose(out);
	if (ok && report == NULL) {
		log_error("no memory to report on the configuration");
		config_clear(new);
		ok = false;
	}
	if (!ok && report != NULL)
		fds[RELOAD_REPORT] = reload_memfd(report);
	else if (ok && !reload_pack(new, report, fds)) {
		config_clear(new);
		ok = false;
	}
	reload_log(report != NULL ? report : "", ok);
	reload_send(channel, fds);
	free(report);
	if (ok)
		return new;
	free(new);
	return NULL;
}

/* Somebody who waits for the master. */
struct reload_wait {
	TAILQ_ENTRY(reload_wait) link;
	uint64_t client; /* its number */
	uint64_t msgid;
};

bool
reload_is_awaited(const struct dispatcher *d, uint64_t client)
{
	const struct reload_wait *w;

	TAILQ_FOREACH(w, &d->reloads, link) {
		if (w->client == client)
			return true;
	}
	return false;
}

void
control_reload(struct control *ctl)
{
	struct dispatcher *d = ctl->dispatcher;
	struct reload_wait *w;

	if (d->draining) {
		fault_set(&ctl->fault, CODE_SHUTTING_DOWN, NULL,
		    "morod ends, and reads no configuration any more");
		control_refuse(ctl);
		return;
	}
	log_info("reload asked by pid %d, uid %u", (int)ctl->client->pid,
	    (unsigned int)ctl->client->uid);
	d->reload_asked = true;
	if (control_is_notify(ctl))
		return;
	w = malloc(sizeof *w);
	if (w == NULL) {
		control_agree(ctl); /* what comes of it is in the log */
		return;
	}
	w->client = ctl->client->number;
	w->msgid = ctl->m->frame->msgid;
	TAILQ_INSERT_TAIL(&d->reloads, w, link);
}

void
reload_report(struct dispatcher *d)
{
	if (d->reload_asked)
		d->reload_asked =
		    dispatcher_tell(d, MSG_DISPATCHER_RELOAD, 0, 0) == -1;
}

/* Answers who asked. */
static void
reload_answer(struct client *c, uint64_t msgid, bool ok, const char *report)
{
	int len =
	    (int)strlen(report) - 1; /* without the end of its last line */
	struct fault fault;
	struct answer a;

	if (!ok) {
		fault_set(&fault, CODE_INVALID_ARGUMENT, "config",
		    "the configuration stays as it was: %.*s",
		    len < 0		? 0
		    : len < RELOAD_LINE ? len
					: RELOAD_LINE,
		    report);
		answer_fault(c, msgid, &fault);
		return;
	}
	answer_begin(&a, msgid);
	msgpack_pack_map(&a.pk, 1);
	answer_text(&a.pk, "warnings");
	answer_text(&a.pk, report);
	answer_end(&a, c);
}

/* The client that waits, if it is still there; or NULL. */
static struct client *
reload_client(const struct dispatcher *d, const struct reload_wait *w)
{
	struct client *c;

	TAILQ_FOREACH(c, &d->clients, link) {
		if (c->number == w->client)
			break;
	}
	return c;
}

static void
reload_answer_all(struct dispatcher *d, bool ok, const char *report)
{
	struct reload_wait *w;
	struct client *c;

	while ((w = TAILQ_FIRST(&d->reloads)) != NULL) {
		TAILQ_REMOVE(&d->reloads, w, link);
		c = reload_client(d, w);
		if (c != NULL)
			reload_answer(c, w->msgid, ok, report);
		free(w);
	}
}

void
reload_refuse_all(struct dispatcher *d)
{
	struct reload_wait *w;
	struct fault fault;
	struct client *c;

	while ((w = TAILQ_FIRST(&d->reloads)) != NULL) {
		TAILQ_REMOVE(&d->reloads, w, link);
		c = reload_client(d, w);
		fault_set(&fault, CODE_SHUTTING_DOWN, NULL,
		    "morod ends, and the configuration was not read");
		if (c != NULL)
			answer_fault(c, w->msgid, &fault);
		free(w);
	}
}

/* Reads a file of text that the master made; the caller frees it. */
static char *
reload_text(int fd)
{
	struct stat st;
	char *text;
	ssize_t n = -1;

	if (fstat(fd, &st) == -1 || (size_t)st.st_size > RELOAD_TEXT_MAX)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	if (text != NULL)
		n = pread(fd, text, (size_t)st.st_size, 0);
	if (n != st.st_size) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* Has the pools and types do as the new configuration says. */
static void
reload_apply(struct dispatcher *d, struct config *new)
{
	const struct config *old = d->config;
	/* what is made with a key from now on is made with its new version */
	bool at_once = !config_keys_same(old, new);
	size_t i = 0;
	struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		const struct config_range was = p->config->workers;
		const struct pool_config *is = &new->pools[i];

		new->pools[i++].slots = p->n_slots;
		p->config = is;
		p->queue.weights = new->weights;
		if (is->workers.min != was.min || is->workers.max != was.max)
			pool_set_bounds(p, (uint32_t)is->workers.min,
			    (uint32_t)is->workers.max);
		if (at_once && is->command == NULL && is->exec == NULL)
			pool_renew_at_once(p);
		else
			pool_renew(p);
	}
	for (i = 0; i < new->n_tasks; i++) {
		const char *name = new->tasks[i].type->name;
		struct route *r = route_find(d->routes, name, strlen(name));

		if (r == NULL)
			continue;
		route_configure(r, &new->tasks[i]);
	}
	if (new->log_level != old->log_level)
		log_set_level((enum log_level) new->log_level);
	dispatcher_configure(d, new);
	role_give_all(d);
}

void
reload_take(struct dispatcher *d, bool ok, const int *fds, size_t n)
{
	char *report =
	    n > RELOAD_REPORT ? reload_text(fds[RELOAD_REPORT]) : NULL;
	char *text = n > RELOAD_CONFIG ? reload_text(fds[RELOAD_CONFIG]) : NULL;
	struct config *new = calloc(1, sizeof *new);

	if (ok && (text == NULL || new == NULL ||
		      config_parse_text(new, "the configuration", text,
			  strlen(text), stderr) == -1)) {
		log_error(
		    "the configuration did not arrive; the old one stays");
		ok = false;
	}
	if (ok) {
		reload_apply(d, new);
		reload_clear(d);
		d->reloaded = new;
	} else {
		free(new);
	}
	reload_answer_all(d, ok, report != NULL ? report : "");
	free(text);
	free(report);
}

void
reload_clear(struct dispatcher *d)
{
	if (d->reloaded != NULL)
		config_clear(d->reloaded);
	free(d->reloaded);
	d->reloaded = NULL;
}

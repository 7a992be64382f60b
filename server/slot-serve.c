/*
 * Workers that dial in. There is a connection and no process of ours: its page
 * is the dispatcher's own, to be given up is to be closed, and what the master
 * does at a death is done here.
 */

#include "server/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/client.h"
#include "server/dispatcher.h"
#include "server/log.h"
#include "server/slot-parts.h"

/* Nothing more is coming from it, nor goes to it: it is gone. */
static void
slot_gone_cb(void *owner, uint64_t now)
{
	struct slot *s = owner;
	struct slot_link *w = s->worker;
	struct message m = {
	    .slot = s->number,
	    .pid = w->pid,
	    .status = SLOT_LEFT,
	    .n = CHANNEL_NO_NEXT,
	};

	/* it may live, and write for ever: what is there now counts */
	shutdown(w->conn.fd, SHUT_RD);
	slot_wind_up(s, &m);
	/* who has nothing to do may leave at any time */
	if (s->cause[0] == '\0' && w->obituary.task.type[0] == '\0')
		w->killed = true;
	s->restarts += !w->killed;
	obituary_write(s, &m);
	pool_unseat(s);
	slot_forget(s);
	s->pool->attention = true;
}

void
slot_close(struct slot *s)
{
	struct loop *l = &slot_dispatcher(s)->loop;

	if (deadline_is_set(&s->worker->ready))
		return;
	/* not at once: who gives it up may have more to do with its tasks */
	deadline_set(l->deadlines, &s->worker->ready, loop_now(l), 0);
}

/* Makes the link. NULL with errno. */
static struct slot_link *
slot_serve_link(struct slot *s, const struct client *c)
{
	struct dispatcher *d = slot_dispatcher(s);
	struct limits limits = slot_limits(d);
	struct slot_link *w = calloc(1, sizeof *w);
	int fd = fcntl(c->conn.fd, F_DUPFD_CLOEXEC, 0);
	void *page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (w != NULL && fd != -1 && page != MAP_FAILED &&
	    conn_init(&w->conn, &d->loop, &slot_ops, fd, &limits) == 0) {
		w->page = page;
		return w;
	}
	free(w);
	if (fd != -1)
		close(fd);
	if (page != MAP_FAILED)
		munmap(page, sizeof(struct page));
	return NULL;
}

int
slot_serve(struct slot *s, struct client *c, uint64_t offers)
{
	struct slot_link *w = slot_serve_link(s, c);

	if (w == NULL)
		return -1;
	w->slot = s;
	w->pid = c->pid;
	w->pidfd = -1;
	w->tail.fd = -1;
	w->offers = offers;
	deadline_init(&w->ready, slot_gone_cb, s);
	s->worker = w;
	slot_begin_life(s);
	slot_become_ready(s);
	conn_inherit(&w->conn, &c->conn);
	log_info("worker %u dials in to pool %s: pid %d, uid %u", s->number + 1,
	    s->pool->config->name, (int)c->pid, (unsigned int)c->uid);
	client_close(c);
	return 0;
}

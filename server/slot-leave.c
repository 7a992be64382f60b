/* How a worker leaves: by itself, so that it can tidy up, or else it is killed. */
#include "server/slot-parts.h"

#include <stdio.h>
#include <sys/socket.h>

#include "server/process.h"

#define LEAVE_LINGER_MS 500 /* an interpreter tidies up before it ends */

/* Its channel is closed, and it goes on. */
static void
leave_late_cb(void *owner, uint64_t now)
{
	struct slot *s = owner;

	if (s->cause[0] == '\0' && !s->worker->killed)
		snprintf(s->cause, sizeof s->cause, "it closed its channel");
	process_kill(s->worker->pidfd);
}

void
slot_linger(struct slot *s)
{
	struct loop *l = &slot_dispatcher(s)->loop;

	if (s->state == SLOT_DYING)
		return;
	slot_change(s, SLOT_DYING);
	deadline_unset(l->deadlines, &s->worker->ready);
	deadline_init(&s->worker->ready, leave_late_cb, s);
	deadline_set(l->deadlines, &s->worker->ready, loop_now(l),
	    LEAVE_LINGER_MS);
}

void
slot_dismiss(struct slot *s)
{
	if (s->worker != NULL)
		shutdown(s->worker->conn.fd, SHUT_WR);
}

void
slot_see_off(struct slot *s)
{
	s->worker->killed = s->worker->executed = true;
	slot_dismiss(s);
	slot_linger(s);
}

/* Methods that stop and start things, for admins. */

#include "server/control-parts.h"

#include <string.h>

#include "server/answer.h"
#include "server/log.h"
#include "server/pool.h"

/* Notes in the log who asked for what. */
static void
admin_log(const struct control *ctl, const char *what)
{
	log_info("%s asked by pid %d, uid %u", what, (int)ctl->client->pid,
	    (unsigned int)ctl->client->uid);
}

static bool
shutdown_now(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	if (value->type == READER_BOOL) {
		*(bool *)to = value->n != 0;
		return true;
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "now takes true or false, not %s", reader_type_name(value->type));
	fault_add_text(&ctl->fault, "field", "now");
	return false;
}

static const struct control_key shutdown_keys[] = {
    {"now", shutdown_now},
    {NULL, NULL},
};

void
control_shutdown(struct control *ctl)
{
	struct dispatcher *d = ctl->dispatcher;
	struct reader r;
	struct item map = control_argument(ctl, &r);
	bool now = false;

	if (map.type != READER_NIL && map.type != READER_MAP) {
		control_invalid(ctl, "shutdown", "a map with now", map.type);
		return;
	}
	if (map.type == READER_MAP &&
	    !control_read_map(ctl, &r, map.n, shutdown_keys, &now, false)) {
		control_refuse(ctl);
		return;
	}
	admin_log(ctl, now ? "shutdown, now," : "shutdown");
	dispatcher_drain(d);
	d->shutdown_asked = true;
	d->shutdown_now = d->shutdown_now || now;
	control_agree(ctl);
}

void
control_drain(struct control *ctl)
{
	admin_log(ctl, "drain");
	ctl->dispatcher->closed = true;
	control_agree(ctl);
}

/* Pauses all pools, or has everything go on. */
static void
admin_pause_all(struct dispatcher *d, bool paused)
{
	struct route *r, *next;
	struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		p->paused = paused;
		if (!paused)
			p->queue.held = 0;
	}
	if (paused)
		return;
	d->closed = d->draining; /* that has no end */
	HASH_ITER(hh, d->routes, r, next)
	route_set_hold(r, ROUTE_PAUSED, false);
}

/* Pauses tasks of one priority, or has them go on. False: it is none. */
static bool
admin_pause_priority(struct dispatcher *d, const struct item *name, bool paused)
{
	struct pool *p;
	unsigned int bit = 0;

	for (int i = 0; i < PRIORITY_N; i++) {
		if (reader_is(name, priority_name((enum priority)i)))
			bit = 1u << i;
	}
	if (bit == 0)
		return false;
	TAILQ_FOREACH(p, &d->pools, link) {
		if (paused)
			p->queue.held |= (uint8_t)bit;
		else
			p->queue.held &= (uint8_t)~bit;
	}
	return true;
}

/* pause and resume differ in one word. */
static void
admin_pause(struct control *ctl, const char *method, bool paused)
{
	struct dispatcher *d = ctl->dispatcher;
	struct reader r;
	struct item name = control_argument(ctl, &r);
	struct route *route = NULL;

	if (name.type != READER_NIL && !reader_text(&name)) {
		control_invalid(ctl, "type", "a task type's name", name.type);
		return;
	}
	if (admin_pause_priority(d, &name, paused)) {
		log_info("%s of %.*s tasks asked by pid %d, uid %u", method,
		    (int)name.n, name.bytes, (int)ctl->client->pid,
		    (unsigned int)ctl->client->uid);
		control_agree(ctl);
		return;
	}
	if (reader_text(&name)) {
		route = route_find(d->routes, name.bytes, name.n);
		if (route == NULL) {
			control_unknown_type(ctl, &name);
			return;
		}
	}
	log_info("%s of %s asked by pid %d, uid %u", method,
	    route != NULL ? route->name : "all", (int)ctl->client->pid,
	    (unsigned int)ctl->client->uid);
	if (route != NULL)
		route_set_hold(route, ROUTE_PAUSED, paused);
	else
		admin_pause_all(d, paused);
	control_agree(ctl);
}

void
control_pause(struct control *ctl)
{
	admin_pause(ctl, "pause", true);
}

void
control_resume(struct control *ctl)
{
	admin_pause(ctl, "resume", false);
}

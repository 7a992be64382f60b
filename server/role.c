#include "server/role.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/dispatcher.h"
#include "server/log.h"
#include "server/peer.h"
#include "server/pool.h"
#include "server/users.h"
#include "worker/registry.h"

#define ROLE_NO_TYPE UINT64_MAX /* all of them are denied */

/* The types that a list of their own keeps from somebody. */
static uint64_t
role_denied(const struct dispatcher *d, const struct peer *who)
{
	uint64_t denied = 0;

	for (size_t i = 0; i < d->config->n_tasks; i++) {
		const struct task_config *t = &d->config->tasks[i];

		if ((t->allow != NULL &&
			!users_allow(t->allow, who, d->socket_group)) ||
		    (t->deny != NULL &&
			users_allow(t->deny, who, d->socket_group)))
			denied |= UINT64_C(1) << registry_index(t->type);
	}
	return denied;
}

/* Whether there is a pool that somebody may dial in to. */
static bool
role_serves(const struct dispatcher *d, const struct peer *who)
{
	const struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		if (p->served &&
		    users_allow(p->config->serve, who, d->socket_group))
			return true;
	}
	return false;
}

static unsigned int
role_of(const struct dispatcher *d, const struct peer *who)
{
	unsigned int roles = 0;

	if (users_allow(d->config->submit, who, d->socket_group))
		roles |= ROLE_SUBMIT;
	if (users_allow(d->config->admin, who, d->socket_group))
		roles |= ROLE_ADMIN;
	if (role_serves(d, who))
		roles |= ROLE_SERVE;
	return roles;
}

int
role_give(struct client *c, int fd)
{
	const struct dispatcher *d = c->dispatcher;
	struct peer who;

	c->roles = 0;
	c->denied = ROLE_NO_TYPE;
	if (peer_of(fd, &who) == -1)
		return -1;
	c->uid = who.uid;
	c->pid = who.pid;
	c->roles = (uint8_t)role_of(d, &who);
	if (role_has(c, ROLE_SUBMIT))
		c->denied = role_denied(d, &who);
	peer_clear(&who);
	return 0;
}

void
role_give_all(struct dispatcher *d)
{
	struct client *c;

	d->n_strangers = 0;
	TAILQ_FOREACH(c, &d->clients, link) {
		if (role_give(c, c->conn.fd) == -1)
			log_error("no memory for the roles of client %" PRIu64
				  ", which has none now",
			    c->number);
		client_take_roles(c);
	}
}

bool
role_is_admin(const struct dispatcher *d, int fd)
{
	struct peer who;
	bool is;

	if (peer_of(fd, &who) == -1)
		return false;
	is = users_allow(d->config->admin, &who, d->socket_group);
	peer_clear(&who);
	return is;
}

bool
role_may_serve(const struct client *c, const struct pool *p)
{
	struct peer who;
	bool may;

	if (!role_has(c, ROLE_SERVE) || peer_of(c->conn.fd, &who) == -1)
		return false;
	may = users_allow(p->config->serve, &who, c->dispatcher->socket_group);
	peer_clear(&who);
	return may;
}

void
role_note(struct client *c, const struct fault *fault)
{
	c->dispatcher->counters.denied++;
	role_log(c, fault);
}

void
role_log(const struct client *c, const struct fault *fault)
{
	struct dispatcher *d = c->dispatcher;
	struct log_context context = {0};
	char more[LOG_LIMIT_MORE];

	if (!log_limit_take(&d->denied, loop_now(&d->loop)))
		return;
	log_limit_more(&d->denied, more);
	log_line_number(&context, "client", c->number);
	log_event(LEVEL_WARNING, &context,
	    "client (pid %d, uid %u) is refused: %s%s", (int)c->pid,
	    (unsigned int)c->uid, fault->message, more);
}

/* The section of a type, or NULL. */
static const struct task_config *
role_task(const struct dispatcher *d, const struct route *r)
{
	for (size_t i = 0; i < d->config->n_tasks; i++) {
		if (d->config->tasks[i].type == r->type)
			return &d->config->tasks[i];
	}
	return NULL;
}

void
role_refuse_task(struct client *c, const struct route *r, struct fault *fault)
{
	const struct dispatcher *d = c->dispatcher;
	const struct task_config *t = role_task(d, r);
	unsigned int uid = (unsigned int)c->uid;
	struct peer who = {.uid = c->uid};

	if (!role_has(c, ROLE_SUBMIT))
		fault_set(fault, CODE_PERMISSION_DENIED, NULL,
		    "tasks are taken from the users that submit names (%s), "
		    "and uid %u is none of them",
		    d->config->submit, uid);
	else if (t == NULL || t->allow == NULL ||
		 peer_of(c->conn.fd, &who) == -1 ||
		 users_allow(t->allow, &who, d->socket_group))
		fault_set(fault, CODE_PERMISSION_DENIED, NULL,
		    "%s is kept from the users that its deny names (%s), and "
		    "uid %u is one of them",
		    r->name, t != NULL && t->deny != NULL ? t->deny : "", uid);
	else
		fault_set(fault, CODE_PERMISSION_DENIED, NULL,
		    "%s is for the users that its allow names (%s), and uid "
		    "%u is none of them",
		    r->name, t->allow, uid);
	peer_clear(&who);
	fault_add_text(fault, "type", r->name);
	role_note(c, fault);
}

void
role_refuse_method(struct client *c, unsigned int roles, const char *method,
    struct fault *fault)
{
	const struct config *config = c->dispatcher->config;

	if (roles == ROLE_ADMIN)
		fault_set(fault, CODE_PERMISSION_DENIED, NULL,
		    "%s is for the users that admin names (%s), and uid %u is "
		    "none of them",
		    method, config->admin, (unsigned int)c->uid);
	else
		fault_set(fault, CODE_PERMISSION_DENIED, NULL,
		    "%s is for the users that submit names (%s) and admins, "
		    "and uid %u is none of them",
		    method, config->submit, (unsigned int)c->uid);
	role_note(c, fault);
}

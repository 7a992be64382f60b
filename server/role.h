#ifndef MORO_SERVER_ROLE_H
#define MORO_SERVER_ROLE_H

/*
 * Who may do what: the roles of a connection, by who it was that connected and
 * what the configuration says of users. They are worked out when it comes and
 * when the configuration is read again, so that asking costs nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/fault.h"
#include "server/client.h"

struct pool;
struct route;

enum role {
	ROLE_SUBMIT = 1 << 0, /* tasks, and looking after one's own */
	ROLE_ADMIN = 1 << 1, /* looks at all, stops and starts */
	ROLE_SERVE = 1 << 2, /* dials in as a worker of some pool */
};

/*
 * Works out what a client may do, whose socket is given: its connection may not
 * be open yet. Returns 0; -1: no memory, and it may do nothing.
 */
int role_give(struct client *c, int fd);

/* The same for all clients that there are: another configuration holds. */
void role_give_all(struct dispatcher *d);

/* Whether somebody who has just connected has a role; he is no client yet. */
bool role_is_admin(const struct dispatcher *d, int fd);

/* Whether it has one of the roles. */
static inline bool
role_has(const struct client *c, unsigned int roles)
{
	return (c->roles & roles) != 0;
}

/*
 * Whether it may submit tasks of a type, by the type's index. Of most clients
 * none is denied.
 */
static inline bool
role_may_submit(const struct client *c, unsigned int index)
{
	return c->denied == 0 || (c->denied >> index & 1) == 0;
}

/* Whether it may be a worker of a pool with serve. */
bool role_may_serve(const struct client *c, const struct pool *p);

/* Refuses tasks of a type to who may not submit them. */
void role_refuse_task(struct client *c, const struct route *r,
    struct fault *fault);

/* Refuses a method that takes one of some roles. */
void role_refuse_method(struct client *c, unsigned int roles,
    const char *method, struct fault *fault);

/* Counts a refusal with CODE_PERMISSION_DENIED, and logs it. */
void role_note(struct client *c, const struct fault *fault);

/* Logs a refusal for want of a role; not each time, if it is done on purpose. */
void role_log(const struct client *c, const struct fault *fault);

#endif

#ifndef MORO_SERVER_CONTROL_PARTS_H
#define MORO_SERVER_CONTROL_PARTS_H

/* What the files of the control methods share with each other. */

#include "proto/reader.h"
#include "server/client.h"
#include "server/dispatcher.h"

/* One call: the client, the message, and what it is refused with. */
struct control {
	struct client *client;
	struct dispatcher *dispatcher;
	const struct message_in *m;
	struct fault fault;
};

/* Refuses with ctl->fault; a notification is only counted. */
void control_refuse(struct control *ctl);

/* Refuses a call whose argument is wrong. */
void control_invalid(struct control *ctl, const char *field, const char *takes,
    enum reader_type given);

/* Refuses who has none of the roles (server/role.h). False: done. */
bool control_may(struct control *ctl, unsigned int roles, const char *method);

/* Refuses a task type that there is not. */
void control_unknown_type(struct control *ctl, const struct item *name);

/* The first parameter; READER_NIL when there is none. */
struct item control_argument(const struct control *ctl, struct reader *r);

/* Whether nobody waits for an answer. */
bool control_is_notify(const struct control *ctl);

/* Answers true, or nothing to a notification. */
void control_agree(struct control *ctl);

/* One key of a map of arguments; a list of them ends where key is NULL. */
struct control_key {
	const char *key;
	/* Takes its value; `rest` stands behind the header, for containers. */
	bool (*take)(struct control *ctl, void *to, const struct item *value,
	    struct reader *rest);
};

/*
 * Reads the n pairs of a map. Keys that are not known are refused by name, or
 * passed over if `lenient`. False: ctl->fault says why.
 */
bool control_read_map(struct control *ctl, struct reader *r, uint64_t n,
    const struct control_key *keys, void *to, bool lenient);

/* The pool of a name that was given. NULL: none, and ctl->fault says so. */
struct pool *control_find_pool(struct control *ctl, const char *name,
    size_t len);

/* The methods that have files of their own. */
void control_hello(struct control *ctl);
void control_nvim(struct control *ctl);
void control_cancel(struct control *ctl);
void control_stats(struct control *ctl);
void control_ls(struct control *ctl);
void control_slow(struct control *ctl);
void control_clients(struct control *ctl);
void control_subscribe(struct control *ctl);
void control_unsubscribe(struct control *ctl);
void control_drain(struct control *ctl);
void control_pause(struct control *ctl);
void control_resume(struct control *ctl);
void control_shutdown(struct control *ctl);
void control_scale(struct control *ctl);
void control_serve(struct control *ctl);
void control_poison(struct control *ctl);
void control_log(struct control *ctl);
void control_keys(struct control *ctl);

/* The route of the next type that is offered, or NULL. */
struct route *control_type_at(const struct dispatcher *d, size_t *i);

#endif

/* cancel: stops a task that is not wanted any more. */

#include "server/control-parts.h"

#include <inttypes.h>

#include "proto/limit.h"
#include "server/answer.h"
#include "server/life.h"
#include "server/log.h"
#include "server/role.h"

/* Which task is meant. */
struct cancel {
	bool has_msgid;
	uint64_t msgid;
	const char *id; /* NULL: not given */
	size_t id_len;
	bool has_client;
	uint64_t client; /* its number */
};

static bool
cancel_number(struct control *ctl, const char *key, const struct item *value,
    uint64_t *out)
{
	if (value->type == READER_UINT) {
		*out = value->n;
		return true;
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "%s takes an integer from 0, not %s", key,
	    reader_type_name(value->type));
	fault_add_text(&ctl->fault, "field", key);
	return false;
}

static bool
cancel_msgid(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct cancel *which = to;

	which->has_msgid = true;
	return cancel_number(ctl, "msgid", value, &which->msgid);
}

static bool
cancel_client(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct cancel *which = to;

	which->has_client = true;
	return cancel_number(ctl, "client", value, &which->client);
}

static bool
cancel_id(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct cancel *which = to;

	if (!reader_text(value) || value->n == 0 || value->n > LIMIT_ID) {
		fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
		    "id takes a string of 1 to %u bytes", LIMIT_ID);
		fault_add_text(&ctl->fault, "field", "id");
		return false;
	}
	which->id = value->bytes;
	which->id_len = (size_t)value->n;
	return true;
}

static const struct control_key cancel_keys[] = {
    {"msgid", cancel_msgid},
    {"id", cancel_id},
    {"client", cancel_client},
    {NULL, NULL},
};

/* Reads the argument. False: it is refused. */
static bool
cancel_read(struct control *ctl, struct cancel *which)
{
	struct reader r;
	struct item map = control_argument(ctl, &r);

	if (map.type != READER_MAP) {
		control_invalid(ctl, "cancel",
		    "a map with msgid or id, and client", map.type);
		return false;
	}
	if (!control_read_map(ctl, &r, map.n, cancel_keys, which, false)) {
		control_refuse(ctl);
		return false;
	}
	if (which->has_msgid != (which->id != NULL))
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "cancel takes either msgid or id: give one");
	fault_add_text(&ctl->fault, "field", "msgid");
	control_refuse(ctl);
	return false;
}

/* The client that has the task: the caller, or another's for admins. */
static struct client *
cancel_whose(struct control *ctl, const struct cancel *which)
{
	struct client *c;

	if (!which->has_client || which->client == ctl->client->number)
		return ctl->client;
	TAILQ_FOREACH(c, &ctl->dispatcher->clients, link) {
		if (c->number == which->client)
			return c;
	}
	return NULL;
}

/* Cancels what is meant, and says what was found. */
static enum life_found
cancel_do(struct control *ctl, const struct cancel *which)
{
	struct dispatcher *d = ctl->dispatcher;
	struct client *c = cancel_whose(ctl, which);
	struct task *t;

	if (c == NULL)
		return LIFE_FOUND_UNKNOWN;
	t = which->id != NULL ? client_find_id(c, which->id, which->id_len)
			      : msgids_find(&d->msgids, c, which->msgid);
	if (t != NULL)
		return life_cancel(d, t,
		    c == ctl->client ? CANCEL_CLIENT : CANCEL_ADMIN);
	return client_remembers(c, which->id, which->id_len, which->msgid)
		   ? LIFE_FOUND_DONE
		   : LIFE_FOUND_UNKNOWN;
}

void
control_cancel(struct control *ctl)
{
	struct cancel which = {.has_msgid = false};
	enum life_found found;
	struct answer a;

	if (!cancel_read(ctl, &which))
		return;
	if (which.has_client &&
	    !control_may(ctl, ROLE_ADMIN, "cancel with client"))
		return;
	found = cancel_do(ctl, &which);
	if (which.has_client)
		log_info("cancel of client %" PRIu64 " by pid %d, uid %u: %s",
		    which.client, (int)ctl->client->pid,
		    (unsigned int)ctl->client->uid, life_found_name(found));
	if (control_is_notify(ctl))
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_map(&a.pk, 1);
	answer_text(&a.pk, "state");
	answer_text(&a.pk, life_found_name(found));
	answer_end(&a, ctl->client);
}

/* ls and clients: what is there now. */

#include "server/control-parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/answer.h"
#include "server/list.h"
#include "server/progress.h"

#define LIST_LIMIT_DEFAULT 100
#define US_PER_MS 1000.0
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LIST_ALL                                                       \
	(1u << TASK_RUNNING | 1u << TASK_QUEUED | 1u << TASK_DELAYED | \
	    1u << TASK_GATHERING)

/* Refuses a value; always false. */
static bool
list_refuse(struct control *ctl, const char *key, const char *takes)
{
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL, "%s takes %s", key,
	    takes);
	fault_add_text(&ctl->fault, "field", key);
	return false;
}

static bool
list_state(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	static const enum task_state states[] = {TASK_QUEUED, TASK_RUNNING,
	    TASK_DELAYED, TASK_GATHERING};
	struct list_filter *f = to;

	for (size_t i = 0; i < COUNT(states); i++) {
		if (reader_is(value, task_state_name(states[i]))) {
			f->states = 1u << states[i];
			return true;
		}
	}
	return list_refuse(ctl, "state",
	    "\"queued\", \"running\", \"delayed\" or \"gathering\"");
}

static bool
list_type(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct list_filter *f = to;

	if (reader_text(value))
		f->route =
		    route_find(ctl->dispatcher->routes, value->bytes, value->n);
	return f->route != NULL ||
	       list_refuse(ctl, "type",
		   "the name of a task type; method types lists them");
}

static bool
list_client(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct list_filter *f = to;

	f->client = value->n;
	return (value->type == READER_UINT && value->n >= 1) ||
	       list_refuse(ctl, "client",
		   "a connection's number, from 1; method clients lists them");
}

static bool
list_limit(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct list_filter *f = to;

	f->limit = (uint32_t)value->n;
	return (value->type == READER_UINT && value->n >= 1 &&
		   value->n <= LIST_LIMIT_MAX) ||
	       list_refuse(ctl, "limit", "an integer from 1 to 10000");
}

/* Reads the map that narrows a list. False: the call is refused. */
static bool
list_read(struct control *ctl, const char *method,
    const struct control_key *keys, struct list_filter *f)
{
	struct reader r;
	struct item map = control_argument(ctl, &r);

	if (map.type != READER_NIL && map.type != READER_MAP) {
		control_invalid(ctl, method, "a map", map.type);
		return false;
	}
	if (map.type == READER_MAP &&
	    !control_read_map(ctl, &r, map.n, keys, f, false)) {
		control_refuse(ctl);
		return false;
	}
	return true;
}

static void
list_pack_ms(msgpack_packer *pk, const char *key, uint64_t us)
{
	answer_text(pk, key);
	msgpack_pack_double(pk, (double)us / US_PER_MS);
}

/* Packs which task it is; a part of its map. */
#define LIST_NAMES 2
static void
list_pack_names(const struct task *t, msgpack_packer *pk)
{
	answer_number(pk, "client", t->client != NULL ? t->client->number : 0);
	answer_text(pk, "msgid");
	if (t->notify)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_uint64(pk, t->msgid);
}

static void
list_pack_task(struct dispatcher *d, const struct task *t, msgpack_packer *pk)
{
	const struct task_id *id = t->extra != NULL ? t->extra->id : NULL;
	uint64_t wait_us, run_us;

	metrics_times(d, t, &wait_us, &run_us);
	msgpack_pack_map(pk, LIST_NAMES + 9 + (id != NULL) + (t->slot != NULL) +
				 progress_is_known(t));
	list_pack_names(t, pk);
	if (id != NULL) {
		answer_text(pk, "id");
		msgpack_pack_str_with_body(pk, id->text, id->len);
	}
	answer_text(pk, "type");
	answer_text(pk, t->route->name);
	answer_text(pk, "priority");
	answer_text(pk, priority_name((enum priority)task_given_priority(t)));
	answer_text(pk, "state");
	answer_text(pk, task_state_name((enum task_state)t->state));
	answer_text(pk, "pool");
	answer_text(pk, t->route->pool->config->name);
	list_pack_ms(pk, "ageMs", wait_us + run_us);
	list_pack_ms(pk, "waitMs", wait_us);
	list_pack_ms(pk, "runMs", run_us);
	if (t->slot != NULL)
		answer_number(pk, "slot", t->slot->number + 1);
	answer_number(pk, "attempt", t->attempt);
	answer_number(pk, "bytes", t->data_len);
	if (!progress_is_known(t))
		return;
	answer_text(pk, "progress");
	progress_pack(t, pk);
}

void
control_ls(struct control *ctl)
{
	static const struct control_key keys[] = {
	    {"state", list_state},
	    {"type", list_type},
	    {"client", list_client},
	    {"limit", list_limit},
	    {NULL, NULL},
	};
	struct list_filter f = {
	    .states = LIST_ALL,
	    .limit = LIST_LIMIT_DEFAULT,
	};
	const struct task **tasks;
	struct answer a;
	uint32_t n;

	if (!list_read(ctl, "ls", keys, &f))
		return;
	tasks = calloc(f.limit, sizeof *tasks);
	if (tasks == NULL) {
		fault_set(&ctl->fault, CODE_INTERNAL, NULL,
		    "morod is out of memory");
		control_refuse(ctl);
		return;
	}
	n = list_find(ctl->dispatcher, &f, tasks);
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, n);
	for (uint32_t i = 0; i < n; i++)
		list_pack_task(ctl->dispatcher, tasks[i], &a.pk);
	answer_end(&a, ctl->client);
	free((void *)tasks);
}

static void
list_pack_client(struct dispatcher *d, const struct client *c,
    msgpack_packer *pk)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
	    {"client", c->number},
	    {"pid", c->pid > 0 ? (uint64_t)c->pid : 0},
	    {"uid", c->uid},
	    {"unfinished", c->n_tasks},
	    {"bytes", c->task_bytes},
	    {"accepted", c->accepted},
	    {"ended", c->accepted - c->n_tasks},
	    {"refused", c->refused},
	    {"unreadBytes", c->conn.out.bytes},
	    {"ageMs", loop_now(&d->loop) - c->accepted_ms},
	};

	msgpack_pack_map(pk, COUNT(numbers) + 1);
	answer_text(pk, "name");
	answer_text(pk, c->name);
	for (size_t i = 0; i < COUNT(numbers); i++)
		answer_number(pk, numbers[i].key, numbers[i].value);
}

void
control_clients(struct control *ctl)
{
	static const struct control_key keys[] = {
	    {"client", list_client},
	    {"limit", list_limit},
	    {NULL, NULL},
	};
	struct dispatcher *d = ctl->dispatcher;
	struct list_filter f = {.limit = LIST_LIMIT_DEFAULT};
	const struct client *c;
	struct answer a;
	uint32_t n = 0, at = 0;

	if (!list_read(ctl, "clients", keys, &f))
		return;
	TAILQ_FOREACH(c, &d->clients, link)
		n += f.client == 0 || c->number == f.client;
	if (n > f.limit)
		n = f.limit;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, n);
	TAILQ_FOREACH(c, &d->clients, link) {
		if (at == n)
			break;
		if (f.client != 0 && c->number != f.client)
			continue;
		list_pack_client(d, c, &a.pk);
		at++;
	}
	answer_end(&a, ctl->client);
}

#include "server/poison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/answer.h"
#include "server/control-parts.h"
#include "server/slot.h"
#include "server/tail.h"
#include "server/task.h"

/* Copies the last lines of a worker, oldest first. Without memory: none. */
static void
poison_lines(struct poison_entry *e, const struct tail *tail)
{
	const char *line;
	size_t size = 0;
	uint32_t n = 0;

	while (n < TAIL_KEPT && (line = tail_last(tail, n)) != NULL) {
		size += strlen(line) + 1;
		n++;
	}
	e->n_lines = 0;
	free(e->lines);
	e->lines = n > 0 ? malloc(size) : NULL;
	if (e->lines == NULL)
		return;
	for (size_t at = 0; n-- > 0; e->n_lines++) {
		size_t len;

		line = tail_last(tail, n);
		len = strlen(line) + 1;
		memcpy(e->lines + at, line, len);
		at += len;
	}
}

/* The detail that says how the worker ended; both have one. */
static void
poison_cause(struct poison_entry *e, const struct fault *fault)
{
	memset(&e->cause, 0, sizeof e->cause);
	for (unsigned int i = 0; i < fault->n_details; i++) {
		const struct fault_detail *d = &fault->details[i];

		if (strcmp(d->name, "signal") == 0 ||
		    strcmp(d->name, "exitCode") == 0)
			e->cause = *d;
	}
}

void
poison_keep(struct dispatcher *d, const struct task *t,
    const struct fault *fault)
{
	struct poison_entry *e =
	    &d->poison.entries[d->poison.n++ % POISON_KEPT];
	const struct slot *s = t->slot;

	memset(&e->task, 0, sizeof e->task);
	note_take(&e->task, t);
	e->size = t->data_len;
	e->attempts = t->attempt;
	e->slot = s->number + 1;
	e->pid = (int)s->worker->pid;
	e->at_ms = loop_now(&d->loop);
	snprintf(e->reason, sizeof e->reason, "%s", fault->reason);
	poison_cause(e, fault);
	poison_lines(e, &s->worker->tail);
}

void
poison_clear(struct poison *ring)
{
	for (size_t i = 0; i < POISON_KEPT; i++)
		free(ring->entries[i].lines);
	memset(ring, 0, sizeof *ring);
}

static void
poison_pack_text(msgpack_packer *pk, const char *key, const char *text)
{
	answer_text(pk, key);
	answer_text(pk, text);
}

/* The caller's name for the task, made printable. */
static void
poison_pack_id(const struct note *n, msgpack_packer *pk)
{
	char id[LIMIT_ID + 1];

	memcpy(id, n->id, n->id_len);
	id[n->id_len] = '\0';
	fault_clean(id);
	poison_pack_text(pk, "id", id);
}

static void
poison_pack_lines(const struct poison_entry *e, msgpack_packer *pk)
{
	const char *line = e->lines;

	answer_text(pk, "stderr");
	msgpack_pack_array(pk, e->n_lines);
	for (uint32_t i = 0; i < e->n_lines; i++) {
		answer_text(pk, line);
		line += strlen(line) + 1;
	}
}

static void
poison_pack(const struct poison_entry *e, uint64_t now, msgpack_packer *pk)
{
	bool has_id = e->task.id_len > 0, has_cause = e->cause.name != NULL;

	msgpack_pack_map(pk, 10u + has_cause + has_id);
	poison_pack_text(pk, "type", e->task.type);
	answer_number(pk, "size", e->size);
	answer_number(pk, "attempts", e->attempts);
	poison_pack_text(pk, "reason", e->reason);
	if (has_cause && e->cause.is_text)
		poison_pack_text(pk, "signal", e->cause.text);
	else if (has_cause)
		answer_number(pk, "exitCode", (uint64_t)e->cause.number);
	answer_number(pk, "client", e->task.client);
	answer_text(pk, "msgid");
	if (e->task.notify)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_uint64(pk, e->task.msgid);
	if (has_id)
		poison_pack_id(&e->task, pk);
	answer_number(pk, "pid", (uint64_t)e->pid);
	answer_number(pk, "slot", e->slot);
	answer_number(pk, "endedAgoMs", now - e->at_ms);
	poison_pack_lines(e, pk);
}

/* poison []: the newest first. */
void
control_poison(struct control *ctl)
{
	struct dispatcher *d = ctl->dispatcher;
	uint64_t n = d->poison.n < POISON_KEPT ? d->poison.n : POISON_KEPT;
	struct answer a;

	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, n);
	for (uint64_t i = 1; i <= n; i++)
		poison_pack(&d->poison.entries[(d->poison.n - i) % POISON_KEPT],
		    loop_now(&d->loop), &a.pk);
	answer_end(&a, ctl->client);
}

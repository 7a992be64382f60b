/* slow: the slowest tasks of the last ten minutes. */

#include "server/control-parts.h"

#include "server/answer.h"
#include "server/slow.h"

#define US_PER_MS 1000.0
#define SLOW_DEFAULT 20 /* tasks that are listed */

static void
slow_pack_task(const struct slow_task *t, uint64_t now, msgpack_packer *pk)
{
	msgpack_pack_map(pk, t->id_len > 0 ? 9 : 8);
	answer_text(pk, "type");
	answer_text(pk, t->type);
	answer_number(pk, "client", t->client);
	answer_text(pk, "msgid");
	if (t->notify)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_uint64(pk, t->msgid);
	if (t->id_len > 0) {
		answer_text(pk, "id");
		msgpack_pack_str_with_body(pk, t->id, t->id_len);
	}
	answer_text(pk, "runMs");
	msgpack_pack_double(pk, (double)t->run_us / US_PER_MS);
	answer_text(pk, "waitMs");
	msgpack_pack_double(pk, (double)t->wait_us / US_PER_MS);
	answer_number(pk, "endedAgoMs", now - t->ended_ms);
	answer_text(pk, "outcome");
	answer_text(pk, t->outcome);
	answer_number(pk, "slot", t->slot);
}

/* How many are wanted. False: the call is refused. */
static bool
slow_limit(struct control *ctl, uint32_t *limit)
{
	struct reader r;
	struct item n = control_argument(ctl, &r);

	*limit = SLOW_DEFAULT;
	if (n.type == READER_NIL)
		return true;
	*limit = (uint32_t)n.n;
	if (n.type == READER_UINT && n.n >= 1 && n.n <= SLOW_TASKS)
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "slow takes an integer from 1 to %d", SLOW_TASKS);
	fault_add_text(&ctl->fault, "field", "slow");
	control_refuse(ctl);
	return false;
}

void
control_slow(struct control *ctl)
{
	const struct slow_task *tasks[SLOW_TASKS];
	uint64_t now = loop_now(&ctl->dispatcher->loop);
	uint32_t limit, n;
	struct answer a;

	if (!slow_limit(ctl, &limit))
		return;
	n = slow_list(&ctl->dispatcher->metrics.slow, now, tasks);
	if (n > limit)
		n = limit;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, n);
	for (uint32_t i = 0; i < n; i++)
		slow_pack_task(tasks[i], now, &a.pk);
	answer_end(&a, ctl->client);
}

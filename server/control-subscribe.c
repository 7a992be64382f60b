/* subscribe, unsubscribe: what a client wants to be told of. */

#include "server/control-parts.h"

#include "server/answer.h"
#include "server/pool.h"
#include "server/room.h"

#define SUBSCRIBE_TAKES "\"backpressure\""

/* Whether the argument names what can be told of. */
static bool
subscribe_read(struct control *ctl)
{
	struct reader r;
	struct item what = control_argument(ctl, &r);

	if (reader_is(&what, "backpressure"))
		return true;
	control_invalid(ctl, "subscribe", SUBSCRIBE_TAKES, what.type);
	return false;
}

void
control_subscribe(struct control *ctl)
{
	struct pool *p;
	struct answer a;

	if (!subscribe_read(ctl))
		return;
	room_subscribe(ctl->client, true);
	if (control_is_notify(ctl))
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, ctl->dispatcher->n_pools);
	TAILQ_FOREACH(p, &ctl->dispatcher->pools, link)
		room_pack(p, &a.pk);
	answer_end(&a, ctl->client);
}

void
control_unsubscribe(struct control *ctl)
{
	if (!subscribe_read(ctl))
		return;
	room_subscribe(ctl->client, false);
	control_agree(ctl);
}

/* stats: what the server does and did. */

#include "server/control-parts.h"

#include "server/answer.h"
#include "server/stats.h"

static bool
stats_buckets(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	bool *buckets = to;

	*buckets = value->n != 0;
	if (value->type == READER_BOOL)
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "buckets takes true or false, not %s",
	    reader_type_name(value->type));
	fault_add_text(&ctl->fault, "field", "buckets");
	return false;
}

void
control_stats(struct control *ctl)
{
	static const struct control_key keys[] = {
	    {"buckets", stats_buckets},
	    {NULL, NULL},
	};
	struct reader r;
	struct item map = control_argument(ctl, &r);
	bool buckets = false;
	struct answer a;

	if (map.type != READER_NIL && map.type != READER_MAP) {
		control_invalid(ctl, "stats", "a map", map.type);
		return;
	}
	if (map.type == READER_MAP &&
	    !control_read_map(ctl, &r, map.n, keys, &buckets, false)) {
		control_refuse(ctl);
		return;
	}
	answer_begin(&a, ctl->m->frame->msgid);
	stats_pack(ctl->dispatcher, buckets, &a.pk);
	answer_end(&a, ctl->client);
}

/* scale: how many workers a pool has. */

#include "server/control-parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/units.h"
#include "server/log.h"
#include "server/pool.h"

#define SCALE_TEXT 24 /* bytes of "MIN:MAX", its NUL included */
#define SCALE_FIELD "workers"

/* What is asked for. */
struct scale_call {
	const char *pool; /* NULL: the default one */
	size_t pool_len;
	uint64_t min, max; /* 0: not given */
};

/* Reads "N" or "MIN:MAX". */
static bool
scale_read_text(const struct item *value, struct scale_call *call)
{
	char text[SCALE_TEXT];
	char *colon;

	if (value->n >= sizeof text ||
	    memchr(value->bytes, '\0', value->n) != NULL)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)value->n, value->bytes);
	colon = strchr(text, ':');
	if (colon != NULL)
		*colon = '\0';
	if (units_number(text, 1, UINT32_MAX, &call->min) == -1)
		return false;
	call->max = call->min;
	return colon == NULL ||
	       units_number(colon + 1, 1, UINT32_MAX, &call->max) == 0;
}

/* Reads the number of workers, of which only the pool knows what it takes. */
static bool
scale_workers(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct scale_call *call = to;

	if (value->type == READER_UINT && value->n <= UINT32_MAX) {
		call->min = call->max = value->n;
		return true;
	}
	if (reader_text(value) && scale_read_text(value, call))
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    SCALE_FIELD " takes a number, or \"MIN:MAX\"");
	fault_add_text(&ctl->fault, "field", SCALE_FIELD);
	return false;
}

static bool
scale_pool(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct scale_call *call = to;

	if (reader_text(value)) {
		call->pool = value->bytes;
		call->pool_len = (size_t)value->n;
		return true;
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "pool takes a pool's name");
	fault_add_text(&ctl->fault, "field", "pool");
	return false;
}

static const struct control_key scale_keys[] = {
    {SCALE_FIELD, scale_workers},
    {"pool", scale_pool},
    {NULL, NULL},
};

/* Finds the pool, or says that there is none. */
static struct pool *
scale_find(struct control *ctl, const struct scale_call *call)
{
	if (call->pool == NULL)
		return TAILQ_FIRST(&ctl->dispatcher->pools);
	return control_find_pool(ctl, call->pool, call->pool_len);
}

/* Whether the pool can have so many. */
static bool
scale_check(struct control *ctl, const struct scale_call *call,
    const struct pool *p)
{
	uint32_t most = p->n_slots - 1;

	if (call->min >= 1 && call->min <= call->max && call->max <= most &&
	    p->config->reserve < call->min)
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    SCALE_FIELD " takes %" PRIu64 " to %u for pool %s, or MIN:MAX, not "
			"%" PRIu64 ":%" PRIu64,
	    p->config->reserve + 1, (unsigned int)most, p->config->name,
	    call->min, call->max);
	fault_add_text(&ctl->fault, "field", SCALE_FIELD);
	return false;
}

/* Reads the argument: a number or text, or a map. */
static bool
scale_read(struct control *ctl, struct scale_call *call)
{
	struct reader r;
	struct item value = control_argument(ctl, &r);

	if (value.type == READER_MAP)
		return control_read_map(ctl, &r, value.n, scale_keys, call,
		    false);
	return scale_workers(ctl, call, &value, &r);
}

void
control_scale(struct control *ctl)
{
	struct scale_call call = {.pool = NULL};
	struct pool *p;

	if (!scale_read(ctl, &call) || (p = scale_find(ctl, &call)) == NULL ||
	    !scale_check(ctl, &call, p)) {
		control_refuse(ctl);
		return;
	}
	log_info("scale of pool %s to %" PRIu64 ":%" PRIu64
		 " asked by pid %d, uid %u",
	    p->config->name, call.min, call.max, (int)ctl->client->pid,
	    (unsigned int)ctl->client->uid);
	pool_set_bounds(p, (uint32_t)call.min, (uint32_t)call.max);
	control_agree(ctl);
}

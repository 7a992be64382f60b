/* log: the level of the log. */

#include "server/control-log.h"

#include "server/answer.h"
#include "server/control-parts.h"
#include "server/log.h"

#define LEVEL_SHOWN 32 /* bytes of what is no level, in the error */

/* Reads the level that is asked for, if any. False: it is none, and refused. */
static bool
control_log_level(struct control *ctl, enum log_level *level)
{
	struct reader r;
	struct item item = control_argument(ctl, &r);

	if (item.type == READER_NIL)
		return true;
	for (int i = LEVEL_ERROR; i <= LEVEL_DEBUG; i++) {
		*level = (enum log_level)i;
		if (reader_is(&item, log_level_name(*level)))
			return true;
	}
	if (!reader_text(&item)) {
		control_invalid(ctl, "level", LOG_LEVEL_NAMES, item.type);
		return false;
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "level takes " LOG_LEVEL_NAMES ", not \"%.*s\"",
	    (int)(item.n < LEVEL_SHOWN ? item.n : LEVEL_SHOWN), item.bytes);
	fault_add_text(&ctl->fault, "field", "level");
	control_refuse(ctl);
	return false;
}

/* Sets the level; the line that says so is there if either level shows it. */
static void
control_log_set(struct client *c, enum log_level level)
{
	struct log_context context = {0};
	enum log_level before = log_level();

	if (level == before)
		return;
	if (level > before)
		log_set_level(level);
	log_line_number(&context, "client", c->number);
	log_event(LEVEL_INFO, &context,
	    "log level %s, set by pid %d, uid %u; it was %s",
	    log_level_name(level), (int)c->pid, (unsigned int)c->uid,
	    log_level_name(before));
	log_set_level(level);
	c->dispatcher->level_changed = true;
}

/* log [] or [level]: answers the level; sets it first if one is given. */
void
control_log(struct control *ctl)
{
	enum log_level level = log_level();
	struct answer a;

	if (!control_log_level(ctl, &level))
		return;
	control_log_set(ctl->client, level);
	if (control_is_notify(ctl))
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	answer_text(&a.pk, log_level_name(log_level()));
	answer_end(&a, ctl->client);
}

void
control_log_report(struct dispatcher *d)
{
	struct message m = {
	    .type = MSG_DISPATCHER_LOG_LEVEL,
	    .n = (uint64_t)log_level(),
	};

	d->level_changed =
	    channel_send(d->channel, &m, NULL, 0, MSG_DONTWAIT) == -1;
}

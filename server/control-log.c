#include "server/control-log.h"

#include <sys/socket.h>

#include "proto/reader.h"
#include "server/answer.h"
#include "server/dispatcher.h"
#include "server/log.h"

#define LEVEL_SHOWN 32 /* bytes of what is no level, in the error */

/* Reads the level that is asked for. Returns 0 or -1 with *fault set. */
static int
control_log_level(const struct message_in *m, struct fault *fault,
    enum log_level *level)
{
	const struct frame *f = m->frame;
	struct reader r;
	struct item item;

	reader_init(&r, m->bytes + f->data.at, f->data.len);
	item = reader_next(&r);
	if (item.type == READER_NIL)
		return 0;
	for (int i = LEVEL_ERROR; i <= LEVEL_DEBUG; i++) {
		*level = (enum log_level)i;
		if (reader_is(&item, log_level_name(*level)))
			return 0;
	}
	if (reader_text(&item))
		fault_set(fault, CODE_INVALID_ARGUMENT, NULL,
		    "level takes " LOG_LEVEL_NAMES ", not \"%.*s\"",
		    (int)(item.n < LEVEL_SHOWN ? item.n : LEVEL_SHOWN),
		    item.bytes);
	else
		fault_set(fault, CODE_INVALID_ARGUMENT, NULL,
		    "level takes " LOG_LEVEL_NAMES ", not %s",
		    reader_type_name(item.type));
	fault_add_text(fault, "field", "level");
	return -1;
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

int
control_log(struct client *c, const struct message_in *m, struct fault *fault)
{
	struct answer a;
	enum log_level level = log_level();

	if (!client_is_admin(c)) {
		fault_set(fault, CODE_PERMISSION_DENIED, NULL,
		    "log is for root and the server's own user, and you are "
		    "uid %u",
		    (unsigned int)c->uid);
		return -1;
	}
	if (m->frame->data.len > 0) {
		if (control_log_level(m, fault, &level) == -1)
			return -1;
		control_log_set(c, level);
	}
	if (m->frame->kind == FRAME_NOTIFY)
		return 0;
	answer_begin(&a, m->frame->msgid);
	answer_text(&a.pk, log_level_name(log_level()));
	answer_end(&a, c);
	return 0;
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

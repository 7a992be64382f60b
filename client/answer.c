#include "client/answer.h"

#include "client/handle.h"
#include "client/hello.h"
#include "client/news.h"
#include "client/reply.h"

/*
 * An answer that nobody asked for. A server that cannot read us, or has no place
 * for one more, says so under number 0 and closes; anything else is a broken one.
 */
static void
answer_unasked(struct moro *m, struct moro_reply *reply)
{
	if (moro_reply_ok(reply))
		handle_fail(m, MORO_GARBLED,
		    "the server at %s answered what was not asked", m->path);
	else if (moro_reply_code(reply) == MORO_QUEUE_FULL)
		handle_fail(m, MORO_QUEUE_FULL, "the server at %s is full: %s",
		    m->path, moro_reply_message(reply));
	else
		handle_fail(m, MORO_GARBLED,
		    "the server at %s broke off: %s: %s", m->path,
		    moro_reply_code_name(reply), moro_reply_message(reply));
	moro_reply_free(reply);
}

/* Takes one answer off the input and gives it to whoever asked. */
static void
answer_deliver(struct moro *m, const struct frame *frame)
{
	struct pending *p = pending_find(&m->requests, frame->msgid);
	struct moro_reply *reply = reply_take(&m->in, frame);

	if (p == NULL || p->state == PENDING_ANSWERED ||
	    p->state == PENDING_ENDED) {
		answer_unasked(m, reply);
	} else if (p->number == m->hello_number) {
		pending_free(&m->requests, p);
		hello_take(m, reply);
	} else if (p->number == m->news.asked) {
		if (moro_reply_ok(reply))
			news_begin(&m->news, reply_value(reply));
		handle_deliver(m, p, reply);
	} else {
		handle_deliver(m, p, reply);
	}
}

/* Finds the next whole message. False: none, or the server is broken. */
static bool
answer_next(struct moro *m, struct frame *frame)
{
	enum scan_status status =
	    scan_feed(&m->scan, buffer_head(&m->in), buffer_len(&m->in));

	if (status == SCAN_BAD)
		handle_fail(m, MORO_GARBLED,
		    "the server at %s sent what is no answer: %s", m->path,
		    scan_fault_text(scan_fault(&m->scan)));
	if (status != SCAN_FRAME)
		return false;
	scan_frame(&m->scan, frame);
	scan_reset(&m->scan);
	return true;
}

int
answer_all(struct moro *m)
{
	struct frame frame;
	int n = handle_tell_ended(m);

	while (m->fd != -1 && answer_next(m, &frame)) {
		if (frame.kind != FRAME_RESPONSE) {
			news_take(m, &frame);
			continue;
		}
		answer_deliver(m, &frame);
		n++;
	}
	return n + handle_tell_ended(m);
}

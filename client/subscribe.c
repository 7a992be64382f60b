#include <string.h>

#include <msgpack.h>

#include "client/call.h"
#include "client/handle.h"
#include "client/news.h"
#include "client/reply.h"

#define TOPIC_BACKPRESSURE "backpressure"

void
moro_on_progress(struct moro *m, moro_progress_cb cb, void *user)
{
	m->news.progress_cb = cb;
	m->news.progress_user = user;
}

void
moro_on_backpressure(struct moro *m, moro_backpressure_cb cb, void *user)
{
	m->news.pressure_cb = cb;
	m->news.pressure_user = user;
}

/* The news end, and are not asked for again. */
static void
subscribe_end(struct moro *m)
{
	m->news.subscribed = false;
	news_reset(&m->news);
}

/* Calls a method with the topic. */
static struct moro_reply *
subscribe_call(struct moro *m, const char *method, const char *topic)
{
	struct msgpack_object object = {.type = MSGPACK_OBJECT_STR};

	object.via.str.ptr = topic;
	object.via.str.size = (uint32_t)strlen(topic);
	return moro_call_object(m, method, &object, NULL);
}

struct moro_reply *
moro_subscribe(struct moro *m, const char *topic)
{
	unsigned int opened = m->opened; /* a callback may connect */
	struct moro_reply *reply;

	handle_enter(m);
	reply = subscribe_call(m, "subscribe", topic);
	if (moro_reply_ok(reply) && m->opened == opened &&
	    strcmp(topic, TOPIC_BACKPRESSURE) == 0) {
		m->news.subscribed = true;
		if (moro_connected(m))
			news_begin(&m->news, reply_value(reply));
	}
	handle_leave(m);
	return reply;
}

struct moro_reply *
moro_unsubscribe(struct moro *m, const char *topic)
{
	struct moro_reply *reply;

	handle_enter(m);
	reply = subscribe_call(m, "unsubscribe", topic);
	if (moro_reply_ok(reply) && strcmp(topic, TOPIC_BACKPRESSURE) == 0)
		subscribe_end(m);
	handle_leave(m);
	return reply;
}

void
subscribe_again(struct moro *m)
{
	struct msgpack_object topic = {.type = MSGPACK_OBJECT_STR};
	struct request rq = {.type = "subscribe", .object = &topic};
	struct pending *p;

	m->news.asked = 0;
	if (!m->news.subscribed)
		return;
	topic.via.str.ptr = TOPIC_BACKPRESSURE;
	topic.via.str.size = sizeof TOPIC_BACKPRESSURE - 1;
	/* without memory there are no news, which may be lost anyway */
	m->news.asked = call_send(m, &rq, NULL, NULL, true);
	p = pending_find(&m->requests, m->news.asked);
	if (p != NULL)
		pending_drop(&m->requests, p); /* answer.c sees it */
}

int
moro_backpressure(const struct moro *m)
{
	const struct level *l;
	int level = -1;

	SLIST_FOREACH(l, &m->news.levels, link) {
		if (l->high || level == -1)
			level = l->high;
	}
	return level;
}

#include "worker/watch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <msgpack.h>

#include "proto/envelope.h"
#include "proto/fault.h"

#define WATCH_METHOD "progress"
#define WATCH_PAUSE_NS 50000000u /* 20 a second */
#define WATCH_WHOLE_MAX 9007199254740992.0 /* 2^53: whole ones go as integers */
#define NS_PER_S 1000000000u

bool
watch_is_cancelled(const struct watch *w)
{
	return page_is_cancelled(w->page, w->number);
}

/* Whether it is time for a report; if so, notes that it is made. */
static bool
watch_is_due(struct watch *w)
{
	struct timespec t;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	if (now < w->next_ns)
		return false;
	w->next_ns = now + WATCH_PAUSE_NS;
	return true;
}

static void
watch_pack_text(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

static void
watch_pack_number(msgpack_packer *pk, const char *key, double n)
{
	watch_pack_text(pk, key);
	if (n >= 0 && n <= WATCH_WHOLE_MAX && n == floor(n))
		msgpack_pack_uint64(pk, (uint64_t)n);
	else
		msgpack_pack_double(pk, n);
}

/* Packs the whole message. */
static void
watch_pack(const struct watch *w, msgpack_sbuffer *out, double done,
    double total, const char *note)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	msgpack_packer pk;
	char text[WATCH_NOTE];

	msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
	msgpack_sbuffer_write(out, (const char *)head,
	    envelope_notify(head, WATCH_METHOD, strlen(WATCH_METHOD), 2));
	msgpack_pack_uint64(&pk, w->msgid);
	msgpack_pack_map(&pk, 1u + (total >= 0) + (note != NULL));
	watch_pack_number(&pk, "done", done);
	if (total >= 0)
		watch_pack_number(&pk, "total", total);
	if (note == NULL)
		return;
	snprintf(text, sizeof text, "%s", note);
	fault_clean(text);
	watch_pack_text(&pk, "note");
	watch_pack_text(&pk, text);
}

void
watch_report(struct watch *w, double done, double total, const char *note)
{
	msgpack_sbuffer out;
	size_t at = 0;

	if (!w->progress || !isfinite(done) || !watch_is_due(w))
		return;
	msgpack_sbuffer_init(&out);
	watch_pack(w, &out, done, total, note);
	while (at < out.size) {
		ssize_t n =
		    send(w->sock, out.data + at, out.size - at, MSG_NOSIGNAL);

		if (n == -1 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	msgpack_sbuffer_destroy(&out);
}

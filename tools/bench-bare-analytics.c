/*
 * analytics:process. No library does it: the bare processes run the loop that
 * one would write for these very events, which checks nothing and sums doubles;
 * and morod's own code, to tell apart what that costs and what the way there.
 */

#include <stdlib.h>
#include <string.h>

#include <msgpack.h>
#include <uthash.h>

#include "tools/bench-bare.h"
#include "tools/bench-events.h"
#include "tools/bench-spawn.h"
#include "worker/call.h"
#include "worker/heap.h"
#include "worker/tasks/analytics.h"

#define ANALYTICS_ZONE ((size_t)64 << 10)

static struct events analytics_events;
static struct request_input analytics_input; /* the same, packed */
static struct request analytics_request; /* the same as morod is asked for */

/* One group. */
struct group {
	char *key; /* owned */
	uint64_t n;
	double sum;
	UT_hash_handle hh;
};

/* The value of a key, or NULL. */
static const msgpack_object *
analytics_get(const msgpack_object *event, const char *key)
{
	const msgpack_object_map *map = &event->via.map;
	size_t len = strlen(key);

	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object_str *s = &map->ptr[i].key.via.str;

		if (s->size == len && memcmp(s->ptr, key, len) == 0)
			return &map->ptr[i].val;
	}
	return NULL;
}

/* The group of a key, made if there is none. */
static struct group *
analytics_group(struct group **groups, const msgpack_object_str *key)
{
	struct group *g;

	HASH_FIND(hh, *groups, key->ptr, key->size, g);
	if (g != NULL)
		return g;
	g = spawn_alloc(sizeof *g);
	g->key = spawn_alloc(key->size + 1);
	memcpy(g->key, key->ptr, key->size);
	HASH_ADD_KEYPTR(hh, *groups, g->key, key->size, g);
	return g;
}

/* Packs what was found, and frees it. */
static void
analytics_pack(struct group *groups)
{
	msgpack_sbuffer buf;
	msgpack_packer pk;
	struct group *g, *next;

	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, HASH_COUNT(groups));
	g = groups;
	HASH_CLEAR(hh, groups);
	for (; g != NULL; g = next) {
		next = g->hh.next;
		msgpack_pack_array(&pk, 3);
		msgpack_pack_str_with_body(&pk, g->key, strlen(g->key));
		msgpack_pack_uint64(&pk, g->n);
		msgpack_pack_double(&pk, g->sum);
		free(g->key);
		free(g);
	}
	msgpack_sbuffer_destroy(&buf);
}

static void
analytics_work(const struct bare *bare)
{
	struct group *groups = NULL;
	msgpack_zone zone;
	msgpack_object all;

	(void)bare;
	msgpack_zone_init(&zone, ANALYTICS_ZONE);
	bare_check(msgpack_unpack(analytics_events.bytes, analytics_events.len,
		       NULL, &zone, &all) == MSGPACK_UNPACK_SUCCESS,
	    "unpack");
	for (uint32_t i = 0; i < all.via.array.size; i++) {
		const msgpack_object *event = &all.via.array.ptr[i];
		struct group *g = analytics_group(&groups,
		    &analytics_get(event, "state")->via.str);

		g->n++;
		g->sum += (double)analytics_get(event, "value")->via.u64;
	}
	analytics_pack(groups);
	msgpack_zone_destroy(&zone);
}

/* Runs morod's own code on the request's data. */
static void
analytics_own_work(const struct bare *bare)
{
	static struct output out;
	static struct call call;
	const msgpack_sbuffer *data = &analytics_request.buf;
	msgpack_zone zone;
	msgpack_object all;

	(void)bare;
	if (out.max == 0) {
		output_init(&out, SIZE_MAX / 2);
		heap_keep(0); /* as a worker does */
	}
	msgpack_zone_init(&zone, ANALYTICS_ZONE);
	bare_check(msgpack_unpack(data->data, data->size, NULL, &zone, &all) ==
			   MSGPACK_UNPACK_SUCCESS &&
		       call_run(&call, &analytics_type, &all, &out,
			   BARE_SIZE) == 0,
	    "process events");
	output_wipe(&out);
	msgpack_zone_destroy(&zone);
}

static void
analytics_begin(struct request *r)
{
	request_init(r, "analytics:process", 3);
	request_str(r, "groupBy", "state");
	request_key(r, "metrics");
	msgpack_pack_array(&r->pk, 1);
	msgpack_pack_str_with_body(&r->pk, "sum:value", strlen("sum:value"));
}

/* By descriptor the events are packed; in a message they are values. */
static void
analytics_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	analytics_begin(&r);
	if (by_fd) {
		request_large(&r, "packed", &analytics_input, true, NULL);
	} else {
		request_key(&r, "events");
		request_tail(&r, analytics_events.bytes, analytics_events.len);
	}
	request_end(&r, f);
}

static void
analytics_prepare(void)
{
	size_t len;
	char *bytes;

	analytics_init();
	events_packed(&analytics_events, BARE_SIZE);
	len = analytics_events.len - analytics_events.head;
	bytes = spawn_alloc(len);
	memcpy(bytes, analytics_events.bytes + analytics_events.head, len);
	request_input_init(&analytics_input, bytes, len);
	analytics_begin(&analytics_request);
	request_bin(&analytics_request, "packed", bytes, len);
}

static void
analytics_unprepare(void)
{
	events_clear(&analytics_events);
	request_input_clear(&analytics_input);
	msgpack_sbuffer_destroy(&analytics_request.buf);
}

static const struct bare analytics_rows[] = {
    {"analytics:process", NULL,
	"a loop without checks: msgpack_unpack(), uthash, sums of doubles",
	BARE_BRIEF | BARE_BY_FD | BARE_INLINE, BARE_MIDDLE, NULL,
	analytics_form, analytics_work},
    {"analytics:process", "own_ratio", "msgpack_unpack() and morod's own code",
	BARE_BRIEF | BARE_BY_FD, BARE_MIDDLE, NULL, analytics_form,
	analytics_own_work},
    {NULL},
};

const struct bare_family bare_analytics = {analytics_prepare,
    analytics_unprepare, analytics_rows};

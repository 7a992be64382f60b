#include <stdio.h>
#include <string.h>

#include <msgpack.h>
#include <time.h>

#include "proto/limit.h"
#include "proto/units.h"
#include "tools/complain.h"
#include "tools/moroctl.h"
#include "tools/sink.h"

#define ADMIN_TEXT 256 /* bytes of a line that is printed */
#define ADMIN_POLL_MS 50 /* between two looks at a server that empties */
#define ADMIN_WORKERS_MAX 1024

#define MS_PER_S 1000
#define NS_PER_MS 1000000

/* Prints the answer as JSON if asked to, else a sentence; frees the reply. */
static int
admin_done(struct ctl *c, struct moro_reply *reply, const char *format,
    const char *what)
{
	char text[ADMIN_TEXT];
	int rc;

	snprintf(text, sizeof text, format, what);
	rc = ctl_has(c, CTL_JSON) ? ctl_put_json(c, reply)
				  : sink_write(NULL, text, strlen(text), true);
	moro_reply_free(reply);
	return rc;
}

/* Reads an argument that is a number from min to max. */
static int
admin_number(const char *what, const char *text, uint64_t min, uint64_t max,
    uint64_t *n)
{
	if (units_number(text, min, max, n) == 0)
		return EXIT_DONE;
	return complain_usage("%s takes a number from %llu to %llu, not %s",
	    what, (unsigned long long)min, (unsigned long long)max, text);
}

/* What the state that a cancel has found means. */
static const struct admin_state {
	const char *state;
	bool cancelled;
	const char *about;
} admin_states[] = {
    {"queued", true, "it waited, and is gone"},
    {"running", true, "it ran, and is being stopped"},
    {"done", false, "it was answered already"},
    {"unknown", false, "there is no such task"},
};

/* Finds what the reply's state means, or NULL. */
static const struct admin_state *
admin_state(const struct moro_reply *reply)
{
	size_t len = 0;
	const char *field = moro_reply_field(reply, "state", &len);

	/* a short string: its length stands before its bytes */
	for (size_t i = 0;
	     field != NULL && i < sizeof admin_states / sizeof admin_states[0];
	     i++) {
		const char *state = admin_states[i].state;

		if (len == strlen(state) + 1 &&
		    memcmp(field + 1, state, len - 1) == 0)
			return &admin_states[i];
	}
	return NULL;
}

int
ctl_cancel(struct ctl *c)
{
	const struct admin_state *s;
	struct moro_reply *reply;
	uint64_t client = 0, msgid = 0;
	int rc;

	if (c->n_args != 2)
		return complain_usage("cancel takes CLIENT and MSGID, as "
				      "moroctl ls shows them");
	rc = admin_number("CLIENT", c->args[0], 0, INT64_MAX, &client);
	if (rc == EXIT_DONE)
		rc = admin_number("MSGID", c->args[1], 0, LIMIT_MSGID_MAX,
		    &msgid);
	if (rc == EXIT_DONE)
		rc = ctl_take(c, &reply,
		    moro_cancel_other(ctl_moro(c), client, msgid));
	if (rc != EXIT_DONE)
		return rc;
	s = admin_state(reply);
	if (s == NULL || s->cancelled)
		return admin_done(c, reply, "cancelled: %s",
		    s != NULL ? s->about : "the server says no more");
	if (ctl_has(c, CTL_JSON))
		ctl_put_json(c, reply);
	complain("NOT_FOUND", "nothing to cancel: %s", s->about);
	moro_reply_free(reply);
	return EXIT_REFUSED;
}

/* Whether the server has no unfinished task; or not to be asked: *rc. */
static bool
admin_empty(struct ctl *c, int *rc)
{
	static const char *const gauges[] = {"queueSize", "activeTasks",
	    "delayedTasks"};
	struct moro_reply *reply;
	int64_t n, sum = 0;

	*rc = ctl_take(c, &reply, moro_stats(ctl_moro(c)));
	if (*rc != EXIT_DONE)
		return true;
	for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
		if (moro_reply_number(reply, gauges[i], &n) == 0)
			sum += n;
	}
	moro_reply_free(reply);
	return sum == 0;
}

/* Monotonic milliseconds. */
static uint64_t
admin_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * MS_PER_S +
	       (uint64_t)ts.tv_nsec / NS_PER_MS;
}

/* Waits until the server has no unfinished task, as long as --wait allows. */
static int
admin_wait_empty(struct ctl *c)
{
	static const struct timespec pause = {0, ADMIN_POLL_MS * NS_PER_MS};
	uint64_t begun = admin_now(), limit = UINT64_MAX;
	int rc;

	if (ctl_has(c, CTL_WAIT))
		units_duration(c->values[CTL_WAIT], 0, &limit);
	limit = limit == 0 ? UINT64_MAX : limit;
	while (!admin_empty(c, &rc)) {
		if (admin_now() - begun >= limit)
			return ctl_fail(c, MORO_WAIT_LIMIT,
			    "there are unfinished tasks still (timeout)");
		nanosleep(&pause, NULL);
	}
	return rc;
}

int
ctl_drain(struct ctl *c)
{
	struct moro_reply *reply;
	int rc = ctl_take(c, &reply, moro_drain(ctl_moro(c)));

	if (rc != EXIT_DONE)
		return rc;
	if (!ctl_has(c, CTL_UNTIL_EMPTY))
		return admin_done(c, reply, "%s",
		    "the server takes no more tasks, until moroctl resume");
	rc = admin_wait_empty(c);
	if (rc == EXIT_DONE)
		return admin_done(c, reply, "%s",
		    "the server takes no more tasks, and all are finished");
	moro_reply_free(reply);
	return rc;
}

int
ctl_pause(struct ctl *c)
{
	const char *type = c->n_args > 0 ? c->args[0] : NULL;
	struct moro_reply *reply;
	int rc = ctl_take(c, &reply, moro_pause(ctl_moro(c), type));

	if (rc != EXIT_DONE)
		return rc;
	return admin_done(c, reply, "%s: tasks wait until moroctl resume",
	    type != NULL ? type : "all types");
}

int
ctl_resume(struct ctl *c)
{
	const char *type = c->n_args > 0 ? c->args[0] : NULL;
	struct moro_reply *reply;
	int rc = ctl_take(c, &reply, moro_resume(ctl_moro(c), type));

	if (rc != EXIT_DONE)
		return rc;
	return admin_done(c, reply, "%s: tasks run again",
	    type != NULL ? type : "all types");
}

/* Reads N or MIN:MAX. */
static int
admin_range(const char *text, uint64_t *min, uint64_t *max)
{
	char first[ADMIN_TEXT];
	const char *colon = strchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
	int rc;

	if (len >= sizeof first)
		len = sizeof first - 1;
	memcpy(first, text, len);
	first[len] = '\0';
	rc = admin_number("scale", first, 0, ADMIN_WORKERS_MAX, min);
	*max = *min;
	if (rc == EXIT_DONE && colon != NULL)
		rc = admin_number("scale", colon + 1, *min, ADMIN_WORKERS_MAX,
		    max);
	return rc;
}

int
ctl_scale(struct ctl *c)
{
	struct moro_reply *reply;
	uint64_t min = 0, max = 0;
	int rc;

	if (c->n_args == 0)
		return complain_usage("scale takes N or MIN:MAX workers");
	rc = admin_range(c->args[0], &min, &max);
	if (rc == EXIT_DONE)
		rc = ctl_take(c, &reply,
		    moro_scale(ctl_moro(c), c->values[CTL_POOL], (uint32_t)min,
			(uint32_t)max));
	if (rc != EXIT_DONE)
		return rc;
	return admin_done(c, reply, "workers: %s from now on", c->args[0]);
}

/* Says on stderr what a new configuration did not change. */
static void
admin_warn(struct moro_reply *reply)
{
	const msgpack_object *result = moro_reply_object(reply), *value;
	const char *text;

	if (result == NULL || result->type != MSGPACK_OBJECT_MAP ||
	    result->via.map.size == 0)
		return;
	value = &result->via.map.ptr[0].val; /* warnings, alone */
	if (value->type != MSGPACK_OBJECT_STR)
		return;
	text = value->via.str.ptr;
	for (size_t left = value->via.str.size; left > 0;) {
		const char *end = memchr(text, '\n', left);
		size_t len = end != NULL ? (size_t)(end - text) : left;

		complain("WARNING", "%.*s", (int)len, text);
		len += end != NULL;
		text += len;
		left -= len;
	}
}

int
ctl_reload(struct ctl *c)
{
	struct moro_reply *reply;
	int rc = ctl_take(c, &reply, moro_reload(ctl_moro(c)));

	if (rc != EXIT_DONE)
		return rc;
	admin_warn(reply);
	return admin_done(c, reply, "%s",
	    "the configuration was read again and is in force");
}

int
ctl_shutdown(struct ctl *c)
{
	struct moro *m = ctl_moro(c);
	struct moro_reply *reply;
	int rc = ctl_take(c, &reply,
	    ctl_has(c, CTL_NOW) ? moro_shutdown_now(m) : moro_shutdown(m));

	if (rc != EXIT_DONE)
		return rc;
	return admin_done(c, reply, "%s", "the server is shutting down");
}

/* What moroctl top knows of the server. */

#include "tools/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS_PER_S 1000u
#define NS_PER_MS 1000000u

static uint64_t
top_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * MS_PER_S +
	       (uint64_t)ts.tv_nsec / NS_PER_MS;
}

/* Says what went wrong. */
static void
top_complain(struct top *t, const struct moro_reply *r)
{
	snprintf(t->message, sizeof t->message, "%s: %s",
	    moro_reply_code_name(r), moro_reply_message(r));
}

/* Calls a method. NULL: it failed, and the message says why. */
static struct moro_reply *
top_call(struct top *t, const char *method, struct moro_map *map)
{
	const void *data = map != NULL ? moro_map_data(map) : NULL;
	struct moro_reply *r = moro_call(t->moro, method, data,
	    data != NULL ? moro_map_size(map) : 0, NULL);

	moro_map_free(map);
	if (moro_reply_ok(r))
		return r;
	top_complain(t, r);
	moro_reply_free(r);
	return NULL;
}

/* Orders two tasks by a number in them, the largest first. */
static int
top_compare_number(value a, value b, const char *field)
{
	double x = view_real(a, field), y = view_real(b, field);

	return (x < y) - (x > y);
}

static int
top_compare_type(value a, value b)
{
	char x[VIEW_TEXT], y[VIEW_TEXT];

	return strcmp(view_text(x, a, "type"), view_text(y, b, "type"));
}

/* Orders two tasks; those that are equal stay as they run. */
static int
top_compare(const void *a, const void *b, void *arg)
{
	static const char *const fields[TOP_SORTS] = {
	    [TOP_BY_WAIT] = "waitMs",
	    [TOP_BY_RUN] = "runMs",
	    [TOP_BY_CLIENT] = "client",
	    [TOP_BY_BYTES] = "bytes",
	};
	const struct top *t = arg;
	value x = *(const value *)a, y = *(const value *)b;
	int order = 0;

	if (t->sort == TOP_BY_TYPE)
		order = top_compare_type(x, y);
	else if (fields[t->sort] != NULL)
		order = top_compare_number(x, y, fields[t->sort]);
	return order != 0 ? order : (x > y) - (x < y);
}

void
top_select(struct top *t, uint32_t i)
{
	if (t->n_tasks == 0)
		return;
	t->selected = i < t->n_tasks ? i : t->n_tasks - 1;
	t->client = view_number(t->tasks[t->selected], "client");
	t->msgid = view_number(t->tasks[t->selected], "msgid");
}

/* Selects again what was; when it is gone, what stands in its place. */
static void
top_select_again(struct top *t)
{
	for (uint32_t i = 0; i < t->n_tasks; i++) {
		if (view_number(t->tasks[i], "client") == t->client &&
		    view_number(t->tasks[i], "msgid") == t->msgid) {
			t->selected = i;
			return;
		}
	}
	top_select(t, t->selected);
}

void
top_sort(struct top *t)
{
	const msgpack_object_array *all;

	free(t->tasks);
	t->n_tasks = 0;
	t->tasks = NULL;
	if (t->list == NULL)
		return;
	all = view_array(moro_reply_object(t->list));
	t->tasks = calloc(all->size + 1, sizeof t->tasks[0]);
	if (t->tasks == NULL)
		return;
	t->n_tasks = all->size;
	for (uint32_t i = 0; i < all->size; i++)
		t->tasks[i] = &all->ptr[i];
	qsort_r(t->tasks, t->n_tasks, sizeof t->tasks[0], top_compare, t);
	top_select_again(t);
}

/* Tasks that have ended, in whatever way. */
static uint64_t
top_ended(value stats)
{
	return view_number(stats, "completed") + view_number(stats, "failed") +
	       view_number(stats, "timedOut") + view_number(stats, "cancelled");
}

/* Learns how many tasks ended in a second since the last look. */
static void
top_measure(struct top *t)
{
	uint64_t now = top_now();
	uint64_t ended = top_ended(moro_reply_object(t->stats));
	uint64_t ms = now - t->looked_ms;

	if (t->looked_ms != 0 && ms > 0 && ended >= t->ended)
		t->rate = (double)(ended - t->ended) * MS_PER_S / (double)ms;
	t->looked_ms = now;
	t->ended = ended;
}

/* Asks for the tasks; who may not see them is told so. */
static void
top_look_list(struct top *t)
{
	struct moro_map *map = moro_map_new();

	moro_map_number(map, "limit", TOP_TASKS);
	moro_reply_free(t->list);
	t->list = top_call(t, "ls", map);
	top_sort(t);
}

void
top_look(struct top *t)
{
	struct moro_reply *stats;

	if (!moro_connected(t->moro))
		moro_connect(t->moro, t->path);
	stats = top_call(t, "stats", NULL);
	if (stats == NULL) {
		/* what is known stays on the screen, and is old */
		t->connected = false;
		t->looked_ms = 0;
		t->rate = 0;
		t->question = TOP_NOTHING;
		return;
	}
	if (!t->connected)
		t->message[0] = '\0';
	t->connected = true;
	moro_reply_free(t->stats);
	t->stats = stats;
	top_measure(t);
	top_look_list(t);
}

bool
top_is_paused(const struct top *t)
{
	const msgpack_object_array *pools;

	if (t->stats == NULL)
		return false;
	pools = view_array(view_field(moro_reply_object(t->stats), "pools"));
	for (uint32_t i = 0; i < pools->size; i++) {
		if (view_true(&pools->ptr[i], "paused"))
			return true;
	}
	return false;
}

/* Cancels the task that was asked about. */
static void
top_cancel(struct top *t)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *r;
	char state[VIEW_TEXT];

	moro_map_number(map, "client", (int64_t)t->asked_client);
	moro_map_number(map, "msgid", (int64_t)t->asked_msgid);
	r = top_call(t, "cancel", map);
	if (r == NULL)
		return;
	snprintf(t->message, sizeof t->message,
	    "cancelled: client %" PRIu64 ", msgid %" PRIu64 " was %.40s",
	    t->asked_client, t->asked_msgid,
	    view_text(state, moro_reply_object(r), "state"));
	moro_reply_free(r);
}

void
top_do(struct top *t, enum top_question what)
{
	struct moro_reply *r;

	if (what == TOP_CANCEL) {
		top_cancel(t);
		return;
	}
	r = top_call(t, what == TOP_PAUSE ? "pause" : "resume", NULL);
	if (r == NULL)
		return;
	snprintf(t->message, sizeof t->message, "%s",
	    what == TOP_PAUSE ? "paused: no task is handed out" : "resumed");
	moro_reply_free(r);
}

void
top_forget(struct top *t)
{
	free(t->tasks);
	moro_reply_free(t->stats);
	moro_reply_free(t->list);
}

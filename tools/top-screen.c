/* What moroctl top shows. */

#include "tools/top.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <curses.h>

#include "tools/rows.h"

#define SCREEN_LINE 512 /* bytes of a line */
#define SCREEN_WORKERS_SHARE 3 /* workers get a third of the screen at most */

/* Where the next line goes. */
struct screen {
	int row;
	int rows; /* before the last line, which is for keys and questions */
	int columns;
};

/* Puts a line, as far as it fits. */
static void __attribute__((format(printf, 3, 4)))
screen_line(struct screen *s, attr_t how, const char *format, ...)
{
	char text[SCREEN_LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (s->row >= s->rows)
		return;
	attrset(how);
	mvaddnstr(s->row++, 0, text, s->columns);
	if (how != A_NORMAL) { /* to the edge */
		int y, x;

		getyx(stdscr, y, x);
		if (y == s->row - 1 && x < s->columns)
			hline(' ' | how, s->columns - x);
	}
	attrset(A_NORMAL);
}

/* Puts a line that a row's function writes. */
static void
screen_row(struct screen *s, attr_t how, void (*row)(FILE *out, value v),
    value v)
{
	char text[SCREEN_LINE] = "";
	FILE *out = fmemopen(text, sizeof text, "w");

	if (out == NULL)
		return;
	row(out, v);
	fclose(out);
	text[strcspn(text, "\n")] = '\0';
	screen_line(s, how, "%s", text);
}

/* The server as a whole. */
static void
screen_head(struct screen *s, const struct top *t, value stats)
{
	const char *version = moro_server_version(t->moro);
	char up[VIEW_WORDS], data[VIEW_WORDS];

	screen_line(s, A_BOLD, "morod %s, up %s, clients %" PRIu64 "%s",
	    version != NULL ? version : "", view_ms_of(up, stats, "uptimeMs"),
	    view_number(stats, "clients"),
	    view_true(stats, "isShuttingDown") ? ", SHUTTING DOWN"
	    : view_true(stats, "isDraining")   ? ", DRAINED"
					       : "");
	screen_line(s, A_NORMAL,
	    "workers %" PRIu64 ", running %" PRIu64 ", queued %" PRIu64
	    " of %" PRIu64 ", data %s, %.0f tasks/s",
	    view_number(stats, "workers"), view_number(stats, "activeTasks"),
	    view_number(stats, "queueSize"), view_number(stats, "maxQueueSize"),
	    view_size_of(data, stats, "queuedBytes"), t->rate);
}

/* How long tasks waited and ran in the last minute. */
static void
screen_times(struct screen *s, value stats)
{
	value wait = view_field(view_field(stats, "waitUs"), "lastMinute");
	value run = view_field(view_field(stats, "runUs"), "lastMinute");
	char text[4][VIEW_WORDS];

	if (wait == NULL || run == NULL)
		return;
	screen_line(s, A_NORMAL,
	    "last minute: waited p50 %s, p99 %s; ran p50 %s, p99 %s",
	    view_us(text[0], view_real(wait, "p50")),
	    view_us(text[1], view_real(wait, "p99")),
	    view_us(text[2], view_real(run, "p50")),
	    view_us(text[3], view_real(run, "p99")));
}

/* One pool, and some of its workers. */
static void
screen_pool(struct screen *s, value pool, int most)
{
	const msgpack_object_array *workers =
	    view_array(view_field(pool, "workers"));
	value queue = view_field(pool, "queue");
	char name[VIEW_TEXT], state[VIEW_TEXT];

	screen_line(s, A_NORMAL,
	    "pool %.20s %.12s, queued high %" PRIu64 ", normal %" PRIu64
	    ", low %" PRIu64,
	    view_text(name, pool, "name"),
	    view_true(pool, "paused") ? "PAUSED"
				      : view_text(state, pool, "state"),
	    view_number(queue, "high"), view_number(queue, "normal"),
	    view_number(queue, "low"));
	if (workers->size > 0)
		screen_line(s, A_UNDERLINE, "%s", ROWS_WORKER_HEAD);
	for (uint32_t i = 0; i < workers->size; i++) {
		if ((int)i >= most) {
			screen_line(s, A_NORMAL, "and %" PRIu32 " more",
			    workers->size - i);
			return;
		}
		screen_row(s, A_NORMAL, rows_worker, &workers->ptr[i]);
	}
}

static void
screen_pools(struct screen *s, value stats)
{
	const msgpack_object_array *pools =
	    view_array(view_field(stats, "pools"));
	int most = s->rows / SCREEN_WORKERS_SHARE;

	if (pools->size > 1)
		most /= (int)pools->size;
	for (uint32_t i = 0; i < pools->size; i++)
		screen_pool(s, &pools->ptr[i], most);
}

/* The tasks, the selected one among them. */
static void
screen_tasks(struct screen *s, struct top *t)
{
	static const char *const orders[TOP_SORTS] = {
	    [TOP_AS_IT_RUNS] = "as they run",
	    [TOP_BY_WAIT] = "by waiting",
	    [TOP_BY_RUN] = "by running",
	    [TOP_BY_TYPE] = "by type",
	    [TOP_BY_CLIENT] = "by client",
	    [TOP_BY_BYTES] = "by bytes",
	};

	screen_line(s, A_NORMAL, "tasks %s", orders[t->sort]);
	screen_line(s, A_REVERSE, "%s", ROWS_TASK_HEAD);
	t->page = s->rows > s->row ? (uint32_t)(s->rows - s->row) : 1;
	if (t->selected < t->first)
		t->first = t->selected;
	if (t->selected >= t->first + t->page)
		t->first = t->selected - t->page + 1;
	if (t->n_tasks <= t->page)
		t->first = 0;
	for (uint32_t i = t->first; i < t->n_tasks; i++)
		screen_row(s, i == t->selected ? A_STANDOUT : A_NORMAL,
		    rows_task, t->tasks[i]);
	if (t->n_tasks == 0)
		screen_line(s, A_NORMAL, "no tasks");
}

/* What the keys do. */
static void
screen_help(struct screen *s)
{
	static const char *const lines[] = {
	    "q           quit",
	    "up, down    select a task; also k, j, pages, home, end",
	    "x           cancel the selected task, after a question",
	    "p           pause everything, or resume it, after a question",
	    "w           sort by waiting time, the longest first",
	    "r           sort by running time, the longest first",
	    "t           sort by type",
	    "c           sort by client",
	    "b           sort by bytes, the largest first",
	    "o           as they run: running ones, then the queue",
	    "h           this help, and back",
	};

	screen_line(s, A_BOLD, "moroctl top: keys");
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		screen_line(s, A_NORMAL, "%s", lines[i]);
}

/* The last line: a question, or the keys. */
static void
screen_foot(const struct screen *s, const struct top *t)
{
	char text[SCREEN_LINE];

	switch (t->question) {
	case TOP_CANCEL:
		snprintf(text, sizeof text,
		    "cancel client %" PRIu64 ", msgid %" PRIu64 "? (y/n)",
		    t->asked_client, t->asked_msgid);
		break;
	case TOP_PAUSE:
		snprintf(text, sizeof text, "pause all tasks? (y/n)");
		break;
	case TOP_RESUME:
		snprintf(text, sizeof text, "resume all tasks? (y/n)");
		break;
	default:
		snprintf(text, sizeof text,
		    "q quit  h help  x cancel  p %s  sort: w r t c b o",
		    top_is_paused(t) ? "resume" : "pause");
		break;
	}
	attrset(A_REVERSE);
	mvhline(s->rows, 0, ' ' | A_REVERSE, s->columns);
	mvaddnstr(s->rows, 0, text, s->columns - 1);
	attrset(A_NORMAL);
}

void
top_draw(struct top *t)
{
	struct screen s = {.rows = LINES - 1, .columns = COLS};
	value stats = t->stats != NULL ? moro_reply_object(t->stats) : NULL;

	erase();
	if (t->help) {
		screen_help(&s);
	} else {
		if (stats != NULL)
			screen_head(&s, t, stats);
		if (!t->connected)
			screen_line(&s, A_REVERSE, "reconnecting: %s",
			    t->message);
		else
			screen_line(&s, A_BOLD, "%s", t->message);
		screen_times(&s, stats);
		screen_pools(&s, stats);
		screen_tasks(&s, t);
	}
	screen_foot(&s, t);
	refresh();
}

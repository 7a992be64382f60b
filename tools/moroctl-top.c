/* top: the server live, on a terminal. */

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/moroctl.h"
#include "tools/top.h"

#define TOP_INTERVAL_MS 1000
#define TOP_INTERVAL_MIN_MS 100
#define TOP_INTERVAL_MAX_MS 60000
#define TOP_WAIT_MS 2000 /* for an answer */
#define TOP_ESCAPE_MS 25 /* between the bytes of one key */
#define MS_PER_S 1000
#define NS_PER_MS 1000000

static volatile sig_atomic_t top_ends;

static void
top_signal(int sig)
{
	top_ends = 1;
}

static int64_t
top_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / NS_PER_MS;
}

/* The answer to a question: yes, or anything else. */
static void
top_answer(struct top *t, int key)
{
	enum top_question what = t->question;

	t->question = TOP_NOTHING;
	t->message[0] = '\0';
	if (key != 'y' && key != 'Y')
		return;
	top_do(t, what);
	top_look(t);
}

/* Keys that move the selection. False: it is none of them. */
static bool
top_move(struct top *t, int key)
{
	uint32_t at = t->selected, page = t->page > 0 ? t->page : 1;

	switch (key) {
	case KEY_UP:
	case 'k':
		top_select(t, at > 0 ? at - 1 : 0);
		return true;
	case KEY_DOWN:
	case 'j':
		top_select(t, at + 1);
		return true;
	case KEY_PPAGE:
		top_select(t, at > page ? at - page : 0);
		return true;
	case KEY_NPAGE:
		top_select(t, at + page);
		return true;
	case KEY_HOME:
		top_select(t, 0);
		return true;
	case KEY_END:
		top_select(t, t->n_tasks);
		return true;
	default:
		return false;
	}
}

/* Keys that sort. False: it is none of them. */
static bool
top_sort_key(struct top *t, int key)
{
	static const char keys[TOP_SORTS] = {
	    [TOP_AS_IT_RUNS] = 'o',
	    [TOP_BY_WAIT] = 'w',
	    [TOP_BY_RUN] = 'r',
	    [TOP_BY_TYPE] = 't',
	    [TOP_BY_CLIENT] = 'c',
	    [TOP_BY_BYTES] = 'b',
	};

	for (int i = 0; i < TOP_SORTS; i++) {
		if (keys[i] != key)
			continue;
		t->sort = (enum top_sort)i;
		top_sort(t);
		return true;
	}
	return false;
}

/* Asks whether the selected task is to be cancelled. */
static void
top_ask_cancel(struct top *t)
{
	value task;

	if (t->n_tasks == 0) {
		snprintf(t->message, sizeof t->message,
		    "there is no task to cancel");
		return;
	}
	top_select(t, t->selected);
	task = t->tasks[t->selected];
	if (t->client == 0 || !view_has_number(task, "msgid"))
		snprintf(t->message, sizeof t->message,
		    "nobody waits for this task: it has no number");
	else {
		t->question = TOP_CANCEL;
		t->asked_client = t->client;
		t->asked_msgid = t->msgid;
	}
}

/* Takes a key. False: it ends. */
static bool
top_key(struct top *t, int key)
{
	if (t->question != TOP_NOTHING) {
		top_answer(t, key);
		return true;
	}
	if (key == 'q' || key == 'Q')
		return false;
	if (key == 'h' || key == '?')
		t->help = !t->help;
	else if (t->help || top_move(t, key) || top_sort_key(t, key))
		return true;
	else if ((key == 'x' || key == KEY_DC) && t->connected)
		top_ask_cancel(t);
	else if (key == 'p' && t->connected)
		t->question = top_is_paused(t) ? TOP_RESUME : TOP_PAUSE;
	return true;
}

/* Shows it until a key or a signal ends it. */
static void
top_loop(struct top *t, int interval_ms)
{
	int64_t next = 0, now;
	bool on = true;

	while (on && !top_ends) {
		now = top_clock();
		if (now >= next) {
			top_look(t);
			next = top_clock() + interval_ms;
		}
		top_draw(t);
		now = top_clock();
		timeout(next > now ? (int)(next - now) : 0);
		int key = getch();

		if (key != ERR && key != KEY_RESIZE)
			on = top_key(t, key);
	}
}

/* Makes the terminal ours. NULL: it is none that can be drawn on. */
static SCREEN *
top_open(void)
{
	struct sigaction action = {.sa_handler = top_signal};
	SCREEN *screen;

	setlocale(LC_ALL, "");
	/* before curses looks: it would end the program by itself */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return NULL;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(TOP_ESCAPE_MS);
	curs_set(0);
	return screen;
}

/* Reads --interval. */
static int
top_interval(const struct ctl *c, uint64_t *ms)
{
	*ms = TOP_INTERVAL_MS;
	if (!ctl_has(c, CTL_INTERVAL))
		return EXIT_DONE;
	units_duration(c->values[CTL_INTERVAL], 0, ms);
	if (*ms >= TOP_INTERVAL_MIN_MS && *ms <= TOP_INTERVAL_MAX_MS)
		return EXIT_DONE;
	return complain_usage("--interval takes 100ms to 1m, not %s",
	    c->values[CTL_INTERVAL]);
}

/* Shows the server that is connected. */
static int
top_run(struct top *t, uint64_t interval_ms)
{
	SCREEN *screen = top_open();

	if (screen == NULL)
		return complain_usage("top cannot draw on a terminal of the "
				      "kind that $TERM names");
	top_loop(t, (int)interval_ms);
	endwin();
	delscreen(screen);
	top_forget(t);
	return EXIT_DONE;
}

int
ctl_top(struct ctl *c)
{
	struct top t = {.path = c->values[CTL_SOCKET]};
	struct moro_reply *reply;
	uint64_t interval_ms;
	int rc;

	if (ctl_has(c, CTL_JSON))
		return complain_usage("top has no --json; stats and ls have");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return complain_usage("top needs a terminal; moroctl stats and "
				      "moroctl ls do not");
	rc = top_interval(c, &interval_ms);
	if (rc != EXIT_DONE)
		return rc;
	/* a server that is not there is told before the screen is taken */
	rc = ctl_call(c, "ping", NULL, 0, &reply);
	if (rc != EXIT_DONE)
		return rc;
	moro_reply_free(reply);
	t.moro = c->moro;
	if (!ctl_has(c, CTL_WAIT))
		moro_set_wait_ms(c->moro, TOP_WAIT_MS);
	return top_run(&t, interval_ms);
}

#include "tools/meter.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/progress.h"

#define METER_INTERVAL_MS 100 /* between two drawings */
#define METER_COLUMNS 80 /* of what does not tell its size */
#define METER_COLUMNS_MAX 500
#define METER_ERASE "\r\033[K"

#define MS_PER_S 1000
#define NS_PER_MS 1000000

/* What is measured, and what stands on the terminal. */
struct meter {
	bool enabled;
	bool active; /* between begin and end */
	bool dirty; /* there is something new to draw */
	volatile sig_atomic_t drawn; /* there is a line to erase */
	struct progress_view view; /* its note is owned */
	char *note;
	uint64_t next_ms; /* not drawn before */
	bool known; /* the next two are valid */
	uint64_t first_ms; /* when the first report came */
	double first_done; /* and what it said */
};

static struct meter meter;

/* Monotonic milliseconds. */
static uint64_t
meter_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * MS_PER_S +
	       (uint64_t)ts.tv_nsec / NS_PER_MS;
}

/* Writes to the terminal; what it does not take is no great loss. */
static void
meter_write(const char *bytes, size_t len)
{
	ssize_t n = write(STDERR_FILENO, bytes, len);

	(void)n;
}

/* Erases the line and dies of the signal, whose default is back by now. */
static void
meter_signal_cb(int sig)
{
	if (meter.drawn)
		meter_write(METER_ERASE, sizeof METER_ERASE - 1);
	raise(sig);
}

void
meter_enable(void)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct sigaction act = {.sa_handler = meter_signal_cb,
	    .sa_flags = (int)SA_RESETHAND};
	struct sigaction old;

	meter.enabled = true;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &act, NULL);
	}
}

bool
meter_enabled(void)
{
	return meter.enabled;
}

/* How wide the terminal is at the moment. */
static int
meter_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0)
		return METER_COLUMNS;
	return size.ws_col < METER_COLUMNS_MAX ? size.ws_col
					       : METER_COLUMNS_MAX;
}

/* The speed since the first report, 0: not known yet. */
static double
meter_rate(uint64_t now)
{
	if (now <= meter.first_ms)
		return 0;
	return (meter.view.done - meter.first_done) /
	       ((double)(now - meter.first_ms) / MS_PER_S);
}

/* Draws the line, in one piece, so that nothing is seen half. */
static void
meter_draw(uint64_t now)
{
	char line[PROGRESS_LINE], out[PROGRESS_LINE + sizeof METER_ERASE];

	meter.view.rate = meter_rate(now);
	meter.view.note = meter.note;
	progress_format(line, &meter.view, meter_columns());
	strcpy(out, METER_ERASE);
	strcat(out, line);
	meter.drawn = true;
	meter_write(out, strlen(out));
	meter.dirty = false;
	meter.next_ms = now + METER_INTERVAL_MS;
}

void
meter_begin(bool bytes, double total, uint64_t delay_ms)
{
	if (!meter.enabled)
		return;
	meter_end();
	meter.active = true;
	memset(&meter.view, 0, sizeof meter.view);
	meter.view.bytes = bytes;
	meter.view.total = total;
	meter.next_ms = meter_now() + delay_ms;
}

void
meter_set(double done)
{
	if (!meter.active)
		return;
	meter.view.done = done;
	meter.dirty = true;
	if (!meter.known) {
		meter.known = true;
		meter.first_ms = meter_now();
		meter.first_done = done;
	}
	meter_tick();
}

void
meter_tell(double done, double total, const char *note)
{
	if (!meter.active)
		return;
	free(meter.note);
	meter.note = note == NULL ? NULL : strdup(note);
	meter.view.total = total;
	meter_set(done);
}

int
meter_due(void)
{
	uint64_t now = meter_now();

	if (!meter.active || !meter.dirty)
		return -1;
	return now >= meter.next_ms ? 0 : (int)(meter.next_ms - now);
}

void
meter_tick(void)
{
	if (meter_due() == 0)
		meter_draw(meter_now());
}

void
meter_end(void)
{
	if (meter.drawn)
		meter_write(METER_ERASE, sizeof METER_ERASE - 1);
	meter.drawn = false;
	meter.active = false;
	meter.dirty = false;
	meter.known = false;
	free(meter.note);
	meter.note = NULL;
}

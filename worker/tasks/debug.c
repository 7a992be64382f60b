#include "worker/tasks/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "worker/call.h"

#define DEBUG_MS_MAX (60 * 60 * 1000) /* one hour */
#define DEBUG_MESSAGE_MAX 300 /* bytes of a message */
#define DEBUG_SIGNAL_NAME 16 /* bytes of a signal's name, its NUL included */
#define DEBUG_US_MAX ((int64_t)DEBUG_MS_MAX * 1000)
#define DEBUG_SPINS 32 /* steps between looks at the clock: a tenth of a us */
#define DEBUG_EXIT_MAX 255
#define DEBUG_TALLY_MAX ((int64_t)1 << 31)
#define DEBUG_TALLY_BYTES 4 /* of one number in the file */
#define DEBUG_TALLY_FILE "MORO_DEBUG_TALLY" /* variable with the path */
#define MS_PER_S 1000
#define US_PER_MS 1000
#define NS_PER_US 1000
#define NS_PER_S 1000000000

static const struct field debug_ms_fields[] = {
    {.name = "ms",
	.kinds = FIELD_INT,
	.required = true,
	.max = DEBUG_MS_MAX,
	.about = "Milliseconds."},
    {.name = NULL},
};

enum debug_spin_field { SPIN_MS, SPIN_US };

static const struct field debug_spin_fields[] = {
    [SPIN_MS] = {.name = "ms",
	.kinds = FIELD_INT,
	.max = DEBUG_MS_MAX,
	.about = "Milliseconds; give this or us."},
    [SPIN_US] = {.name = "us",
	.kinds = FIELD_INT,
	.max = DEBUG_US_MAX,
	.about = "Microseconds; give this or ms."},
    {.name = NULL},
};

static const struct field debug_fail_fields[] = {
    {.name = "message",
	.kinds = FIELD_STR,
	.max = DEBUG_MESSAGE_MAX,
	.fallback = "debug:fail",
	.about = "The error's message."},
    {.name = NULL},
};

enum debug_crash_field { CRASH_SIGNAL, CRASH_EXIT };

static const struct field debug_crash_fields[] = {
    [CRASH_SIGNAL] = {.name = "signal",
	.kinds = FIELD_STR | FIELD_INT,
	.fallback = "SIGABRT",
	.about = "The signal to die by: \"SIGSEGV\", \"SEGV\" or 11."},
    [CRASH_EXIT] = {.name = "exit",
	.kinds = FIELD_INT,
	.max = DEBUG_EXIT_MAX,
	.about = "The code to exit with, instead of a signal."},
    {.name = NULL},
};

static const struct field debug_tally_fields[] = {
    {.name = "n",
	.kinds = FIELD_INT,
	.required = true,
	.max = DEBUG_TALLY_MAX,
	.about = "The number to note down."},
    {.name = NULL},
};

static int
debug_echo_run(struct call *call)
{
	msgpack_pack_object(&call->pk, *call->data);
	return 0;
}

/* The monotonic time in us from now, as an absolute time. */
static struct timespec
debug_deadline(int64_t us)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += us / (MS_PER_S * US_PER_MS);
	t.tv_nsec += us % (MS_PER_S * US_PER_MS) * NS_PER_US;
	if (t.tv_nsec >= NS_PER_S) {
		t.tv_nsec -= NS_PER_S;
		t.tv_sec++;
	}
	return t;
}

static int
debug_sleep_run(struct call *call)
{
	int64_t ms = call_int(call->args[0], 0);
	struct timespec end = debug_deadline(ms * US_PER_MS);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) ==
	       EINTR)
		continue;
	msgpack_pack_int64(&call->pk, ms);
	return 0;
}

/* Whether the time has come. */
static bool
debug_past(const struct timespec *end)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec > end->tv_sec ||
	       (t.tv_sec == end->tv_sec && t.tv_nsec >= end->tv_nsec);
}

static int
debug_spin_run(struct call *call)
{
	const msgpack_object *ms = call->args[SPIN_MS];
	const msgpack_object *us = call->args[SPIN_US];
	struct timespec end;
	volatile uint32_t x = 1;

	if ((ms == NULL) == (us == NULL))
		return call_invalid(call, ms == NULL ? "ms" : "us",
		    "debug:spin takes either ms or us: give one");
	end = debug_deadline(
	    us != NULL ? call_int(us, 0) : call_int(ms, 0) * US_PER_MS);
	while (!debug_past(&end)) {
		for (int i = 0; i < DEBUG_SPINS; i++)
			x = x * 1664525u + 1013904223u;
	}
	msgpack_pack_int64(&call->pk, call_int(us != NULL ? us : ms, 0));
	return 0;
}

static int
debug_fail_run(struct call *call)
{
	char message[DEBUG_MESSAGE_MAX + 1] = "debug:fail";

	if (call->args[0] != NULL)
		call_text(call->args[0], message, sizeof message);
	return call_fail(call, CODE_WORKER_ERROR, "%s", message);
}

/* The signal's number by its name, with or without SIG; 0: no such one. */
static int
debug_signal_named(const msgpack_object *arg)
{
	char name[DEBUG_SIGNAL_NAME];
	const char *abbreviation;

	call_text(arg, name, sizeof name);
	for (int i = 1; i < SIGRTMIN; i++) {
		abbreviation = sigabbrev_np(i);
		if (abbreviation == NULL)
			continue;
		if (strcmp(name, abbreviation) == 0 ||
		    (strncmp(name, "SIG", 3) == 0 &&
			strcmp(name + 3, abbreviation) == 0))
			return i;
	}
	return 0;
}

/* The signal to die by; 0: what was given is none. */
static int
debug_signal(const msgpack_object *arg)
{
	int64_t n;

	if (arg == NULL)
		return SIGABRT;
	if (arg->type == MSGPACK_OBJECT_STR)
		return debug_signal_named(arg);
	n = call_int(arg, 0);
	return n > 0 && n < SIGRTMIN ? (int)n : 0;
}

/* Sends this process the signal with its default effect. */
static void
debug_die(int number)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	/* a sanitizer's handler would turn the signal into an exit code */
	sigaction(number, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
}

static int
debug_crash_run(struct call *call)
{
	const msgpack_object *given = call->args[CRASH_SIGNAL];
	int number = debug_signal(given);

	if (number == 0)
		return call_refuse(call, "signal",
		    "a signal's name or number, such as \"SIGSEGV\"", given);
	if (given != NULL && call->args[CRASH_EXIT] != NULL)
		return call_invalid(call, "exit",
		    "exit and signal exclude each other: give one");
	if (call->args[CRASH_EXIT] != NULL)
		_exit((int)call_int(call->args[CRASH_EXIT], 0));
	debug_die(number);
	return call_fail(call, CODE_WORKER_ERROR,
	    "signal %d did not end the worker", number);
}

static char *debug_tally_path; /* NULL: none was given */

int
debug_init(void)
{
	const char *path = getenv(DEBUG_TALLY_FILE);

	free(debug_tally_path);
	debug_tally_path = path != NULL ? strdup(path) : NULL;
	return path != NULL && debug_tally_path == NULL ? -1 : 0;
}

/* Opens the file of numbers. Returns -1 with the call's error set. */
static int
debug_tally_open(struct call *call)
{
	const char *path = debug_tally_path;
	int fd;

	if (path == NULL)
		return call_fail(call, CODE_UNSUPPORTED,
		    "debug:tally needs the environment variable "
		    "%s of morod: the path of a file",
		    DEBUG_TALLY_FILE);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return call_fail(call, CODE_WORKER_ERROR, "%s: %s", path,
		    strerror(errno));
	return fd;
}

/*
 * Notes down in a file, which outlives the worker, that the task was begun.
 * One write, so that numbers of several workers do not mix and a death leaves
 * a whole one or none.
 */
static int
debug_tally_run(struct call *call)
{
	static int fd = -1; /* this worker's, from the first task on */
	int64_t n = call_int(call->args[0], 0);
	uint8_t bytes[DEBUG_TALLY_BYTES];

	if (fd == -1)
		fd = debug_tally_open(call);
	if (fd == -1)
		return -1;
	for (int i = 0; i < DEBUG_TALLY_BYTES; i++)
		bytes[i] = (uint8_t)(n >> 8 * i);
	if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
		return call_fail(call, CODE_WORKER_ERROR,
		    "cannot write to the file in %s: %s", DEBUG_TALLY_FILE,
		    strerror(errno));
	msgpack_pack_int64(&call->pk, n);
	return 0;
}

const struct task_type debug_echo_type = {
    .name = "debug:echo",
    .about = "Gives back what it got.",
    .result = "The data, any value.",
    .example = "[1, \"two\", {\"three\": 3}]",
    .flags = TYPE_DEBUG | TYPE_IDEMPOTENT,
    .run = debug_echo_run,
};

const struct task_type debug_sleep_type = {
    .name = "debug:sleep",
    .about = "Waits, using no CPU.",
    .result = "The milliseconds.",
    .example = "{\"ms\": 100}",
    .flags = TYPE_DEBUG,
    .fields = debug_ms_fields,
    .run = debug_sleep_run,
};

const struct task_type debug_spin_type = {
    .name = "debug:spin",
    .about = "Burns CPU until the time is over.",
    .result = "The number that was given.",
    .example = "{\"ms\": 100}",
    .flags = TYPE_DEBUG,
    .fields = debug_spin_fields,
    .run = debug_spin_run,
};

const struct task_type debug_fail_type = {
    .name = "debug:fail",
    .about = "Fails.",
    .result = "None: the error WORKER_ERROR, reason failed.",
    .example = "{\"message\": \"no\"}",
    .flags = TYPE_DEBUG,
    .fields = debug_fail_fields,
    .run = debug_fail_run,
};

const struct task_type debug_crash_type = {
    .name = "debug:crash",
    .about = "Ends the worker in mid-task.",
    .result = "None: the error WORKER_ERROR, reason crashed.",
    .example = "{\"signal\": \"SIGSEGV\"}",
    .flags = TYPE_DEBUG,
    .fields = debug_crash_fields,
    .run = debug_crash_run,
};

const struct task_type debug_tally_type = {
    .name = "debug:tally",
    .about = "Notes a number down in a file, which outlives the worker.",
    .result = "The number.",
    .example = "{\"n\": 7}",
    .flags = TYPE_DEBUG,
    .fields = debug_tally_fields,
    .run = debug_tally_run,
};

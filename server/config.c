#include "server/config.h"

#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/units.h"
#include "server/log.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONFIG_WORKERS_MAX 1024
#define CONFIG_QUEUE_MAX 4000000 /* task numbers have 22 bits */
#define CONFIG_PREFETCH_MAX 1000000
#define CONFIG_GRACE_MAX 3600000 /* an hour */
#define CONFIG_CLIENTS_MAX 1000000
#define CONFIG_ROOT_SOCKET "/run/moro/morod.sock"
#define CONFIG_USER_SOCKET "morod.sock"
#define CONFIG_VAL 256 /* getopt's values of our options: no characters */
#define GIB ((uint64_t)1 << 30)

enum option_kind {
	OPTION_FLAG,
	OPTION_PATH,
	OPTION_NUMBER,
	OPTION_SIZE,
	OPTION_DURATION,
	OPTION_LEVEL,
};

struct option_entry {
	const char *name;
	const char *metavar;
	enum option_kind kind;
	size_t offset; /* in struct config */
	uint64_t min, max; /* of numbers, bytes, milliseconds */
	const char *fallback; /* as it would be written; NULL: see about */
	const char *about;
};

#define AT(field) offsetof(struct config, field)

static const struct option_entry option_table[] = {
    {"socket", "PATH", OPTION_PATH, AT(socket), 0, 0, NULL,
	"listen here (default $MORO_SOCKET, else " CONFIG_ROOT_SOCKET
	" for root, else $XDG_RUNTIME_DIR/" CONFIG_USER_SOCKET ")"},
    {"workers", "N", OPTION_NUMBER, AT(workers), 1, CONFIG_WORKERS_MAX, NULL,
	"worker processes (default CPUs - 1, at least 1)"},
    {"prefetch-us", "N", OPTION_NUMBER, AT(prefetch_us), 0, CONFIG_PREFETCH_MAX,
	"50",
	"expected run time of the tasks a worker holds, in us; 0: one task"},
    {"max-queue-size", "N", OPTION_NUMBER, AT(max_queue_size), 1,
	CONFIG_QUEUE_MAX, "1000", "tasks that may wait"},
    {"queue-high-mark", "N", OPTION_NUMBER, AT(queue_high_mark), 1, 100, "80",
	"percent of the queue at which subscribers are told to slow down"},
    {"queue-low-mark", "N", OPTION_NUMBER, AT(queue_low_mark), 0, 99, "50",
	"percent at which they are told that it has emptied"},
    {"max-queued-bytes", "SIZE", OPTION_SIZE, AT(max_queued_bytes), 1,
	1024 * GIB, "1G", "bytes of unfinished tasks and unread answers"},
    {"max-clients", "N", OPTION_NUMBER, AT(max_clients), 1, CONFIG_CLIENTS_MAX,
	"10000", "connections"},
    {"max-client-tasks", "N", OPTION_NUMBER, AT(max_client_tasks), 1,
	CONFIG_QUEUE_MAX, "4096", "unfinished tasks of one connection"},
    {"max-client-bytes", "SIZE", OPTION_SIZE, AT(max_client_bytes), 1,
	1024 * GIB, "1G", "bytes of the data of those"},
    {"aging-ms", "N", OPTION_NUMBER, AT(aging_ms), 0, LIMIT_TIME_MS_MAX, "0",
	"a task that waited so long goes one priority up, in ms; 0: never"},
    {"reserve", "N", OPTION_NUMBER, AT(reserve), 0, CONFIG_WORKERS_MAX, "0",
	"workers that are kept for tasks of high priority"},
    {"max-frame", "SIZE", OPTION_SIZE, AT(max_frame), LIMIT_FRAME_MIN,
	LIMIT_FRAME_MAX, "64M", "bytes of one message"},
    {"max-depth", "N", OPTION_NUMBER, AT(max_depth), 1, LIMIT_DEPTH_MAX, "32",
	"containers nested in a task's data"},
    {"max-values", "N", OPTION_NUMBER, AT(max_values), 16, LIMIT_VALUES_MAX,
	"1000000", "values in one message"},
    {"max-method", "N", OPTION_NUMBER, AT(max_method), 16, LIMIT_METHOD_MAX,
	"128", "bytes of a method's name"},
    {"max-file", "SIZE", OPTION_SIZE, AT(max_file), 1, LIMIT_FILE_MAX, "4G",
	"bytes of a file that a client hands over as a descriptor"},
    {"files-for-all", NULL, OPTION_FLAG, AT(files_for_all), 0, 0, NULL,
	"take descriptors from every client, not only from root and this user"},
    {"frame-timeout", "DUR", OPTION_DURATION, AT(frame_timeout_ms), 10,
	LIMIT_TIME_MS_MAX, "10s", "first byte of a message to its last"},
    {"shutdown-timeout", "DUR", OPTION_DURATION, AT(shutdown_timeout_ms), 0,
	LIMIT_TIME_MS_MAX, "10s", "how long a stop waits for accepted tasks"},
    {"cancel-grace", "DUR", OPTION_DURATION, AT(cancel_grace_ms), 0,
	CONFIG_GRACE_MAX, "1s",
	"how long a cancelled task that asks for it may clean up"},
    {"log-level", "LEVEL", OPTION_LEVEL, AT(log_level), 0, 0, "info",
	"what to log: " LOG_LEVEL_NAMES},
    {"debug-tasks", NULL, OPTION_FLAG, AT(debug_tasks), 0, 0, NULL,
	"offer debug:echo, sleep, spin, fail, crash, tally and work"},
    {"version", NULL, OPTION_FLAG, AT(version), 0, 0, NULL,
	"print the version"},
    {"help", NULL, OPTION_FLAG, AT(help), 0, 0, NULL, "print this"},
};

/* What an entry takes, for error messages. */
static void
option_takes(const struct option_entry *e, char *out, size_t size)
{
	switch (e->kind) {
	case OPTION_NUMBER:
		snprintf(out, size,
		    "a whole number from %" PRIu64 " to %" PRIu64, e->min,
		    e->max);
		break;
	case OPTION_SIZE:
		snprintf(out, size,
		    "bytes such as 64M, from %" PRIu64 " to %" PRIu64, e->min,
		    e->max);
		break;
	case OPTION_DURATION:
		snprintf(out, size, UNITS_DURATION_TAKES ", from %" PRIu64 "ms",
		    e->min);
		break;
	case OPTION_LEVEL:
		snprintf(out, size, LOG_LEVEL_NAMES);
		break;
	case OPTION_PATH:
		snprintf(out, size, "a path of 1 to %zu bytes",
		    CONFIG_SOCKET_MAX - 1);
		break;
	case OPTION_FLAG:
		snprintf(out, size, "no value");
		break;
	}
}

/* Reads a value that is a number in the end. Returns 0 or -1. */
static int
option_number(const struct option_entry *e, const char *text, uint64_t *out)
{
	uint64_t v = 0;
	int level;

	switch (e->kind) {
	case OPTION_NUMBER:
		return units_number(text, e->min, e->max, out);
	case OPTION_SIZE:
		if (units_size(text, &v) == -1)
			return -1;
		break;
	case OPTION_DURATION:
		if (units_duration(text, 0, &v) == -1)
			return -1;
		break;
	default:
		level = log_level_parse(text);
		if (level == -1)
			return -1;
		*out = (uint64_t)level;
		return 0;
	}
	if (v < e->min || v > e->max)
		return -1;
	*out = v;
	return 0;
}

/* Stores a value; -1 when the entry does not take it. */
static int
option_store(struct config *config, const struct option_entry *e,
    const char *text)
{
	char *at = (char *)config + e->offset;

	switch (e->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_PATH:
		if (text[0] == '\0' || strlen(text) >= CONFIG_SOCKET_MAX)
			return -1;
		*(const char **)at = text;
		return 0;
	default:
		return option_number(e, text, (uint64_t *)at);
	}
}

/* CPUs that this process may use, less one for the dispatcher. */
static uint64_t
config_workers(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	return n > 1 ? (uint64_t)n - 1 : 1;
}

static void
config_defaults(struct config *config)
{
	memset(config, 0, sizeof *config);
	for (size_t i = 0; i < COUNT(option_table); i++) {
		if (option_table[i].fallback != NULL)
			option_store(config, &option_table[i],
			    option_table[i].fallback);
	}
	config->workers = config_workers();
}

/* Finds a place for the socket when none was given. */
static int
config_socket(struct config *config)
{
	const char *path = getenv("MORO_SOCKET");
	const char *dir = getenv("XDG_RUNTIME_DIR");
	int n = 0;

	if (path != NULL && path[0] != '\0') {
		config->socket = path;
		if (strlen(path) < CONFIG_SOCKET_MAX)
			return 0;
		n = -1;
	} else if (geteuid() == 0) {
		config->socket = CONFIG_ROOT_SOCKET;
		config->default_socket = true;
		return 0;
	} else if (dir == NULL || dir[0] == '\0') {
		fprintf(stderr, "morod: --socket PATH is needed: neither "
				"MORO_SOCKET nor XDG_RUNTIME_DIR is set\n");
		return -1;
	} else {
		n = snprintf(config->socket_buffer,
		    sizeof config->socket_buffer, "%s/%s", dir,
		    CONFIG_USER_SOCKET);
		config->socket = config->socket_buffer;
	}
	if (n < 0 || (size_t)n >= CONFIG_SOCKET_MAX) {
		fprintf(stderr,
		    "morod: MORO_SOCKET and XDG_RUNTIME_DIR take a path of at "
		    "most %zu bytes; give --socket PATH\n",
		    CONFIG_SOCKET_MAX - 1);
		return -1;
	}
	return 0;
}

/* Fills getopt's table from ours; its last entry is left zero. */
static void
config_long_options(struct option *options)
{
	for (size_t i = 0; i < COUNT(option_table); i++) {
		options[i].name = option_table[i].name;
		options[i].has_arg = option_table[i].kind == OPTION_FLAG
					 ? no_argument
					 : required_argument;
		/* each its own, or an abbreviation is not seen to be ambiguous */
		options[i].val = CONFIG_VAL + (int)i;
	}
}

/* Finds the entry of a long option as it was typed, or NULL. */
static const struct option_entry *
config_typed(const char *typed)
{
	size_t len = strcspn(typed, "=");

	for (size_t i = 0; i < COUNT(option_table); i++) {
		const char *name = option_table[i].name;

		if (len > 2 && strncmp(typed + 2, name, len - 2) == 0)
			return &option_table[i];
	}
	return NULL;
}

/* How many options an abbreviation may be; 1 for a whole name. */
static int
config_matches(const char *typed)
{
	size_t len = strcspn(typed, "=");
	int n = 0;

	for (size_t i = 0; len > 2 && i < COUNT(option_table); i++) {
		const char *name = option_table[i].name;

		if (strncmp(typed + 2, name, len - 2) != 0)
			continue;
		if (name[len - 2] == '\0')
			return 1;
		n++;
	}
	return n;
}

/* Says why getopt refused an option. */
static int
config_refuse(const char *typed, bool missing)
{
	const struct option_entry *e = config_typed(typed);
	char takes[128];

	if (config_matches(typed) > 1) {
		fprintf(stderr,
		    "morod: option %s may be one of several; morod --help "
		    "lists them\n",
		    typed);
		return -1;
	}
	if (e == NULL || typed[0] != '-' || typed[1] != '-') {
		fprintf(stderr,
		    "morod: unknown option %s; morod --help lists them\n",
		    typed);
		return -1;
	}
	option_takes(e, takes, sizeof takes);
	fprintf(stderr, "morod: --%s takes %s%s\n", e->name, takes,
	    missing ? ", and nothing was given" : "");
	return -1;
}

static int
config_value(struct config *config, const struct option_entry *e)
{
	char takes[128];

	if (option_store(config, e, optarg) == 0)
		return 0;
	option_takes(e, takes, sizeof takes);
	fprintf(stderr, "morod: --%s takes %s, not \"%s\"\n", e->name, takes,
	    optarg);
	return -1;
}

int
config_parse(struct config *config, int argc, char **argv)
{
	struct option options[COUNT(option_table) + 1] = {0};
	int c;

	config_defaults(config);
	config_long_options(options);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c < CONFIG_VAL)
			return config_refuse(argv[optind - 1], c == ':');
		if (config_value(config, &option_table[c - CONFIG_VAL]) == -1)
			return -1;
	}
	if (optind < argc) {
		fprintf(stderr,
		    "morod: takes no argument, and \"%s\" was given\n",
		    argv[optind]);
		return -1;
	}
	if (config->help || config->version || config->socket != NULL)
		return 0;
	return config_socket(config);
}

struct limits
config_limits(const struct config *config)
{
	struct limits limits = {
	    .frame = (size_t)config->max_frame,
	    .depth = (uint32_t)config->max_depth,
	    .values = (uint32_t)config->max_values,
	    .method = (uint32_t)config->max_method,
	};

	return limits;
}

void
config_help(void)
{
	printf("morod runs CPU-heavy tasks for other programs: it takes them "
	       "over a Unix\nsocket and hands them to worker processes. It "
	       "stays in the foreground.\n\nusage: morod [OPTION...]\n\n");
	for (size_t i = 0; i < COUNT(option_table); i++) {
		const struct option_entry *e = &option_table[i];
		char left[40];

		snprintf(left, sizeof left, "--%s%s%s", e->name,
		    e->metavar ? " " : "", e->metavar ? e->metavar : "");
		printf("  %-24s  %s", left, e->about);
		if (e->fallback != NULL)
			printf(" (default %s)", e->fallback);
		putchar('\n');
	}
	printf("\nTry it:  morod --socket /tmp/m.sock --debug-tasks &\n"
	       "         moroctl --socket /tmp/m.sock hash README.md\n");
}

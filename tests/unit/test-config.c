/* The configuration: parsing, errors, the text that makes it again, reload. */

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/options.h"
#include "server/config-parts.h"
#include "worker/registry.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Parses a text; *errors is what was said, to be freed. */
static int
parse(struct config *config, const char *text, size_t len, char **errors)
{
	size_t n;
	FILE *out = open_memstream(errors, &n);
	int rc = config_parse_text(config, "f", text, len, out);

	fclose(out);
	return rc;
}

/* Parses what is right. */
static void
parse_right(struct config *config, const char *text)
{
	char *errors;
	int rc = parse(config, text, strlen(text), &errors);

	assert_string_equal(errors, "");
	assert_int_equal(rc, 0);
	free(errors);
}

/* The task of a type. */
static struct task_config *
task(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_tasks; i++) {
		if (strcmp(config->tasks[i].type->name, name) == 0)
			return &config->tasks[i];
	}
	fail_msg("no type %s", name);
	return NULL;
}

/* An empty file: what the types and the table say. */
static void
test_defaults(void **state)
{
	struct config c;

	parse_right(&c, "");
	assert_int_equal(c.n_pools, 1);
	assert_string_equal(c.pools[0].name, "default");
	assert_true(c.pools[0].workers.min >= 1);
	assert_int_equal(c.pools[0].workers.min, c.pools[0].workers.max);
	assert_int_equal(c.pools[0].max_queue_size, 1000);
	assert_int_equal(c.max_frame, 64 << 20);
	assert_int_equal(c.frame_timeout_ms, 10000);
	assert_int_equal(task(&c, "jwt:sign")->timeout_ms, 5000);
	assert_int_equal(task(&c, "jwt:verify")->priority, PRIORITY_HIGH);
	assert_int_equal(task(&c, "crypto:hash")->timeout_ms, 10000);
	assert_int_equal(task(&c, "crypto:hash")->priority, PRIORITY_NORMAL);
	assert_int_equal(task(&c, "data:compress")->timeout_ms, 30000);
	assert_int_equal(task(&c, "data:decompress")->timeout_ms, 30000);
	assert_int_equal(task(&c, "debug:echo")->timeout_ms, 0);
	assert_string_equal(task(&c, "debug:echo")->pool, "default");
	assert_false(config_task_sets_timeout(task(&c, "crypto:hash")));
	config_clear(&c);
	config_clear(&c);
}

static const char full[] = "\xef\xbb\xbf# a comment\r\n"
			   "[morod] ; another\r\n"
			   "  workers = 2:4\r\n"
			   "\tmax-frame: 1M\r\n"
			   "debug-tasks = on ; yes\r\n"
			   "frame-timeout=1.5s\r\n"
			   "[ pool  io ]\n"
			   "workers = 3\n"
			   "max-queue-size = 7\n"
			   "[pool default]\n"
			   "reserve = 1\n"
			   "[task crypto:hash]\n"
			   "pool = io\n"
			   "priority = low\n"
			   "timeout = none\n"
			   "max-queued = 5\n"
			   "max-running = 2";

static void
test_full(void **state)
{
	struct config c;
	struct task_config *t;

	parse_right(&c, full);
	assert_int_equal(c.max_frame, 1 << 20);
	assert_true(c.debug_tasks);
	assert_int_equal(c.frame_timeout_ms, 1500);
	assert_int_equal(c.n_pools, 2);
	assert_int_equal(c.pools[0].workers.min, 2);
	assert_int_equal(c.pools[0].workers.max, 4);
	assert_int_equal(c.pools[0].reserve, 1);
	assert_string_equal(c.pools[1].name, "io");
	assert_int_equal(c.pools[1].workers.max, 3);
	assert_int_equal(c.pools[1].max_queue_size, 7);
	assert_int_equal(c.pools[1].reserve, 0);
	t = task(&c, "crypto:hash");
	assert_string_equal(t->pool, "io");
	assert_int_equal(t->priority, PRIORITY_LOW);
	assert_int_equal(t->timeout_ms, 0);
	assert_true(config_task_sets_timeout(t));
	assert_int_equal(t->max_queued, 5);
	assert_int_equal(t->max_running, 2);
	config_clear(&c);
}

/* Each wrong line is told, with what is wrong. */
static void
test_errors(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"workers = 1\n", "f:1: a key before the first section; sections "
			      "are [morod], [pool NAME], [task TYPE], [module "
			      "NAME] and [key NAME]\n"},
	    {"[mord]\nx = 1\n", "f:1: no section [mord]; did you mean "
				"[morod]?\n"},
	    {"[server]\n",
		"f:1: no section [server]; sections are [morod], "
		"[pool NAME], [task TYPE], [module NAME] and [key NAME]\n"},
	    {"[morod\n", "f:1: a section's name ends with ]\n"},
	    {"[morod] x\n", "f:1: nothing but a comment may stand behind ]\n"},
	    {"[pool]\n", "f:1: [pool NAME] takes a name of 1 to 32 letters, "
			 "digits, hyphens and underscores\n"},
	    {"[pool a b]\n", "f:1: [pool NAME] takes a name of 1 to 32 "
			     "letters, digits, hyphens and underscores\n"},
	    {"[module a/b]\npath = x\n",
		"f:1: [module NAME] takes a name of 1 to 32 letters, digits, "
		"hyphens and underscores\n"},
	    {"[key]\nfile = x\n",
		"f:1: [key NAME] takes a name of 1 to 32 letters, digits, "
		"hyphens and underscores\n"},
	    {"[task crypto:hush]\npool = x\n",
		"f:1: no task type \"crypto:hush\"; did you mean "
		"crypto:hash?\n"},
	    {"[task x]\n", "f:1: no task type \"x\"\n"},
	    {"[morod]\nworker = 1\nzzz = 1\n",
		"f:2: no key \"worker\" here; did you mean workers?\n"
		"f:3: no key \"zzz\" here\n"},
	    {"[morod]\nconfig = x\nhelp = yes\n",
		"f:2: no key \"config\" here\nf:3: no key \"help\" here\n"},
	    {"[pool io]\nmax-frame = 1M\n", "f:2: no key \"max-frame\" here\n"},
	    {"[morod]\nmax-depth = 33\n\nmax-depth = 3\n[morod]\n",
		"f:2: max-depth takes a whole number from 1 to 32, not "
		"\"33\"\n"
		"f:4: max-depth is set in line 2 already\n"
		"f:5: this section began in line 1 already\n"},
	    {"[pool io]\n[task jwt:sign]\n[pool io]\n",
		"f:3: this section began in line 1 already\n"},
	    {"[morod]\nworkers\n", "f:2: neither KEY = VALUE nor a section "
				   "nor a comment\n"},
	    {"[morod]\nworkers = 5:4\n",
		"f:2: workers takes a whole number from 1 to 1024, or two as "
		"MIN:MAX, not \"5:4\"\n"},
	    {"[morod]\nworkers = 2\nreserve = 2\n",
		"f:3: reserve takes fewer than the workers of pool default, "
		"which has 2, not 2\n"},
	    {"[morod]\nworkers = 600\n[pool b]\n",
		"f:2: all pools together take at most 1024 workers, and with "
		"pool b they have 1200\n"},
	    {"[morod]\nqueue-high-mark = 50\nqueue-low-mark = 60\n",
		"f:3: queue-low-mark takes less than queue-high-mark, "
		"which is 50, not 60\n"},
	    {"[task jwt:sign]\npool = io\n[pool i0]\n",
		"f:2: no pool \"io\" for jwt:sign\n"},
	    {"[task jwt:sign]\npool = fast\n[pool fist]\n",
		"f:2: no pool \"fast\" for jwt:sign; did you mean fist?\n"},
	    {"[task jwt:sign]\ntimeout = 0s\npriority = urgent\n",
		"f:2: timeout takes a duration such as 500ms, 5s, 2m or 1h, "
		"from 1ms, or none, not \"0s\"\n"
		"f:3: priority takes high, normal or low, not \"urgent\"\n"},
	    {"[morod]\ndebug-tasks =\n",
		"f:2: debug-tasks takes yes or no (true, false, on, off), not "
		"\"\"\n"},
	    {"[morod]\n\001\n", "f:2: byte 0x01 is a control character\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config c;
		char *errors;

		assert_int_equal(parse(&c, cases[i].text, strlen(cases[i].text),
				     &errors),
		    -1);
		assert_string_equal(errors, cases[i].says);
		free(errors);
	}
}

/* Bytes that the reader of lines would take for something else. */
static void
test_odd(void **state)
{
	static const char nul[] = "[morod]\nworkers = 1\0 2\n";
	static const char comment[] = "# \0 \n[morod]\nworkers = 1";
	char text[1200] = "[morod]\nsocket = /";
	size_t n = strlen(text);
	struct config c;
	char *errors;

	assert_int_equal(parse(&c, nul, sizeof nul - 1, &errors), -1);
	assert_string_equal(errors, "f:2: byte 0x00 is a control character\n");
	free(errors);
	assert_int_equal(parse(&c, comment, sizeof comment - 1, &errors), 0);
	free(errors);
	config_clear(&c);
	memset(text + n, 'x', 1000);
	memcpy(text + n + 1000, "\nworkers = 0\n", sizeof "\nworkers = 0\n");
	assert_int_equal(parse(&c, text, strlen(text), &errors), -1);
	assert_string_equal(errors,
	    "f:2: the line has 1010 bytes, and 198 are the most\n"
	    "f:3: workers takes a whole number from 1 to 1024, or two as "
	    "MIN:MAX, not \"0\"\n");
	free(errors);
}

/* The longest line that fits is read whole. */
static void
test_longest_line(void **state)
{
	char text[300];
	struct config c;

	snprintf(text, sizeof text, "[morod]\nworkers =%*s3\nreserve = 1\n",
	    198 - 10, "");
	parse_right(&c, text);
	assert_int_equal(c.pools[0].workers.max, 3);
	assert_int_equal(c.pools[0].reserve, 1);
	config_clear(&c);
}

/* Of a thousand errors the first fifty are shown. */
static void
test_many_errors(void **state)
{
	char text[8192] = "[morod]\n";
	size_t lines = 0;
	struct config c;
	char *errors;

	for (int i = 0; i < 1000; i++)
		strcat(text, "x = 1\n");
	assert_int_equal(parse(&c, text, strlen(text), &errors), -1);
	for (const char *at = errors; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 51);
	assert_non_null(strstr(errors, "and there are more\n"));
	free(errors);
}

/* Copies a text without the comments behind its values. */
static char *
without_origins(const struct config *config)
{
	char *text = config_text(config);
	char *to = text;

	assert_non_null(text);
	for (const char *at = text; *at != '\0'; at++) {
		if (strncmp(at, " ; ", 3) == 0 || strncmp(at, "# line", 6) == 0)
			at += strcspn(at, "\n");
		*to++ = *at;
	}
	*to = '\0';
	return text;
}

/* What is printed makes the same configuration. */
static void
test_text(void **state)
{
	static const char *const texts[] = {"", full,
	    "[morod]\nsocket = /tmp/a ;b\nmax-frame = 5000\n"
	    "frame-timeout = 90s\nshutdown-timeout = 0ms\nfiles-for-all = on\n"
	    "log-level = debug\n[task data:compress]\nrun-timeout = 36h\n",
	    /* a command that has no room for a comment behind it */
	    "[pool p]\nchannel = stdio\nready-timeout = 2s\ncommand = "
	    "/usr/bin/python3 worker.py --with 'a word' "
	    "0123456789012345678901234567890123456789"
	    "01234567890123456789012345678901234567890123456789"
	    "01234567890123456789012345678901234567\n"};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config a, b;
		char *text, *first, *second;

		parse_right(&a, texts[i]);
		text = config_text(&a);
		parse_right(&b, text);
		first = without_origins(&a);
		second = without_origins(&b);
		assert_string_equal(first, second);
		free(text);
		free(first);
		free(second);
		assert_int_equal(config_task_sets_timeout(
				     task(&a, "crypto:hash")),
		    config_task_sets_timeout(task(&b, "crypto:hash")));
		config_clear(&a);
		config_clear(&b);
	}
}

/* Every entry: its default is taken, its name found, and it lies in a struct. */
static void
test_table(void **state)
{
	struct config_near near;

	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];
		char takes[CONFIG_VALUE], variable[CONFIG_VALUE];

		assert_non_null(e->about);
		assert_ptr_equal(config_table_find(e->name, e->where), e);
		config_value_takes(e, takes, sizeof takes);
		assert_true(takes[0] != '\0');
		assert_true(strlen(takes) < sizeof takes - 1);
		config_value_variable(e, variable, sizeof variable);
		assert_int_equal(strncmp(variable, "MORO_", 5), 0);
		if (e->kind != OPTION_COMMAND)
			assert_true(e->fallback != NULL || e->otherwise);
	}
	assert_int_equal(config_near_distance("workers", "workers"), 0);
	assert_int_equal(config_near_distance("worker", "workers"), 1);
	assert_int_equal(config_near_distance("wrokers", "workers"), 2);
	assert_int_equal(config_near_distance("", "abc"), 3);
	config_near_init(&near, "zzzzzz");
	config_near_entries(&near, IN_SERVER);
	assert_null(near.best);
}

/* A file that a test writes again and again. */
static char path[] = "/tmp/test-config-XXXXXX";

static void
write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Reads it as the command line says. */
static void
start(struct config *c, const char *text)
{
	static char name[] = "morod", file[] = "--config";
	static char clients[] = "--max-clients", nine[] = "9";
	static char socket[] = "--socket=/tmp/s";
	char *argv[] = {name, file, path, clients, nine, socket, NULL};

	write_file(text);
	assert_int_equal(config_parse(c, COUNT(argv) - 1, argv), 0);
}

static int
reload(const struct config *old, struct config *new, const char *text,
    char **said)
{
	size_t n;
	FILE *out = open_memstream(said, &n);
	int rc;

	write_file(text);
	rc = config_reload(old, new, out);
	fclose(out);
	return rc;
}

/* New values hold; the command line and the environment still come first. */
static void
test_reload(void **state)
{
	struct config old, new, again;
	char *said;

	start(&old, "[morod]\nworkers = 2\nmax-clients = 5\n");
	assert_int_equal(old.pools[0].workers.max, 2);
	assert_int_equal(old.max_clients, 9);
	assert_int_equal(setenv("MORO_MAX_CLIENT_TASKS", "11", 1), 0);
	assert_int_equal(reload(&old, &new,
			     "[morod]\nworkers = 3:5\nlog-level = debug\n"
			     "max-client-tasks = 12\nmax-clients = 6\n",
			     &said),
	    0);
	assert_string_equal(said, "");
	free(said);
	unsetenv("MORO_MAX_CLIENT_TASKS");
	assert_int_equal(new.pools[0].workers.min, 3);
	assert_int_equal(new.pools[0].workers.max, 5);
	assert_int_equal(new.log_level, 3);
	assert_int_equal(new.max_client_tasks, 11);
	assert_int_equal(new.max_clients, 9);
	assert_string_equal(new.socket, "/tmp/s");
	/* and once more from there */
	config_clear(&old);
	assert_int_equal(reload(&new, &again, "", &said), 0);
	assert_int_equal(again.max_client_tasks, 4096);
	assert_int_equal(again.max_clients, 9);
	free(said);
	config_clear(&new);
	config_clear(&again);
}

/* A wrong file changes nothing and is explained. */
static void
test_reload_wrong(void **state)
{
	struct config old, new;
	char *said, expected[100];

	start(&old, "[morod]\nworkers = 2\n");
	assert_int_equal(reload(&old, &new, "[morod]\n\nworkers = x\n", &said),
	    -1);
	snprintf(expected, sizeof expected,
	    "%s:3: workers takes a whole number", path);
	assert_int_equal(strncmp(said, expected, strlen(expected)), 0);
	assert_int_equal(old.pools[0].workers.max, 2);
	free(said);
	config_clear(&old);
}

/* What needs a restart stays, and is told. */
static void
test_reload_restart(void **state)
{
	struct config old, new;
	char *said, expected[600];

	start(&old, "[morod]\nworkers = 2\n[pool io]\nworkers = 1\n"
		    "[pool gone]\nmax-queue-size = 3\n"
		    "[task jwt:sign]\npool = gone\n");
	assert_int_equal(reload(&old, &new,
			     "[morod]\nmax-frame = 1M\ndebug-tasks = yes\n"
			     "workers = 1\n[pool late]\n[pool io]\n"
			     "workers = 4\n[task jwt:sign]\npool = late\n"
			     "max-queued = 8\n",
			     &said),
	    0);
	snprintf(expected, sizeof expected,
	    "%s:2: max-frame needs a restart, keeps 64M\n"
	    "%s:3: debug-tasks needs a restart, keeps no\n"
	    "%s:5: a new pool (late) needs a restart, and is left out\n"
	    "%s: pool gone needs a restart to go, and stays\n"
	    "%s:9: pool needs a restart, keeps gone\n",
	    path, path, path, path, path);
	assert_string_equal(said, expected);
	free(said);
	assert_int_equal(new.max_frame, 64 << 20);
	assert_false(new.debug_tasks);
	assert_int_equal(new.n_pools, 3);
	assert_string_equal(new.pools[0].name, "default");
	assert_int_equal(new.pools[0].workers.max, 1);
	assert_string_equal(new.pools[1].name, "io");
	assert_int_equal(new.pools[1].workers.max, 4);
	assert_string_equal(new.pools[2].name, "gone");
	assert_int_equal(new.pools[2].max_queue_size, 3);
	assert_string_equal(task(&new, "jwt:sign")->pool, "gone");
	assert_int_equal(task(&new, "jwt:sign")->max_queued, 8);
	config_clear(&old);
	config_clear(&new);
}

/* A file that need not be there is none when it is not; others are told. */
static void
test_load(void **state)
{
	struct config c;
	char *said;
	size_t n;
	FILE *out = open_memstream(&said, &n);
	struct config_errors errors = {.out = out, .prefix = "p: "};

	write_file("[morod]\nmax-depth = 3\n");
	assert_int_equal(config_init(&c), 0);
	assert_int_equal(config_load(&c, "/nowhere/at/all", false, NULL,
			     &errors),
	    0);
	assert_false(c.file_read);
	assert_int_equal(config_load(&c, "/nowhere/at/all", true, NULL,
			     &errors),
	    -1);
	assert_int_equal(config_load(&c, "/", false, NULL, &errors), -1);
	assert_int_equal(config_load(&c, path, false, NULL, &errors), 0);
	assert_true(c.file_read);
	assert_int_equal(c.max_depth, 3);
	fclose(out);
	assert_string_equal(said,
	    "p: /nowhere/at/all: No such file or directory\n"
	    "p: /: Is a directory\n");
	free(said);
	config_clear(&c);
}

static int interrupted = -1; /* the handler says here that it ran */

static void
interrupt_cb(int number)
{
	if (write(interrupted, "", 1) != 1)
		abort();
}

/* Waits until a process sleeps. */
static void
wait_asleep(pid_t pid)
{
	char name[32], stat[512];
	const char *at = NULL;

	snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
	while (at == NULL || strncmp(at, ") S", 3) != 0) {
		int fd = open(name, O_RDONLY);
		ssize_t n = read(fd, stat, sizeof stat - 1);

		if (n == -1)
			_exit(1); /* it is gone */
		close(fd);
		stat[n] = '\0';
		at = strrchr(stat, ')');
		sched_yield();
	}
}

/* Writes to the pipe once its reader was interrupted at it. */
static _Noreturn void
write_late(const char *fifo, pid_t reader, int ran)
{
	static const char text[] = "[morod]\nmax-depth = 3\n";
	int fd = open(fifo, O_WRONLY);
	char byte;

	wait_asleep(reader);
	kill(reader, SIGUSR1);
	if (read(ran, &byte, 1) != 1 ||
	    write(fd, text, sizeof text - 1) != sizeof text - 1)
		_exit(1);
	_exit(0);
}

/* A signal that comes while it is read is no error. */
static void
test_load_interrupted(void **state)
{
	const struct sigaction action = {.sa_handler = interrupt_cb};
	struct config_errors errors = {.out = stderr, .prefix = ""};
	struct sigaction before;
	char fifo[sizeof path + 8];
	int ran[2], status, rc;
	struct config c;
	pid_t self = getpid(), pid;

	snprintf(fifo, sizeof fifo, "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(pipe(ran), 0);
	interrupted = ran[1];
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	pid = fork();
	if (pid == 0)
		write_late(fifo, self, ran[0]);
	assert_int_equal(config_init(&c), 0);
	rc = config_load(&c, fifo, true, NULL, &errors);
	sigaction(SIGUSR1, &before, NULL);
	unlink(fifo);
	close(ran[0]);
	close(ran[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rc, 0);
	assert_int_equal(c.max_depth, 3);
	config_clear(&c);
}

static int
make_file(void **state)
{
	int fd = mkstemp(path);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static int
remove_file(void **state)
{
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_odd),
	    cmocka_unit_test(test_longest_line),
	    cmocka_unit_test(test_many_errors),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_load),
	    cmocka_unit_test(test_load_interrupted),
	    cmocka_unit_test(test_reload),
	    cmocka_unit_test(test_reload_wrong),
	    cmocka_unit_test(test_reload_restart),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}

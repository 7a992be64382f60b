/* What workers print: logged within bounds, and the last lines of it kept. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/log.h"
#include "server/loop.h"
#include "server/tail.h"

#define NOW 5000 /* ms */
#define LOG_BYTES (1 << 20)

static struct loop loop;
static struct tail tail;
static int pen; /* the worker's end */
static int log_fd, real_stderr;
static char logged[LOG_BYTES];

static int
setup(void **state)
{
	int fds[2];

	if (loop_init(&loop) == -1 || pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	loop.now = NOW;
	pen = fds[1];
	log_fd = memfd_create("log", MFD_CLOEXEC);
	real_stderr = dup(STDERR_FILENO);
	dup2(log_fd, STDERR_FILENO);
	log_set_format(LOG_TEXT);
	log_set_level(LEVEL_INFO);
	return tail_init(&tail, &loop, 2, 77, fds[0]);
}

static int
teardown(void **state)
{
	tail_clear(&tail);
	loop_clear(&loop);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(log_fd);
	if (pen != -1)
		close(pen);
	return 0;
}

/* All that was logged so far. */
static const char *
read_log(void)
{
	ssize_t n = pread(log_fd, logged, sizeof logged - 1, 0);

	logged[n > 0 ? n : 0] = '\0';
	return logged;
}

static unsigned int
count(const char *text, const char *what)
{
	unsigned int n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

static void
print(const char *text)
{
	assert_int_equal(write(pen, text, strlen(text)), strlen(text));
}

/* One turn of the loop. */
static void
turn(void)
{
	assert_int_not_equal(event_base_loop(loop.base,
				 EVLOOP_NONBLOCK | EVLOOP_ONCE),
	    -1);
}

static void
test_lines(void **state)
{
	print("one\ntw");
	turn();
	assert_string_equal(tail_last(&tail, 0), "one");
	assert_null(strstr(read_log(), "tw"));
	print("o\r\n\n\r\n\x1b[31mthree\n");
	turn();
	assert_int_equal(count(read_log(), "\n"), 3);
	assert_non_null(strstr(logged, " info worker 3[77]: one\n"));
	assert_non_null(strstr(logged, ": two\n"));
	assert_non_null(strstr(logged, ": ?[31mthree\n"));
	assert_string_equal(tail_last(&tail, 0), "?[31mthree");
	assert_string_equal(tail_last(&tail, 1), "two");
	assert_string_equal(tail_last(&tail, 2), "one");
	assert_null(tail_last(&tail, 3));
}

/* A worker that prints nothing costs nothing. */
static void
test_silence(void **state)
{
	turn();
	assert_null(tail.text);
	assert_null(tail_last(&tail, 0));
	tail_end(&tail);
	assert_null(tail.text);
	assert_string_equal(read_log(), "");
}

/* The log has 1 KiB of a line, and what is kept is 255 bytes. */
static void
test_long_line(void **state)
{
	char text[3000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 2] = '\n';
	text[sizeof text - 1] = '\0';
	print(text);
	print("next\n");
	turn();
	text[TAIL_LINE] = '\0';
	assert_non_null(strstr(read_log(), text));
	assert_non_null(strstr(logged, "xxx...\n"));
	assert_true(strlen(logged) < TAIL_LINE + 200);
	assert_int_equal(strlen(tail_last(&tail, 1)), TAIL_KEPT_LINE - 1);
	assert_string_equal(tail_last(&tail, 0), "next");
	assert_null(strstr(logged, "next..."));
}

/* 100 lines a second; then it is said how many are missing. */
static void
test_flood(void **state)
{
	char line[32], before[32];

	for (int i = 1; i <= 250; i++) {
		snprintf(line, sizeof line, "line-%d.\n", i);
		print(line);
	}
	turn();
	assert_int_equal(count(read_log(), "\n"), TAIL_LINES_A_SECOND);
	for (int i = 0; i < TAIL_KEPT; i++) {
		snprintf(before, sizeof before, "line-%d.", 250 - i);
		assert_string_equal(tail_last(&tail, (unsigned int)i), before);
	}
	assert_null(tail_last(&tail, TAIL_KEPT));
	loop.now = NOW + LOG_LIMIT_MS;
	deadlines_run(loop.deadlines, loop.now);
	assert_non_null(strstr(read_log(), ": 150 lines left out\n"));
	assert_int_equal(deadlines_next(loop.deadlines), UINT64_MAX);
	print("again\n");
	turn();
	assert_non_null(strstr(read_log(), ": again\n"));
}

/*
 * Many times the pipe's room, with lines across all borders: never full for
 * longer than a millisecond, every line counted, the last one known.
 */
static void
test_endless(void **state)
{
	char text[10001];
	uint64_t lines = 0;

	for (int i = 0; i < 1000; i++)
		memcpy(text + (ptrdiff_t)i * 10, "123456789\n", 10);
	for (int i = 0; i < 300; i++) {
		ssize_t n = write(pen, text, 10000);

		assert_int_equal(n, 10000);
		lines += 1000;
		turn();
		/* within the same second: only looked at now and then */
		loop.now++;
		deadlines_run(loop.deadlines, loop.now);
	}
	print("the end");
	close(pen);
	pen = -1;
	tail_end(&tail);
	snprintf(text, sizeof text, ": %llu lines left out\n",
	    (unsigned long long)lines + 1 - TAIL_LINES_A_SECOND);
	assert_non_null(strstr(read_log(), text));
	assert_string_equal(tail_last(&tail, 0), "the end");
	assert_string_equal(tail_last(&tail, 1), "123456789");
}

/* Quiet again, it is not looked at any more before something comes. */
static void
test_pace_ends(void **state)
{
	for (int i = 0; i < 200; i++)
		print("x\n");
	turn();
	loop.now += 1;
	deadlines_run(loop.deadlines, loop.now);
	assert_false(deadline_is_set(&tail.pace));
	print("y\n");
	turn();
	assert_string_equal(tail_last(&tail, 0), "y");
	assert_true(deadline_is_set(&tail.pace));
}

/* What a worker started holds the pipe, and is left alone. */
static void
test_offspring(void **state)
{
	print("last words");
	tail_end(&tail);
	assert_string_equal(tail_last(&tail, 0), "last words");
	assert_non_null(strstr(read_log(), ": last words\n"));
	assert_int_equal(tail.fd, -1);
	assert_int_equal(deadlines_next(loop.deadlines), UINT64_MAX);
	assert_int_equal(write(pen, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
}

/* At the end of the process the last words of a worker are waited for. */
static void
test_wait(void **state)
{
	pid_t pid = fork();
	int pidfd;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (write(pen, "bye\n", 4) != 4)
			_exit(1);
		raise(SIGKILL);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	tail_wait(&tail, pidfd, UINT64_MAX); /* the pipe is open: by pidfd */
	tail_end(&tail);
	assert_string_equal(tail_last(&tail, 0), "bye");
	close(pidfd);
	waitpid(pid, NULL, 0);
}

/* Below info nothing is logged, and the lines are kept all the same. */
static void
test_quiet_log(void **state)
{
	log_set_level(LEVEL_WARNING);
	print("kept\n");
	turn();
	assert_string_equal(read_log(), "");
	assert_string_equal(tail_last(&tail, 0), "kept");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pace_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_offspring, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_quiet_log, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

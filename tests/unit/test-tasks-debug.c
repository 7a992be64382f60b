/* debug:* : what they answer, and that a crash is a real one. */

#include "tests/unit/tasking.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker/tasks/debug.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000

static int64_t
now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

static void
test_echo(void **state)
{
	const msgpack_object *r;
	msgpack_object o = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER};

	tasking_assert_str(tasking_ok("debug:echo", "'text'"), "text");
	assert_int_equal(tasking_ok("debug:echo", "null")->type,
	    MSGPACK_OBJECT_NIL);
	assert_int_equal(tasking_ok("debug:echo", "{'any': 1, 'thing': 2}")
			     ->via.map.size,
	    2);
	tasking_assert_bin(tasking_ok("debug:echo", "{'$bin': '00ff'}"),
	    "\x00\xff", 2);
	r = tasking_ok("debug:echo", "[1, [2.5, false], -7]");
	assert_int_equal(r->via.array.size, 3);
	assert_int_equal(r->via.array.ptr[2].via.i64, -7);
	o.via.u64 = UINT64_MAX;
	assert_int_equal(tasking_run("debug:echo", &o, 100), 0);
	assert_true(tasking_result()->via.u64 == UINT64_MAX);
	/* no data at all counts as nil */
	assert_int_equal(tasking_run("debug:echo", NULL, 100), 0);
	assert_int_equal(tasking_result()->type, MSGPACK_OBJECT_NIL);
}

static void
test_sleep_uses_no_cpu(void **state)
{
	int64_t wall = now_ms(CLOCK_MONOTONIC);
	int64_t cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);

	assert_int_equal(tasking_ok("debug:sleep", "{'ms': 60}")->via.i64, 60);
	assert_true(now_ms(CLOCK_MONOTONIC) - wall >= 60);
	assert_true(now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu < 30);
}

static void
test_spin_uses_cpu(void **state)
{
	int64_t wall = now_ms(CLOCK_MONOTONIC);
	int64_t cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);

	assert_int_equal(tasking_ok("debug:spin", "{'ms': 60}")->via.i64, 60);
	assert_true(now_ms(CLOCK_MONOTONIC) - wall >= 60);
	assert_true(now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu >= 5);
}

/* Microseconds are kept: neither less, nor as long as milliseconds. */
static void
test_spin_microseconds(void **state)
{
	int64_t begin = now_ms(CLOCK_MONOTONIC);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(tasking_ok("debug:spin", "{'us': 20}")
				     ->via.i64,
		    20);
	assert_true(now_ms(CLOCK_MONOTONIC) - begin >= 19);
	begin = now_ms(CLOCK_PROCESS_CPUTIME_ID);
	assert_int_equal(tasking_ok("debug:spin", "{'us': 0}")->via.i64, 0);
	assert_int_equal(tasking_ok("debug:spin", "{'us': 5}")->via.i64, 5);
	assert_true(now_ms(CLOCK_PROCESS_CPUTIME_ID) - begin < 5);
}

static void
test_fail(void **state)
{
	const struct fault *f = tasking_fails("debug:fail", "{}");

	assert_int_equal(f->code, CODE_WORKER_ERROR);
	assert_string_equal(f->reason, "failed");
	assert_false(f->retryable);
	assert_string_equal(f->message, "debug:fail");
	f = tasking_fails("debug:fail", "{'message': '100%% s\xc3\xbcre'}");
	assert_string_equal(f->message, "100% s\xc3\xbcre");
}

/* What becomes of a child that runs debug:crash. */
static int
crash(const char *json)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		tasking_fails("debug:crash", "%s", json);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_crash_by_signal(void **state)
{
	static const struct {
		const char *json;
		int number;
	} cases[] = {
	    {"{}", SIGABRT},
	    {"{'signal': 'SIGSEGV'}", SIGSEGV},
	    {"{'signal': 'SEGV'}", SIGSEGV},
	    {"{'signal': 11}", SIGSEGV},
	    {"{'signal': 'SIGKILL'}", SIGKILL},
	    {"{'signal': 'SIGTERM'}", SIGTERM},
	    {"{'signal': 'BUS'}", SIGBUS},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int status = crash(cases[i].json);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), cases[i].number);
	}
}

static void
test_crash_by_exit(void **state)
{
	static const int codes[] = {0, 2, 255};
	char json[32];

	for (size_t i = 0; i < 3; i++) {
		int status;

		snprintf(json, sizeof json, "{'exit': %d}", codes[i]);
		status = crash(json);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), codes[i]);
	}
}

/*
 * Numbers stand in the file in the order in which they came, each with four
 * bytes, behind what was there. Without the variable it says what it lacks.
 */
static void
test_tally(void **state)
{
	static const uint8_t wanted[] = "x\x07\0\0\0\0\0\0\0\0\0\0\x80";
	char path[] = "/tmp/moro-tally-XXXXXX";
	uint8_t got[sizeof wanted + 1];
	const struct fault *f;
	int fd = mkstemp(path);

	assert_true(fd != -1);
	assert_int_equal(write(fd, "x", 1), 1);
	unsetenv("MORO_DEBUG_TALLY");
	assert_int_equal(debug_init(), 0);
	f = tasking_fails("debug:tally", "{'n': 1}");
	assert_int_equal(f->code, CODE_UNSUPPORTED);
	tasking_assert_contains(f->message, "MORO_DEBUG_TALLY");
	setenv("MORO_DEBUG_TALLY", "/", 1);
	assert_int_equal(debug_init(), 0);
	f = tasking_fails("debug:tally", "{'n': 1}");
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	tasking_assert_contains(f->message, "/: ");
	setenv("MORO_DEBUG_TALLY", path, 1);
	assert_int_equal(debug_init(), 0);
	assert_int_equal(tasking_ok("debug:tally", "{'n': 7}")->via.i64, 7);
	assert_int_equal(tasking_ok("debug:tally", "{'n': 0}")->via.i64, 0);
	assert_int_equal(tasking_ok("debug:tally", "{'n': 2147483648}")
			     ->via.i64,
	    (int64_t)1 << 31);
	assert_int_equal(pread(fd, got, sizeof got, 0), sizeof wanted - 1);
	assert_memory_equal(got, wanted, sizeof wanted - 1);
	close(fd);
	unlink(path);
}

/* The bytes go out as they are; a full line of stdout is not held back. */
static void
test_print(void **state)
{
	int pipe_fds[2], real[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
	char got[64];
	ssize_t n;

	assert_int_equal(pipe(pipe_fds), 0);
	fflush(stdout);
	dup2(pipe_fds[1], STDOUT_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	assert_int_equal(tasking_ok("debug:print", "{'text': 'a', 'times': 3}")
			     ->via.i64,
	    3);
	tasking_ok("debug:print", "{'text': {'$bin': '00ff'}}");
	tasking_ok("debug:print", "{'text': 'b', 'stream': 'stdout'}");
	tasking_ok("debug:print", "{'text': 'c', 'times': 0}");
	fflush(stdout);
	dup2(real[0], STDOUT_FILENO);
	dup2(real[1], STDERR_FILENO);
	n = read(pipe_fds[0], got, sizeof got);
	assert_int_equal(n, 6);
	assert_memory_equal(got,
	    "aaa\x00\xff"
	    "b",
	    6);
	for (int i = 0; i < 2; i++) {
		close(pipe_fds[i]);
		close(real[i]);
	}
}

static void
test_refusals(void **state)
{
	tasking_refuses("ms", "debug:sleep", "{}");
	tasking_refuses("ms", "debug:sleep", "{'ms': -1}");
	tasking_refuses("ms", "debug:spin", "{'ms': '5'}");
	tasking_refuses("ms", "debug:spin", "{'ms': 3600001}");
	tasking_refuses("ms", "debug:spin", "{}");
	tasking_refuses("us", "debug:spin", "{'ms': 1, 'us': 1}");
	tasking_refuses("us", "debug:spin", "{'us': -1}");
	tasking_refuses("us", "debug:spin", "{'us': 3600000001}");
	tasking_refuses("data", "debug:spin", "5");
	tasking_refuses("message", "debug:fail", "{'message': 5}");
	tasking_refuses("text", "debug:fail", "{'text': 'no'}");
	tasking_refuses("signal", "debug:crash", "{'signal': 'SIGNONE'}");
	tasking_refuses("signal", "debug:crash", "{'signal': ''}");
	tasking_refuses("signal", "debug:crash", "{'signal': 0}");
	tasking_refuses("signal", "debug:crash", "{'signal': 99}");
	tasking_refuses("n", "debug:tally", "{}");
	tasking_refuses("n", "debug:tally", "{'n': -1}");
	tasking_refuses("n", "debug:tally", "{'n': 2147483649}");
	tasking_refuses("text", "debug:print", "{}");
	tasking_refuses("stream", "debug:print",
	    "{'text': 'x', 'stream': 'stdin'}");
	tasking_refuses("times", "debug:print",
	    "{'text': 'x', 'times': 10000001}");
	tasking_refuses("exit", "debug:crash", "{'exit': 256}");
	tasking_refuses("exit", "debug:crash", "{'exit': -1}");
	tasking_refuses("exit", "debug:crash", "{'exit': 1, 'signal': 9}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_sleep_uses_no_cpu),
	    cmocka_unit_test(test_spin_uses_cpu),
	    cmocka_unit_test(test_spin_microseconds),
	    cmocka_unit_test(test_fail),
	    cmocka_unit_test(test_crash_by_signal),
	    cmocka_unit_test(test_crash_by_exit),
	    cmocka_unit_test(test_tally),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}

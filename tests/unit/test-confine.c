/* What the configuration opens in the sandbox, and what is said of it. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

#include "server/confine.h"
#include "worker/landlock.h"
#include "worker/sandbox.h"
#include "worker/syscalls.h"

#define CREATE_RULESET 444 /* how a process begins with Landlock */
#define SAID_MAX 8192

static char folder[] = "/tmp/test-confine-XXXXXX";
static char read_path[64], write_path[64], closed_path[64];
static char said[SAID_MAX];

static int
setup(void **state)
{
	const struct {
		char *path;
		const char *name;
	} files[] = {{read_path, "a"}, {write_path, "b"}, {closed_path, "c"}};

	if (mkdtemp(folder) == NULL)
		return -1;
	for (size_t i = 0; i < 3; i++) {
		int fd;

		snprintf(files[i].path, sizeof read_path, "%s/%s", folder,
		    files[i].name);
		fd = open(files[i].path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd == -1)
			return -1;
		close(fd);
	}
	return 0;
}

static int
teardown(void **state)
{
	unlink(read_path);
	unlink(write_path);
	unlink(closed_path);
	return rmdir(folder);
}

/* Runs it in a process of its own; `said` is what it says. Gives its result. */
static int
run(int (*what)(const struct config *), const struct config *config)
{
	int fd = memfd_create("said", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		exit(what(config));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = pread(fd, said, sizeof said - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The first path that workers cannot be let open is told, and why. */
static void
test_flaw(void **state)
{
	char path[64] = "";

	assert_null(confine_flaw("/", path, sizeof path));
	assert_null(confine_flaw("/tmp, /", path, sizeof path));
	assert_string_equal(confine_flaw("/, etc, tmp", path, sizeof path),
	    "is no absolute path");
	assert_string_equal(path, "etc");
	assert_string_equal(confine_flaw("/,/no/where", path, sizeof path),
	    "No such file or directory");
	assert_string_equal(path, "/no/where");
}

static int
check(const struct config *config)
{
	return confine_check(config);
}

static void
test_says_sections(void **state)
{
	struct module_config modules[] = {
	    {.name = "one", .reads = read_path, .writes = write_path},
	    {.name = "two", .reads = closed_path},
	    {.name = "three"},
	};
	const struct config config = {
	    .sandbox = true,
	    .modules = modules,
	    .n_modules = 3,
	};
	char lines[512];

	assert_int_equal(run(check, &config), true);
	snprintf(lines, sizeof lines,
	    "morod: module one: its section opens %s to be read\n"
	    "morod: module one: its section opens %s to be written\n"
	    "morod: module two: its section opens %s to be read\n",
	    read_path, write_path, closed_path);
	assert_non_null(strstr(said, lines));
	assert_null(strstr(said, "three"));
}

static bool
can_open(const char *path, int how)
{
	int fd = open(path, how | O_CLOEXEC);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

/* In a worker: which of the files it can open, one bit each. */
static _Noreturn void
worker(void)
{
	int done = 0;

	if (sandbox_enter(SANDBOX_WORKER) == -1)
		_exit(0x80);
	done |= can_open(read_path, O_RDONLY) ? 1 : 0;
	done |= can_open(read_path, O_WRONLY) ? 2 : 0;
	done |= can_open(write_path, O_WRONLY) ? 4 : 0;
	done |= can_open(closed_path, O_RDONLY) ? 8 : 0;
	_exit(done);
}

/* In a master: what its worker can do. */
static int
make_worker(const struct config *config)
{
	int status;
	pid_t pid;

	if (!confine_make(config))
		return 0x80;
	pid = fork();
	if (pid == 0)
		worker();
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status)
		   ? WEXITSTATUS(status)
		   : 0x80;
}

/* What the sections of modules name is open to workers, and nothing else. */
static void
test_opens_sections(void **state)
{
	struct module_config modules[] = {
	    {.name = "one", .reads = read_path},
	    {.name = "two", .writes = write_path},
	};
	const struct config config = {
	    .sandbox = true,
	    .require_sandbox = true,
	    .modules = modules,
	    .n_modules = 2,
	};

#ifdef MORO_SANITIZED
	skip(); /* what a sanitizer reads is open */
#endif
	if (landlock_version() == 0 || !syscalls_can())
		skip();
	assert_int_equal(run(make_worker, &config), 1 | 4);
	assert_string_equal(said, "");
}

/* This process has a kernel without Landlock. */
static bool
lose_landlock(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CREATE_RULESET, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int
make_without(const struct config *config)
{
	return lose_landlock() ? confine_make(config) : 0x80;
}

static int
check_without(const struct config *config)
{
	return lose_landlock() ? confine_check(config) : 0x80;
}

/* Where the kernel has not all of it that is said; or morod does not run. */
static void
test_missing(void **state)
{
	static const char landlock[] = "Landlock (files are not closed)";
	struct config config = {.sandbox = true};

	if (!syscalls_can())
		skip();
	assert_int_equal(run(make_without, &config), true);
	assert_non_null(strstr(said, "the sandbox is not whole: this kernel"));
	assert_non_null(strstr(said, landlock));
	assert_int_equal(run(check_without, &config), true);
	config.require_sandbox = true;
	assert_int_equal(run(make_without, &config), false);
	assert_non_null(strstr(said, "which require-sandbox wants"));
	assert_non_null(strstr(said, landlock));
	assert_int_equal(run(check_without, &config), false);
	assert_non_null(
	    strstr(said, "morod: require-sandbox: this kernel has no "));
}

static int
say_root(const struct config *config)
{
	confine_say_root(config);
	return 0;
}

/* Who can write root's configuration is as good as root: root is told. */
static void
test_says_root(void **state)
{
	static const char user[] = "nobody";
	struct config config = {
	    .file = closed_path,
	    .file_read = true,
	    .user = (char *)(uintptr_t)user,
	};

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(closed_path, 0644), 0);
	assert_int_equal(run(say_root, &config), 0);
	assert_string_equal(said, "");
	assert_int_equal(chmod(closed_path, 0664), 0);
	assert_int_equal(run(say_root, &config), 0);
	assert_non_null(strstr(said, closed_path));
	assert_int_equal(chmod(closed_path, 0646), 0);
	assert_int_equal(run(say_root, &config), 0);
	assert_non_null(strstr(said, closed_path));
	assert_int_equal(chmod(closed_path, 0644), 0);
	assert_int_equal(chown(closed_path, 1, 0), 0);
	assert_int_equal(run(say_root, &config), 0);
	assert_non_null(strstr(said, "can be written by others than root"));
	config.file_read = false;
	assert_int_equal(run(say_root, &config), 0);
	assert_string_equal(said, "");
	config.user = NULL;
	assert_int_equal(run(say_root, &config), 0);
	assert_non_null(strstr(said, "all processes are root's"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flaw),
	    cmocka_unit_test(test_says_sections),
	    cmocka_unit_test(test_opens_sections),
	    cmocka_unit_test(test_missing),
	    cmocka_unit_test(test_says_root),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

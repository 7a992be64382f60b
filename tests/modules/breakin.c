/*
 * A module that tries what a worker must not do, as code would that a task has
 * made it run: test:break does one thing and tells what came of it.
 */

#include <moro_module.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BREAK_NEEDS
#define BREAK_NEEDS .needs = 0
#endif

#define HUGE_BYTES ((size_t)64 << 30)
#define BOMB 1000 /* processes */
#define GONE 127 /* status of a child that should not be */

enum break_field { BREAK_HOW, BREAK_PATH, BREAK_PID };

static const char *break_path; /* of this task */
static int break_pid;
static int break_kept = -1; /* a file that init() has opened */

extern char **environ;

/* A child that should not be ends; its parent tells that it was there. */
static long
break_child(long pid)
{
	if (pid == 0)
		_exit(GONE);
	return pid;
}

static long
break_open(void)
{
	return open(break_path, O_RDONLY);
}

static long
break_create(void)
{
	return open(break_path, O_WRONLY | O_CREAT, 0600);
}

static long
break_write(void)
{
	return open(break_path, O_WRONLY);
}

static long
break_list(void)
{
	return opendir(break_path) != NULL ? 0 : -1;
}

static long
break_unlink(void)
{
	return unlink(break_path);
}

static long
break_mkdir(void)
{
	return mkdir(break_path, 0700);
}

static long
break_chmod(void)
{
	return chmod(break_path, 0777);
}

static long
break_socket_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long
break_socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long
break_socketpair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static long
break_execve(void)
{
	return execl("/bin/true", "true", NULL);
}

static long
break_execveat(void)
{
	char *words[] = {NULL};

	return syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, words, 0);
}

static long
break_fork(void)
{
	return break_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static long
break_clone3(void)
{
	unsigned long args[8] = {[4] = SIGCHLD};

	return break_child(syscall(SYS_clone3, args, sizeof args));
}

static long
break_bomb(void)
{
	long last = -1;

	for (int i = 0; i < BOMB; i++)
		last = break_child(fork());
	return last;
}

static void *
break_idle(void *arg)
{
	return arg;
}

static long
break_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, break_idle, NULL);
	return errno != 0 ? -1 : pthread_join(thread, NULL);
}

static long
break_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, break_pid, NULL, NULL);
}

static long
break_read_memory(void)
{
	char byte;
	struct iovec mine = {&byte, 1}, its = {(void *)environ, 1};

	return process_vm_readv(break_pid, &mine, 1, &its, 1, 0);
}

static long
break_kill(void)
{
	return kill(break_pid, SIGKILL);
}

static long
break_kill_all(void)
{
	return kill(-1, SIGTERM);
}

static long
break_kill_group(void)
{
	return kill(0, SIGTERM);
}

static long
break_tgkill(void)
{
	return syscall(SYS_tgkill, break_pid, break_pid, SIGKILL);
}

static long
break_tkill(void)
{
	return syscall(SYS_tkill, break_pid, SIGKILL);
}

static long
break_queue(void)
{
	return sigqueue(break_pid, SIGTERM, (union sigval){.sival_int = 0});
}

static long
break_pidfd(void)
{
	return syscall(SYS_pidfd_open, break_pid, 0);
}

/* Signals that a descriptor sends: the kernel asks no filter about them. */
static long
break_owner(void)
{
	return fcntl(STDOUT_FILENO, F_SETOWN, break_pid);
}

static long
break_limit(void)
{
	struct rlimit none = {0, 0};

	return prlimit(break_pid, RLIMIT_NOFILE, &none, NULL);
}

static long
break_priority(void)
{
	return setpriority(PRIO_PROCESS, (id_t)break_pid, 19);
}

/* Gives 0 if there is such memory, and does not keep it. */
static long
break_map(size_t size, int protection, int flags)
{
	void *at = mmap(NULL, size, protection, flags | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? -1 : munmap(at, size);
}

static long
break_huge(void)
{
	return break_map(HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static long
break_shared(void)
{
	return break_map(1, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static long
break_memfd(void)
{
	return memfd_create("x", 0);
}

static long
break_code(void)
{
	return break_map(1, PROT_READ | PROT_EXEC, MAP_PRIVATE);
}

static long
break_environ(void)
{
	if (environ != NULL && environ[0] != NULL)
		return 0;
	errno = ENOENT;
	return -1;
}

static long
break_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long
break_orphan(void)
{
	return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

static long
break_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

static long
break_setns(void)
{
	return setns(0, 0);
}

static long
break_setuid(void)
{
	return setuid(0);
}

static long
break_keep(void)
{
	char byte;

	return break_kept != -1 ? pread(break_kept, &byte, 1, 0) : -1;
}

/* One that a call's number alone makes; it is not to get as far as arguments. */
#define BREAK_CALL(name)                                       \
	static long break_##name(void)                         \
	{                                                      \
		return syscall(SYS_##name, -1, 0, 0, 0, 0, 0); \
	}

BREAK_CALL(bpf)
BREAK_CALL(keyctl)
BREAK_CALL(add_key)
BREAK_CALL(mount)
BREAK_CALL(chroot)
BREAK_CALL(personality)
BREAK_CALL(userfaultfd)
BREAK_CALL(perf_event_open)
BREAK_CALL(kexec_load)
BREAK_CALL(init_module)
BREAK_CALL(finit_module)
BREAK_CALL(io_uring_setup)
BREAK_CALL(setgroups)
BREAK_CALL(seccomp)
BREAK_CALL(eventfd2)

#ifdef __x86_64__
/* The kernel's other doors: getpid() as a program of 32 bits, and of x32. */
static long
break_old_door(void)
{
	long rc = 20;

	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
	return rc;
}

static long
break_x32(void)
{
	return syscall(0x40000000 + SYS_getpid);
}
#endif

#define HOW(name)                   \
	{                           \
#name, break_##name \
	}

static const struct {
	const char *name;
	long (*run)(void);
} break_ways[] = {
    HOW(open),
    HOW(create),
    HOW(write),
    HOW(list),
    HOW(unlink),
    HOW(mkdir),
    HOW(chmod),
    HOW(socket_unix),
    HOW(socket_inet),
    HOW(socketpair),
    HOW(execve),
    HOW(execveat),
    HOW(fork),
    HOW(clone3),
    HOW(bomb),
    HOW(thread),
    HOW(ptrace),
    HOW(read_memory),
    HOW(kill),
    HOW(kill_all),
    HOW(kill_group),
    HOW(tgkill),
    HOW(tkill),
    HOW(queue),
    HOW(pidfd),
    HOW(owner),
    HOW(limit),
    HOW(priority),
    HOW(huge),
    HOW(shared),
    HOW(memfd),
    HOW(code),
    HOW(environ),
    HOW(dumpable),
    HOW(orphan),
    HOW(unshare),
    HOW(setns),
    HOW(setuid),
    HOW(setgroups),
    HOW(keep),
    HOW(bpf),
    HOW(keyctl),
    HOW(add_key),
    HOW(mount),
    HOW(chroot),
    HOW(personality),
    HOW(userfaultfd),
    HOW(perf_event_open),
    HOW(kexec_load),
    HOW(init_module),
    HOW(finit_module),
    HOW(io_uring_setup),
    HOW(seccomp),
    HOW(eventfd2),
#ifdef __x86_64__
    HOW(old_door),
    HOW(x32),
#endif
};

static const struct moro_field break_fields[] = {
    [BREAK_HOW] = {.name = "how",
	.kinds = MORO_KIND_STR,
	.flags = MORO_REQUIRED,
	.about = "What to try."},
    [BREAK_PATH] = {.name = "path",
	.kinds = MORO_KIND_STR,
	.about = "A file that it is about."},
    [BREAK_PID] = {.name = "pid",
	.kinds = MORO_KIND_INT,
	.about = "A process that it is about."},
    {.name = NULL},
};

/*
 * Whether nothing keeps it from doing what it tries: then it must not try, for
 * all processes would be ended and the kernel replaced.
 */
static bool
break_is_free(const char *how)
{
	static const char *const harmless[] = {"open", "fork"};

	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
		if (strcmp(how, harmless[i]) == 0)
			return false;
	}
	return prctl(PR_GET_SECCOMP) == 0; /* a filter says 2, or refuses */
}

/* Answers "done", or the name of the error. */
static int
break_run(struct moro_task *task)
{
	char how[32], path[4096];

	if (moro_task_text(task, BREAK_HOW, how, sizeof how) == -1 ||
	    moro_task_text(task, BREAK_PATH, path, sizeof path) == -1)
		return -1;
	if (break_is_free(how))
		return moro_fail_field(task, "how",
		    "there is no sandbox: \"%s\" would be done", how);
	break_path = path;
	break_pid = (int)moro_task_int(task, BREAK_PID);
	for (size_t i = 0; i < sizeof break_ways / sizeof *break_ways; i++) {
		if (strcmp(break_ways[i].name, how) != 0)
			continue;
		errno = 0;
		moro_put_text(task, break_ways[i].run() != -1
					? "done"
					: strerrorname_np(errno));
		return 0;
	}
	return moro_fail_field(task, "how", "there is no way \"%s\"", how);
}

/* In the sandbox, the settings name what to open before it closes. */
static int
break_init(const char *settings, const char **why)
{
	(void)why;
	if (settings[0] != '\0')
		break_kept = open(settings, O_RDONLY | O_CLOEXEC);
	return 0;
}

/* Says whether a file could be opened behind the last task. */
static void
break_exit(void)
{
	fprintf(stderr, "break: at the end %s\n",
	    open("/etc/passwd", O_RDONLY) != -1 ? "done"
						: strerrorname_np(errno));
}

static const struct moro_type break_type = {
    .name = "test:break",
    .about = "Tries to break out.",
    .fields = break_fields,
    .run = break_run,
};

static const struct moro_type *const break_types[] = {&break_type, NULL};

const struct moro_module moro_module = {
    .abi = MORO_MODULE_ABI,
    .name = "breakin",
    .types = break_types,
    .init = break_init,
    .exit = break_exit,
    BREAK_NEEDS,
};

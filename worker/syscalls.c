#include "worker/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

/*
 * Stands in a program for the number of the process that puts it in force; no
 * process has that one (the kernel's largest is 2^22).
 */
#define SYSCALLS_SELF 0x5e1f5e1fu

#define SYSCALLS_ARGS 2 /* that one rule looks at */
#define BOTH (SYSCALLS_WORKER | SYSCALLS_DISPATCHER)
#define CLONE_NEW                                                      \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* An argument, of which these bits must have this value; no bits: any. */
struct syscalls_arg {
	unsigned int at;
	uint64_t mask;
	uint64_t value;
};

/* What opens a file for more than to read it. */
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC)

#define ARG_IS(at, value)             \
	{                             \
		at, UINT32_MAX, value \
	}
#define ARG_WITHOUT(at, bits) \
	{                     \
		at, bits, 0   \
	}

/* What is allowed, to whom. Several rules of one call: any of them does. */
static const struct {
	const char *name;
	unsigned int who; /* enum syscalls_for: one of them does */
	struct syscalls_arg args[SYSCALLS_ARGS];
} syscalls_allowed[] = {
    /* descriptors that it has */
    {"read", BOTH},
    {"readv", BOTH},
    {"pread64", BOTH},
    {"preadv", BOTH},
    {"write", BOTH},
    {"writev", BOTH},
    {"pwrite64", BOTH},
    {"pwritev", BOTH},
    {"recvmsg", BOTH},
    {"recvfrom", BOTH},
    {"sendmsg", BOTH},
    {"sendto", BOTH},
    {"poll", BOTH},
    {"ppoll", BOTH},
    {"lseek", BOTH},
    {"fstat", BOTH},
    {"newfstatat", BOTH}, /* fstat() is that; of a path it tells little */
    {"fstatat64", BOTH},
    {"ftruncate", BOTH},
    {"close", BOTH},
    /* not F_SETOWN and F_SETSIG: they send signals to others */
    {"fcntl", BOTH, {ARG_IS(1, F_DUPFD_CLOEXEC)}},
    {"fcntl", BOTH, {ARG_IS(1, F_GETFD)}},
    {"fcntl", BOTH, {ARG_IS(1, F_SETFD)}},
    {"fcntl", BOTH, {ARG_IS(1, F_GETFL)}},
    {"fcntl", BOTH, {ARG_IS(1, F_SETFL)}},
    {"fcntl", BOTH, {ARG_IS(1, F_GET_SEALS)}},
    /* its memory: no code, and none that counts as no process's */
    {"mmap", BOTH, {ARG_WITHOUT(2, PROT_EXEC), ARG_WITHOUT(3, MAP_SHARED)}},
    {"mmap", BOTH, {ARG_WITHOUT(2, PROT_EXEC), ARG_WITHOUT(3, MAP_ANONYMOUS)}},
    {"mmap", SYSCALLS_CODE, {ARG_WITHOUT(3, MAP_SHARED)}},
    {"mmap", SYSCALLS_CODE, {ARG_WITHOUT(3, MAP_ANONYMOUS)}},
    {"mprotect", BOTH, {ARG_WITHOUT(2, PROT_EXEC)}},
    {"mprotect", SYSCALLS_CODE},
    {"munmap", BOTH},
    {"mremap", BOTH},
    {"madvise", BOTH},
    {"brk", BOTH},
    {"mlock", BOTH},
    {"munlock", BOTH},
    /* itself */
    {"getpid", BOTH},
    {"getppid", BOTH},
    {"gettid", BOTH},
    {"getuid", BOTH},
    {"geteuid", BOTH},
    {"getgid", BOTH},
    {"getegid", BOTH},
    {"getrusage", BOTH},
    {"prlimit64", BOTH, {ARG_IS(0, 0)}},
    {"getrlimit", BOTH},
    {"setrlimit", BOTH},
    {"rt_sigaction", BOTH},
    {"rt_sigprocmask", BOTH},
    {"rt_sigreturn", BOTH},
    {"sigaltstack", BOTH},
    {"kill", BOTH, {ARG_IS(0, SYSCALLS_SELF)}},
    {"tgkill", BOTH, {ARG_IS(0, SYSCALLS_SELF)}}, /* abort() */
    {"exit", BOTH},
    {"exit_group", BOTH},
    {"prctl", BOTH, {ARG_IS(0, PR_SET_NAME)}},
    /* time, and what the machine is */
    {"restart_syscall", BOTH},
    {"futex", BOTH},
    {"sched_yield", BOTH},
    {"sched_getaffinity", BOTH},
    {"getcpu", BOTH},
    {"pause", BOTH},
    {"nanosleep", BOTH},
    {"clock_nanosleep", BOTH},
    {"clock_gettime", BOTH},
    {"clock_getres", BOTH},
    {"gettimeofday", BOTH},
    {"time", BOTH},
    {"times", BOTH},
    {"getrandom", BOTH},
    {"sysinfo", BOTH},
    {"uname", BOTH},
    /* a thread that init() started, when it begins: glibc aborts without */
    {"set_robust_list", BOTH},
    {"rseq", BOTH},
    /* threads, and not processes; clone3() is told apart by nobody: see below */
    {"clone", SYSCALLS_THREADS, {{0, CLONE_THREAD | CLONE_NEW, CLONE_THREAD}}},
    {"membarrier", SYSCALLS_THREADS},
    /* files of its own */
    {"open", SYSCALLS_FILES, {ARG_WITHOUT(1, OPEN_WRITES)}},
    {"openat", SYSCALLS_FILES, {ARG_WITHOUT(2, OPEN_WRITES)}},
    {"open", SYSCALLS_WRITES},
    {"openat", SYSCALLS_WRITES},
    {"access", SYSCALLS_FILES},
    {"faccessat", SYSCALLS_FILES},
    {"faccessat2", SYSCALLS_FILES},
    {"stat", SYSCALLS_FILES},
    {"lstat", SYSCALLS_FILES},
    {"statx", SYSCALLS_FILES},
    {"statfs", SYSCALLS_FILES},
    {"fstatfs", SYSCALLS_FILES},
    {"readlink", SYSCALLS_FILES},
    {"readlinkat", SYSCALLS_FILES},
    {"getcwd", SYSCALLS_FILES},
    {"getdents64", SYSCALLS_FILES},
    {"flock", SYSCALLS_FILES},
    {"fcntl", SYSCALLS_FILES, {ARG_IS(1, F_GETLK)}},
    {"fcntl", SYSCALLS_FILES, {ARG_IS(1, F_SETLK)}},
    {"fcntl", SYSCALLS_FILES, {ARG_IS(1, F_SETLKW)}},
    {"mkdir", SYSCALLS_WRITES},
    {"mkdirat", SYSCALLS_WRITES},
    {"unlink", SYSCALLS_WRITES},
    {"unlinkat", SYSCALLS_WRITES},
    {"rmdir", SYSCALLS_WRITES},
    {"rename", SYSCALLS_WRITES},
    {"renameat", SYSCALLS_WRITES},
    {"renameat2", SYSCALLS_WRITES},
    {"fsync", SYSCALLS_WRITES},
    {"fdatasync", SYSCALLS_WRITES},
    {"fallocate", SYSCALLS_WRITES},
    {"umask", SYSCALLS_WRITES},
    /* the dispatcher: its loop, its clients, the ends of its workers */
    {"epoll_wait", SYSCALLS_DISPATCHER},
    {"epoll_pwait", SYSCALLS_DISPATCHER},
    {"epoll_ctl", SYSCALLS_DISPATCHER},
    {"timerfd_settime", SYSCALLS_DISPATCHER}, /* libevent's, to the us */
    {"accept4", SYSCALLS_DISPATCHER},
    {"getsockopt", SYSCALLS_DISPATCHER},
    {"setsockopt", SYSCALLS_DISPATCHER},
    {"shutdown", SYSCALLS_DISPATCHER},
    /* by descriptors that the master gave it: it can make none */
    {"pidfd_send_signal", SYSCALLS_DISPATCHER},
    /* /proc/PID/stat of workers: Landlock lets it open no other place */
    {"openat", SYSCALLS_DISPATCHER,
	{ARG_WITHOUT(2, OPEN_WRITES | O_DIRECTORY)}},
#ifdef MORO_SANITIZED
    /* what the sanitizers look at, and the leak check at the end starts */
    {"openat", BOTH},
    {"open", BOTH},
    {"access", BOTH},
    {"readlink", BOTH},
    {"readlinkat", BOTH},
    {"getdents", BOTH},
    {"getdents64", BOTH},
    {"stat", BOTH},
    {"prctl", BOTH},
    {"ptrace", BOTH},
    {"clone", BOTH},
    {"wait4", BOTH},
    {"arch_prctl", BOTH},
    {"pipe", BOTH},
    {"pipe2", BOTH},
    {"fcntl", BOTH},
    {"kill", BOTH},
    {"tgkill", BOTH},
    {"mmap", BOTH},
    {"process_vm_readv", BOTH},
#endif
};

/* What a process is killed for, by what it would be good for. */
static const struct {
	const char *name;
	const char *why; /* "it could ..." */
} syscalls_killed[] = {
    {"execve", "run a program"},
    {"execveat", "run a program"},
    {"socket", "reach the network, or other servers"},
    {"socketpair", "hand things to a process that it has made"},
    {"ptrace", "take over another process"},
    {"process_vm_readv", "read the memory of another process"},
    {"process_vm_writev", "write to the memory of another process"},
    {"process_madvise", "change the memory of another process"},
    {"process_mrelease", "change the memory of another process"},
    {"pidfd_getfd", "take descriptors of another process"},
    {"kcmp", "look into another process"},
    {"move_pages", "change the memory of another process"},
    {"migrate_pages", "change the memory of another process"},
    {"unshare", "make namespaces, where it is root"},
    {"setns", "enter namespaces of others"},
    {"chroot", "have another root"},
    {"pivot_root", "have another root"},
    {"mount", "change what files there are"},
    {"umount2", "change what files there are"},
    {"move_mount", "change what files there are"},
    {"open_tree", "change what files there are"},
    {"fsopen", "change what files there are"},
    {"fsconfig", "change what files there are"},
    {"fsmount", "change what files there are"},
    {"fspick", "change what files there are"},
    {"mount_setattr", "change what files there are"},
    {"open_by_handle_at", "open files without their path"},
    {"fanotify_init", "watch what others do with files"},
    {"quotactl", "change limits of others"},
    {"acct", "watch all processes"},
    {"setuid", "become somebody else"},
    {"setgid", "become somebody else"},
    {"setreuid", "become somebody else"},
    {"setregid", "become somebody else"},
    {"setresuid", "become somebody else"},
    {"setresgid", "become somebody else"},
    {"setfsuid", "become somebody else"},
    {"setfsgid", "become somebody else"},
    {"setgroups", "become somebody else"},
    {"capset", "have capabilities"},
    {"personality", "switch protections of its memory off"},
    {"modify_ldt", "reach old code of the kernel"},
    {"uselib", "load code"},
    {"bpf", "load code into the kernel"},
    {"init_module", "load code into the kernel"},
    {"finit_module", "load code into the kernel"},
    {"delete_module", "take code out of the kernel"},
    {"kexec_load", "load another kernel"},
    {"kexec_file_load", "load another kernel"},
    {"perf_event_open", "measure what others do"},
    {"userfaultfd", "hold the kernel up: what exploits do"},
    {"io_uring_setup", "do all that is not allowed here"},
    {"io_uring_enter", "do all that is not allowed here"},
    {"io_uring_register", "do all that is not allowed here"},
    {"add_key", "reach keys that the kernel holds"},
    {"request_key", "reach keys that the kernel holds"},
    {"keyctl", "reach keys that the kernel holds"},
    {"iopl", "reach devices"},
    {"ioperm", "reach devices"},
    {"reboot", "stop the machine"},
    {"swapon", "change the machine"},
    {"swapoff", "change the machine"},
    {"settimeofday", "change the clock"},
    {"clock_settime", "change the clock"},
    {"sethostname", "change the machine"},
    {"setdomainname", "change the machine"},
    {"syslog", "read what the kernel logs"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Whether a call is one that a process is killed for. */
static bool
syscalls_is_killed(const char *name)
{
	for (size_t i = 0; i < COUNT(syscalls_killed); i++) {
		if (strcmp(syscalls_killed[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Whether a rule of the table lets it through: sanitizers need some. */
static bool
syscalls_is_allowed(const char *name, unsigned int who)
{
	for (size_t i = 0; i < COUNT(syscalls_allowed); i++) {
		if ((syscalls_allowed[i].who & who) &&
		    strcmp(syscalls_allowed[i].name, name) == 0)
			return true;
	}
	return false;
}

bool
syscalls_can(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

const char *
syscalls_flaw(const char *name)
{
	/* what only part of it could be allowed of is not given as a whole */
	static const char *const never[] = {"clone3", "fork", "vfork",
	    "seccomp", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"};
	bool given = !syscalls_is_killed(name);

	if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
		return "is not known";
	for (size_t i = 0; i < COUNT(never); i++)
		given = given && strcmp(name, never[i]) != 0;
	if (!given)
		return "is allowed to no worker";
	return syscalls_is_allowed(name, ~0u)
		   ? "is decided by what else a module needs"
		   : NULL;
}

#ifdef __SANITIZE_ADDRESS__
/*
 * libseccomp loses two nodes of its own where rules of one call meet, whatever
 * seccomp_release() is told: 192 bytes at the start. The leak sanitizer finds the
 * name of this function by itself, and sees the loss or not as it happens.
 */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(
    void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libseccomp";
}
#endif

/* Adds a rule; a call that this machine does not have needs none. */
static int
syscalls_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
    const struct syscalls_arg *args, size_t n)
{
	struct scmp_arg_cmp compare[SYSCALLS_ARGS];
	int nr = seccomp_syscall_resolve_name(name);
	unsigned int used = 0;
	int rc;

	if (nr == __NR_SCMP_ERROR || nr < 0)
		return 0;
	for (size_t i = 0; i < n && args[i].mask != 0; i++)
		compare[used++] = SCMP_CMP64(args[i].at, SCMP_CMP_MASKED_EQ,
		    args[i].mask, args[i].value);
	rc = seccomp_rule_add_array(filter, action, nr, used, compare);
	return rc == -EEXIST ? 0 : rc;
}

/* Adds all rules. Returns 0, or an errno below 0. */
static int
syscalls_fill(scmp_filter_ctx filter, unsigned int who, const char *const *more,
    size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(syscalls_allowed); i++) {
		if (syscalls_allowed[i].who & who)
			rc = syscalls_rule(filter, SCMP_ACT_ALLOW,
			    syscalls_allowed[i].name, syscalls_allowed[i].args,
			    SYSCALLS_ARGS);
	}
	for (size_t i = 0; rc == 0 && i < COUNT(syscalls_killed); i++) {
		if (!syscalls_is_allowed(syscalls_killed[i].name, who))
			rc = syscalls_rule(filter, SCMP_ACT_KILL_PROCESS,
			    syscalls_killed[i].name, NULL, 0);
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = syscalls_rule(filter, SCMP_ACT_ALLOW, more[i], NULL, 0);
	/* its flags are in memory, where no filter sees them: libc takes clone() */
	if (rc == 0)
		rc = syscalls_rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3",
		    NULL, 0);
	return rc;
}

/* Reads what libseccomp wrote. Returns 0, or -1 with errno. */
static int
syscalls_read(int fd, struct sock_fprog *program)
{
	off_t len = lseek(fd, 0, SEEK_END);

	if (len == -1)
		return -1;
	program->filter = malloc((size_t)len);
	if (program->filter == NULL)
		return -1;
	program->len =
	    (unsigned short)((size_t)len / sizeof program->filter[0]);
	if (pread(fd, program->filter, (size_t)len, 0) == len)
		return 0;
	free(program->filter);
	program->filter = NULL;
	return -1;
}

/* Has libseccomp write it. Returns 0, or -1 with errno. */
static int
syscalls_export(scmp_filter_ctx filter, struct sock_fprog *program)
{
	int fd = memfd_create("morod-filter", MFD_CLOEXEC), rc;

	if (fd == -1)
		return -1;
	rc = seccomp_export_bpf(filter, fd);
	if (rc == 0)
		rc = syscalls_read(fd, program);
	else
		errno = -rc;
	close(fd);
	return rc == 0 ? 0 : -1;
}

int
syscalls_make(unsigned int who, const char *const *more, size_t n,
    struct sock_fprog *program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (filter == NULL) {
		errno = ENOMEM;
		return -1;
	}
	/* calls of another kind (32 bits, x32) are for what is not honest */
	rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	/* searched by halves, and not one after the other */
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = syscalls_fill(filter, who, more, n);
	if (rc == 0)
		rc = syscalls_export(filter, program);
	else
		errno = -rc;
	seccomp_release(filter);
	return rc == 0 ? 0 : -1;
}

int
syscalls_enter(const struct sock_fprog *program)
{
	unsigned int flags =
	    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	long rc;

	for (size_t i = 0; i < program->len; i++) {
		if (program->filter[i].k == SYSCALLS_SELF)
			program->filter[i].k = (uint32_t)getpid();
	}
	/*
	 * SPEC_ALLOW: older kernels make such a process slower, against guesses
	 * of the processor; here is no code of others that could use them.
	 */
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	if (rc > 0)
		errno = EBUSY; /* a thread has a filter of its own */
	return rc == 0 ? 0 : -1;
}

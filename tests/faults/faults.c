/*
 * What the fault tests load before morod (LD_PRELOAD): calls into the system
 * fail, or lie, when the test wants it. The test's hand is a page of memory that
 * both share, mapped before main(): nothing here needs a system call later that
 * a sandbox could refuse. Without MORO_FAULTS in the environment all is passed on.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FAULTS_EXPORT __attribute__((visibility("default")))
#define EARLY_BYTES 4096 /* for what dlsym() itself may ask for */

/* In the order of tests/live/faultpage.py, which names them again. */
struct faults_page {
	_Atomic int64_t pid; /* whose allocations are counted; 0: nobody's */
	_Atomic int64_t allocations; /* of that process so far */
	_Atomic int64_t fail_at; /* the one that fails; 0: none */
	_Atomic int64_t failed; /* allocations */
	_Atomic int64_t where; /* the code that asked for the last of them */
	_Atomic int64_t birth; /* this fork's child becomes `pid`; 0: none */
	_Atomic int64_t forks; /* so far */
	_Atomic int64_t fork_fails; /* so many of the next ones */
	_Atomic int64_t forks_failed;
	_Atomic int64_t wall_s; /* that the wall clock is ahead */
	_Atomic int64_t file_errno; /* of what makes a file; 0: none */
	_Atomic int64_t files_failed;
	_Atomic int64_t
	    later_s; /* that the clock which only goes on is ahead */
};

static struct faults_page quiet;
static struct faults_page *page = &quiet;

/* Puts the next definition of a function, the real one, into a pointer. */
static void
faults_real(void *to, const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (f == NULL)
		abort();
	/* C does not turn an object's pointer into a function's */
	memcpy(to, &f, sizeof f);
}

__attribute__((constructor)) static void
faults_init(void)
{
	const char *path = getenv("MORO_FAULTS");
	void *p;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		abort();
	p = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	page = p;
}

/* Whether this allocation is the one that fails. */
static bool
faults_refuse(void *where)
{
	if (page->pid == 0 || page->pid != getpid())
		return false;
	if (++page->allocations != page->fail_at)
		return false;
	page->failed++;
	page->where = (int64_t)(intptr_t)where;
	errno = ENOMEM;
	return true;
}

FAULTS_EXPORT void *
malloc(size_t n)
{
	static void *(*real)(size_t);

	if (real == NULL)
		faults_real(&real, "malloc");
	if (faults_refuse(__builtin_return_address(0)))
		return NULL;
	return real(n);
}

/* dlsym() may ask for memory while it looks for the real one. */
FAULTS_EXPORT void *
calloc(size_t n, size_t size)
{
	static _Alignas(16) char early[EARLY_BYTES];
	static void *(*real)(size_t, size_t);
	static size_t used;
	static bool looking;

	if (real == NULL && looking) {
		size_t from = used;

		used += (n * size + 15) & ~(size_t)15;
		return used <= sizeof early ? early + from : NULL;
	}
	looking = true;
	if (real == NULL)
		faults_real(&real, "calloc");
	looking = false;
	if (faults_refuse(__builtin_return_address(0)))
		return NULL;
	return real(n, size);
}

FAULTS_EXPORT void *
realloc(void *old, size_t n)
{
	static void *(*real)(void *, size_t);

	if (real == NULL)
		faults_real(&real, "realloc");
	if (faults_refuse(__builtin_return_address(0)))
		return NULL;
	return real(old, n);
}

FAULTS_EXPORT int
posix_memalign(void **p, size_t align, size_t n)
{
	static int (*real)(void **, size_t, size_t);

	if (real == NULL)
		faults_real(&real, "posix_memalign");
	if (faults_refuse(__builtin_return_address(0)))
		return ENOMEM;
	return real(p, align, n);
}

FAULTS_EXPORT void *
aligned_alloc(size_t align, size_t n)
{
	static void *(*real)(size_t, size_t);

	if (real == NULL)
		faults_real(&real, "aligned_alloc");
	if (faults_refuse(__builtin_return_address(0)))
		return NULL;
	return real(align, n);
}

/* What is asked of the system directly is memory as well. */
FAULTS_EXPORT void *
mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	static void *(*real)(void *, size_t, int, int, int, off_t);

	if (real == NULL)
		faults_real(&real, "mmap");
	if (faults_refuse(__builtin_return_address(0)))
		return MAP_FAILED;
	return real(at, len, prot, flags, fd, offset);
}

/* Fails as when there are too many processes; else numbers the children. */
FAULTS_EXPORT pid_t
fork(void)
{
	static pid_t (*real)(void);
	int64_t n;
	pid_t pid;

	if (real == NULL)
		faults_real(&real, "fork");
	if (page->fork_fails > 0) {
		page->fork_fails--;
		page->forks_failed++;
		errno = EAGAIN;
		return -1;
	}
	n = ++page->forks;
	pid = real();
	if (pid == 0 && n == page->birth) {
		page->allocations = 0;
		page->pid = getpid();
	}
	return pid;
}

FAULTS_EXPORT int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;

	if (real == NULL)
		faults_real(&real, "clock_gettime");
	rc = real(clock, ts);
	if (rc == 0 && clock == CLOCK_REALTIME)
		ts->tv_sec += page->wall_s;
	if (rc == 0 && clock == CLOCK_MONOTONIC)
		ts->tv_sec += page->later_s;
	return rc;
}

FAULTS_EXPORT int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	static int (*real)(struct timeval *restrict, void *restrict);
	int rc;

	if (real == NULL)
		faults_real(&real, "gettimeofday");
	rc = real(tv, zone);
	if (rc == 0)
		tv->tv_sec += page->wall_s;
	return rc;
}

FAULTS_EXPORT time_t
time(time_t *to)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (to != NULL)
		*to = ts.tv_sec;
	return ts.tv_sec;
}

/* Whether nothing new may be written; errno says why. */
static bool
faults_full(void)
{
	if (page->file_errno == 0)
		return false;
	page->files_failed++;
	errno = (int)page->file_errno;
	return true;
}

FAULTS_EXPORT int
open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	mode_t mode = 0;
	va_list args;

	if (real == NULL)
		faults_real(&real, "open");
	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	if ((flags & O_CREAT) && faults_full())
		return -1;
	return real(path, flags, mode);
}

FAULTS_EXPORT int
mkdir(const char *path, mode_t mode)
{
	static int (*real)(const char *, mode_t);

	if (real == NULL)
		faults_real(&real, "mkdir");
	return faults_full() ? -1 : real(path, mode);
}

/* A socket's file is one as well. */
FAULTS_EXPORT int
bind(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	static int (*real)(int, __CONST_SOCKADDR_ARG, socklen_t);

	if (real == NULL)
		faults_real(&real, "bind");
	return faults_full() ? -1 : real(fd, addr, len);
}

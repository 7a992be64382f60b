#include "worker/quota.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define QUOTA_STACK ((size_t)16 << 10) /* of the handler */
#define QUOTA_NEAR 10 /* within a tenth of it the limit is to blame */
#define QUOTA_DATA_FIELD 5 /* in /proc/self/statm, from 0: see proc(5) */
#define US_PER_S 1000000u
#define US_PER_MS 1000u

static struct page *quota_page;
static uint64_t quota_memory;
static long quota_page_size;

/*
 * Bytes that count for RLIMIT_DATA, or 0. In a signal handler: no library
 * function but what signal-safety(7) allows.
 */
static uint64_t
quota_used(void)
{
	char text[128];
	uint64_t pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n, i = 0;

	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof text);
	close(fd);
	for (int field = 0; field < QUOTA_DATA_FIELD; field++) {
		while (i < n && text[i] != ' ')
			i++;
		i++;
	}
	for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		pages = pages * 10 + (uint64_t)(text[i] - '0');
	return pages * (uint64_t)quota_page_size;
}

/* A library that gets no memory may abort or crash: notes why. */
static void
quota_signal(int sig)
{
	if (quota_used() > quota_memory - quota_memory / QUOTA_NEAR)
		page_blame_memory(quota_page);
	signal(sig, SIG_DFL);
	raise(sig);
}

void
quota_blame_memory(void)
{
	if (quota_memory != 0)
		page_blame_memory(quota_page);
}

/* Has the signals looked at by which such a library dies. */
static int
quota_watch(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGTRAP};
	static char stack[QUOTA_STACK];
	stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = quota_signal,
	    .sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER};

	if (sigaltstack(&other, NULL) == -1)
		return -1;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		if (sigaction(signals[i], &action, NULL) == -1)
			return -1;
	}
	return 0;
}

/* Lowers a limit; one that is lower already stays. */
static int
quota_lower(int what, uint64_t to)
{
	struct rlimit rl;

	if (getrlimit((__rlimit_resource_t)what, &rl) == -1)
		return -1;
	if (rl.rlim_max > to)
		rl.rlim_max = to;
	if (rl.rlim_cur > to)
		rl.rlim_cur = to;
	return setrlimit((__rlimit_resource_t)what, &rl);
}

int
quota_apply(const struct quota *setup, struct page *page)
{
	quota_page = page;
	quota_memory = setup->memory;
	quota_page_size = sysconf(_SC_PAGESIZE);
	if (setup->files != 0 && quota_lower(RLIMIT_NOFILE, setup->files) == -1)
		return -1;
	if (setup->memory == 0)
		return 0;
	if (quota_lower(RLIMIT_DATA, setup->memory) == -1)
		return -1;
	return quota_watch();
}

void
quota_begin(const struct quota *setup)
{
	struct rusage used;
	struct rlimit rl;
	uint64_t us, s;

	if (setup->cpu_ms == 0 || getrusage(RUSAGE_SELF, &used) == -1 ||
	    getrlimit(RLIMIT_CPU, &rl) == -1)
		return;
	us =
	    (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * US_PER_S +
	    (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) +
	    setup->cpu_ms * US_PER_MS;
	s = (us + US_PER_S - 1) / US_PER_S;
	/* the soft one ends the process by SIGXCPU, which says why */
	if (s < rl.rlim_max)
		rl.rlim_cur = s;
	setrlimit(RLIMIT_CPU, &rl); /* what is not limited still runs */
}

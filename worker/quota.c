#include "worker/quota.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define QUOTA_STACK ((size_t)16 << 10) /* of the handler */
#define QUOTA_NEAR 10 /* within a tenth of it the limit is to blame */
#define QUOTA_DATA_FIELD 5 /* in /proc/self/statm, from 0: see proc(5) */
#define US_PER_S 1000000u
#define US_PER_MS 1000u

static struct page *quota_page; /* NULL: nobody is to be told */
static uint64_t quota_memory; /* of the process; 0: no limit */
static uint64_t quota_limit; /* that is in force now; 0: none */
static struct rlimit quota_before; /* quota_allow() */
static const char *quota_stack_base;
static uint64_t quota_stack_size;
static long quota_page_size;
static int quota_statm = -1; /* kept open: later it may not be allowed */

/*
 * Bytes that count for RLIMIT_DATA, or 0. In a signal handler: no library
 * function but what signal-safety(7) allows.
 */
static uint64_t
quota_used(void)
{
	char text[128];
	uint64_t pages = 0;
	ssize_t n = pread(quota_statm, text, sizeof text, 0), i = 0;

	for (int field = 0; field < QUOTA_DATA_FIELD; field++) {
		while (i < n && text[i] != ' ')
			i++;
		i++;
	}
	for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		pages = pages * 10 + (uint64_t)(text[i] - '0');
	return pages * (uint64_t)quota_page_size;
}

void
quota_blame_memory(void)
{
	if (quota_limit != 0 && quota_page != NULL)
		page_blame_memory(quota_page);
}

/* Whether a limit is nearly used up. */
static bool
quota_is_near(uint64_t used, uint64_t limit)
{
	return used > limit - limit / QUOTA_NEAR;
}

/* Whether the kernel refused an address because the stack is full. */
static bool
quota_is_stack(const siginfo_t *info)
{
	uint64_t deep = (uint64_t)(quota_stack_base - (char *)info->si_addr);

	return info->si_signo == SIGSEGV && info->si_code == SEGV_MAPERR &&
	       quota_is_near(deep, quota_stack_size) &&
	       deep < quota_stack_size + quota_stack_size / QUOTA_NEAR;
}

/*
 * A library that gets no memory may abort or crash: notes why. The stack is
 * memory, too: a recursion that does not end uses it up.
 */
static void
quota_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (quota_is_near(quota_used(), quota_limit) || quota_is_stack(info))
		quota_blame_memory();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Learns where the stack is and how large it may get. */
static int
quota_find_stack(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_STACK, &rl) == -1)
		return -1;
	quota_stack_base = __builtin_frame_address(0);
	quota_stack_size = rl.rlim_cur;
	return 0;
}

/* Has the signals looked at by which such a library dies. */
static int
quota_watch(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGTRAP};
	static char stack[QUOTA_STACK];
	stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_sigaction = quota_signal,
	    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};

	if (quota_find_stack() == -1 || sigaltstack(&other, NULL) == -1)
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

/* Has it known how much memory is used. Returns 0, or -1 with errno. */
static int
quota_open(void)
{
	quota_page_size = sysconf(_SC_PAGESIZE);
	if (quota_statm == -1)
		quota_statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	return quota_statm == -1 ? -1 : 0;
}

int
quota_apply(const struct quota *setup, struct page *page)
{
	quota_page = page;
	quota_memory = setup->memory;
	quota_limit = setup->memory;
	if (quota_open() == -1)
		return -1;
	if (setup->files != 0 && quota_lower(RLIMIT_NOFILE, setup->files) == -1)
		return -1;
	if (setup->memory == 0)
		return 0;
	if (quota_lower(RLIMIT_DATA, setup->memory) == -1)
		return -1;
	return quota_watch();
}

int
quota_allow(uint64_t bytes)
{
	static bool is_ready;
	struct rlimit rl;
	uint64_t used;

	if (!is_ready && (quota_open() == -1 || quota_watch() == -1))
		return -1;
	is_ready = true;
	used = quota_used();
	if (used == 0 || getrlimit(RLIMIT_DATA, &quota_before) == -1)
		return -1;
	rl = quota_before;
	if (rl.rlim_cur > used && rl.rlim_cur - used > bytes)
		rl.rlim_cur = used + bytes;
	if (setrlimit(RLIMIT_DATA, &rl) == -1)
		return -1;
	quota_limit = rl.rlim_cur;
	return 0;
}

void
quota_restore(void)
{
	setrlimit(RLIMIT_DATA, &quota_before); /* it was so: it cannot fail */
	quota_limit = quota_memory;
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

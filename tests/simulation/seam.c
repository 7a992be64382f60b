/*
 * What the dispatcher's code gets here in place of the real thing. These stand
 * before the server's library, so its own now.c, process-end.c and usage.c are
 * not even linked; and before libc's.
 */
#include "tests/simulation/sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/now.h"
#include "server/process.h"
#include "server/usage.h"

#define SEAM_FDS 1024

#if defined(__SANITIZE_ADDRESS__)
#define SEAM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEAM_SANITIZED 1
#endif
#endif

uint64_t
now_us(void)
{
	return sim.now_us;
}

uint64_t
now_ms(void)
{
	return sim.now_us / US_PER_MS;
}

uint64_t
seam_now_ms(void)
{
	return now_ms();
}

uint64_t
now_wall(void)
{
	return sim.now_us / US_PER_MS / 1000;
}

/* The hand whose process it is dies in a moment. */
void
process_kill(int pidfd)
{
	struct pool *p;

	TAILQ_FOREACH(p, &sim.dispatcher.pools, link) {
		for (uint32_t i = 0; i < p->n_slots; i++) {
			struct slot *s = &p->slots[i];

			if (s->worker == NULL || s->worker->pidfd != pidfd)
				continue;
			sim.hands[s->number].doomed = true;
			sim_note("kill", s->number, 0, 0);
			return;
		}
	}
	sim_fail("a process is killed that is no worker's");
}

const char *
process_signal_name(int sig)
{
	static char name[16];

	snprintf(name, sizeof name, "signal %d", sig);
	return name;
}

bool
process_was_stopped(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

int
usage_read(struct usage *u, pid_t pid, int pidfd)
{
	u->rss = ((uint64_t)pid % 7 + 1) << 20;
	u->cpu_ms = now_ms() % 1000;
	return pid % 5 == 0 ? -1 : 0;
}

static uint32_t seam_serials[SEAM_FDS]; /* of connections, by descriptor */

/* Notes whose connection it is: they are taken in the order they were made. */
int
accept4(int fd, __SOCKADDR_ARG addr, socklen_t *len, int flags)
{
	int new = (int)syscall(SYS_accept4, fd, addr.__sockaddr__, len, flags);

	if (new == -1)
		return -1;
	if (new >= SEAM_FDS)
		sim_fail("descriptor %d: they leak", new);
	seam_serials[new] = ++sim.accepted;
	return new;
}

/* Whether there is something for the master to read. */
ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (fd == sim.dispatcher.channel)
		sim.told = true;
	return syscall(SYS_sendmsg, fd, m, flags);
}

/* Who a client is: pid and user of the script's choice. */
int
getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct ucred *cred = value;
	uint32_t serial;

	if (level != SOL_SOCKET || name != SO_PEERCRED || !sim.inside)
		return (
		    int)syscall(SYS_getsockopt, fd, level, name, value, len);
	serial = seam_serials[fd];
	*cred = (struct ucred){.pid = (pid_t)(SIM_PIDS + serial)};
	for (int i = 0; i < SIM_PEERS; i++) {
		if (sim.peers[i].serial == serial)
			cred->uid = sim.peers[i].uid;
	}
	return 0;
}

/* What is logged is made up and goes nowhere. */
ssize_t
write(int fd, const void *bytes, size_t len)
{
	if (fd == STDERR_FILENO && sim.inside && !sim.trace)
		return (ssize_t)len;
	return syscall(SYS_write, fd, bytes, len);
}

pid_t
getppid(void)
{
	return 1;
}

pid_t
getpid(void)
{
	return SIM_PIDS;
}

#ifdef SEAM_SANITIZED

uint64_t
seam_memory(void)
{
	return 0;
}

#else

/* glibc's own, under the names that it has for this */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *at);

static uint64_t seam_blocks;

/* Whether this allocation is to fail. */
static bool
seam_starves(void)
{
	if (sim.starve == 0 || !sim.inside || --sim.starve > 0)
		return false;
	sim.starved = true;
	errno = ENOMEM;
	return true;
}

uint64_t
seam_memory(void)
{
	return seam_blocks;
}

void *
malloc(size_t size)
{
	void *at = seam_starves() ? NULL : __libc_malloc(size);

	seam_blocks += at != NULL;
	return at;
}

void *
calloc(size_t n, size_t size)
{
	void *at = seam_starves() ? NULL : __libc_calloc(n, size);

	seam_blocks += at != NULL;
	return at;
}

void *
realloc(void *old, size_t size)
{
	void *at = seam_starves() ? NULL : __libc_realloc(old, size);

	if (old == NULL)
		seam_blocks += at != NULL;
	else if (size == 0)
		seam_blocks--;
	return at;
}

void *
aligned_alloc(size_t align, size_t size)
{
	void *at = seam_starves() ? NULL : __libc_memalign(align, size);

	seam_blocks += at != NULL;
	return at;
}

void
free(void *at)
{
	seam_blocks -= at != NULL;
	__libc_free(at);
}

#endif

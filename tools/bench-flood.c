#include "tools/bench-flood.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-load.h"
#include "tools/bench-spawn.h"

/* What the process does until it is killed. */
static void
flood_main(const struct flood *f, const struct server *s,
    const struct form *form, size_t window)
{
	struct load l;

	load_init(&l, server_connect(s), "morod, to the flood", form, window);
	l.shared = f->n;
	for (;;)
		load_turn(&l);
}

void
flood_start(struct flood *f, const struct server *s, const struct form *form,
    size_t window)
{
	void *page = mmap(NULL, sizeof *f->n, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		cleanup_die("cannot map memory: %s", strerror(errno));
	f->n = page;
	f->pid = spawn_fork();
	if (f->pid == 0)
		flood_main(f, s, form, window);
}

void
flood_check(const struct flood *f)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)f->pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
		0 ||
	    info.si_pid != 0)
		cleanup_die("the flood has ended, and nothing was measured");
}

uint64_t
flood_count(const struct flood *f)
{
	return *f->n;
}

void
flood_stop(struct flood *f)
{
	spawn_kill(f->pid);
	munmap((void *)f->n, sizeof *f->n);
	f->n = NULL;
}

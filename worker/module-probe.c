#include "worker/module-probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_SYMBOL "moro_module"
#define PROBE_MEMORY ((size_t)1 << 20) /* of the types of one module */
#define PROBE_TIMEOUT_MS 30000 /* to load all libraries from a cold disk */

/* What both processes see. The types are behind it. */
struct probe {
	struct module_found found;
	size_t used; /* bytes, this included */
	bool done;
};

const struct moro_module *
module_open(const char *path, char *why, size_t size)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct moro_module *module;
	const char *said;

	if (handle == NULL) {
		said = dlerror();
		/* it begins with the path, which who calls says already */
		if (strncmp(said, path, strlen(path)) == 0)
			said +=
			    strlen(path) + strspn(said + strlen(path), ": ");
		snprintf(why, size, "%s", said);
		return NULL;
	}
	module = dlsym(handle, PROBE_SYMBOL);
	if (module == NULL) {
		snprintf(why, size, "it does not export " PROBE_SYMBOL);
		return NULL;
	}
	if (module->abi != MORO_MODULE_ABI) {
		snprintf(why, size,
		    "it is made for version %u of the interface, and this is "
		    "%u",
		    (unsigned int)module->abi, (unsigned int)MORO_MODULE_ABI);
		return NULL;
	}
	if ((module->flags & ~(unsigned int)MORO_FORK_CLEAN) != 0) {
		snprintf(why, size, "a flag of it is not known");
		return NULL;
	}
	return module;
}

/* The process that looks; does not return. */
static _Noreturn void
probe_child(struct probe *p, const char *path, pid_t parent)
{
	struct module_arena arena = {(char *)p, sizeof *p, PROBE_MEMORY};
	struct module_found *f = &p->found;
	const struct moro_module *module;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	module = module_open(path, f->why, sizeof f->why);
	if (module != NULL)
		f->types = module_table_make(module, &arena, &f->n_types,
		    f->why, sizeof f->why);
	if (f->types != NULL) {
		f->fork_clean = (module->flags & MORO_FORK_CLEAN) != 0;
		for (size_t i = 0; i < f->n_types; i++)
			f->types[i]->own = NULL;
	}
	p->used = arena.used;
	p->done = true;
	/* what the module has for its end is not for this process */
	_exit(EXIT_SUCCESS);
}

/* Waits for it, but not for ever. Returns its status; *late: it was killed. */
static int
probe_wait(pid_t pid, bool *late)
{
	struct pollfd p = {
	    .fd = (int)syscall(SYS_pidfd_open, pid, 0),
	    .events = POLLIN,
	};
	int status = 0, n = 1;

	if (p.fd != -1) {
		do
			n = poll(&p, 1, PROBE_TIMEOUT_MS);
		while (n == -1 && errno == EINTR);
		close(p.fd);
	}
	*late = n == 0;
	if (*late)
		kill(pid, SIGKILL); /* our child, not reaped: no other */
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return status;
}

/* Says how it ended, if it did not end as it should. */
static void
probe_say(struct probe *p, int status, bool late)
{
	struct module_found *f = &p->found;

	if (p->done && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	f->types = NULL;
	if (late)
		snprintf(f->why, sizeof f->why,
		    "it was not loaded after %d seconds",
		    PROBE_TIMEOUT_MS / 1000);
	else if (WIFSIGNALED(status))
		snprintf(f->why, sizeof f->why,
		    "loading it killed a process by SIG%s",
		    sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(f->why, sizeof f->why,
		    "loading it ended a process with status %d",
		    WEXITSTATUS(status));
}

/* Makes memory of this process alone of what both saw, at the same place. */
static int
probe_keep(struct probe *p)
{
	size_t used = p->used;
	char *copy = malloc(used);
	void *at = MAP_FAILED;

	if (copy != NULL) {
		memcpy(copy, p, used);
		at = mmap(p, PROBE_MEMORY, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	if (at != MAP_FAILED)
		memcpy(at, copy, used);
	free(copy);
	return at != MAP_FAILED ? 0 : -1;
}

int
module_probe(const char *path, struct module_found *found)
{
	struct probe *p = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), pid = -1;
	bool late = false;

	memset(found, 0, sizeof *found);
	if (p != MAP_FAILED)
		pid = fork();
	if (pid == 0)
		probe_child(p, path, parent);
	if (pid != -1) {
		probe_say(p, probe_wait(pid, &late), late);
		*found = p->found;
	}
	if (pid == -1 || (found->types != NULL && probe_keep(p) == -1)) {
		snprintf(found->why, sizeof found->why, "%s", strerror(errno));
		found->types = NULL;
	}
	if (p != MAP_FAILED && found->types == NULL)
		munmap(p, PROBE_MEMORY);
	return found->types != NULL ? 0 : -1;
}

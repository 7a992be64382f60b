#include "worker/module-probe.h"

#include <dirent.h>
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

#include "worker/module-needs.h"

#define PROBE_SYMBOL "moro_module"
#define PROBE_MEMORY ((size_t)1 << 20) /* of the types of one module */
#ifndef PROBE_TIMEOUT_MS /* a test has less */
#define PROBE_TIMEOUT_MS 30000 /* to load all libraries from a cold disk */
#endif

/* What both processes see. The types are behind it. */
struct probe {
	struct module_found found;
	size_t used; /* bytes, this included */
	bool done;
};

/* What is wrong with a library as a module; or NULL. */
static const char *
open_flaw(const struct moro_module *module, char *why, size_t size)
{
	if (module == NULL)
		return "it does not export " PROBE_SYMBOL;
	if (module->abi != MORO_MODULE_ABI) {
		snprintf(why, size,
		    "it is made for version %u of the interface, and this is "
		    "%u",
		    (unsigned int)module->abi, (unsigned int)MORO_MODULE_ABI);
		return why;
	}
	if ((module->flags & ~(unsigned int)MORO_FORK_CLEAN) != 0)
		return "a flag of it is not known";
	return NULL;
}

const struct moro_module *
module_open(const char *path, void **handle, char *why, size_t size)
{
	const struct moro_module *module;
	const char *flaw;

	*handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (*handle == NULL) {
		const char *said = dlerror();

		/* it begins with the path, which who calls says already */
		if (strncmp(said, path, strlen(path)) == 0)
			said +=
			    strlen(path) + strspn(said + strlen(path), ": ");
		snprintf(why, size, "%s", said);
		return NULL;
	}
	module = dlsym(*handle, PROBE_SYMBOL);
	flaw = open_flaw(module, why, size);
	if (flaw == NULL)
		return module;
	if (flaw != why)
		snprintf(why, size, "%s", flaw);
	dlclose(*handle);
	return NULL;
}

int
module_init(const struct moro_module *module, const char *settings, char *why,
    size_t size)
{
	const char *said = NULL;

	if (module->init == NULL || module->init(settings, &said) == 0)
		return 0;
	snprintf(why, size, "%s", said != NULL ? said : "it does not say why");
	return -1;
}

/* How many threads this process has; 0: that is not known. */
static unsigned int
probe_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* Has the module live as in a worker that gets no task. */
static void
probe_live(struct module_found *f, const struct moro_module *module,
    const char *settings)
{
	if (module_init(module, settings, f->init_why, sizeof f->init_why) ==
	    -1)
		return;
	f->threads = probe_threads();
	if (module->after_fork != NULL)
		module->after_fork();
	if (module->exit != NULL)
		module->exit();
}

/* The process that looks; does not return. */
static _Noreturn void
probe_child(struct probe *p, const char *path, const char *settings,
    pid_t parent)
{
	struct module_arena arena = {(char *)p, sizeof *p, PROBE_MEMORY};
	struct module_found *f = &p->found;
	const struct moro_module *module;
	void *handle;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0); /* with all that the module starts */
	/* what morod says there is for others to read */
	if (getppid() != parent || dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		_exit(EXIT_FAILURE);
	module = module_open(path, &handle, f->why, sizeof f->why);
	if (module != NULL)
		f->types = module_table_make(module, &arena, &f->n_types,
		    f->why, sizeof f->why);
	if (f->types != NULL && module_needs_take(module, &arena, &f->needs,
				    f->why, sizeof f->why) == -1)
		f->types = NULL;
	p->used = arena.used;
	if (f->types != NULL) {
		f->fork_clean = (module->flags & MORO_FORK_CLEAN) != 0;
		for (size_t i = 0; i < f->n_types; i++)
			f->types[i]->own = NULL;
		probe_live(f, module, settings);
	}
	p->done = true;
	fflush(stdout);
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
	/* our child, not reaped, and its group: no other has that number */
	kill(pid, SIGKILL);
	kill(-pid, SIGKILL);
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
		    "it was not loaded and initialised within %d ms",
		    PROBE_TIMEOUT_MS);
	else if (WIFSIGNALED(status))
		snprintf(f->why, sizeof f->why,
		    "a process that loaded it was killed by SIG%s",
		    sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(f->why, sizeof f->why,
		    "a process that loaded it ended with status %d",
		    WEXITSTATUS(status));
}

/*
 * Makes memory of this process alone of what both saw, at the same place, and
 * gives back what was not used.
 */
static int
probe_keep(struct probe *p)
{
	size_t used = p->used;
	char *copy = malloc(used);
	void *at = MAP_FAILED;
	struct module_arena arena = {(char *)p, used, PROBE_MEMORY};

	if (copy != NULL) {
		memcpy(copy, p, used);
		at = mmap(p, PROBE_MEMORY, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	if (at != MAP_FAILED) {
		memcpy(at, copy, used);
		module_arena_trim(&arena);
	}
	free(copy);
	return at != MAP_FAILED ? 0 : -1;
}

int
module_probe(const char *path, const char *settings, struct module_found *found)
{
	struct probe *p = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), pid = -1;
	bool late = false;
	int status;

	memset(found, 0, sizeof *found);
	if (p != MAP_FAILED)
		pid = fork();
	if (pid == 0)
		probe_child(p, path, settings, parent);
	if (pid != -1) {
		status = probe_wait(pid, &late);
		probe_say(p, status, late);
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

#include "worker/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "worker/capability.h"
#include "worker/landlock.h"
#include "worker/moro_module.h"
#include "worker/syscalls.h"

#define SANDBOX_MISSING 256 /* bytes */

/* Things that grow by one, in the master. */
struct sandbox_list {
	void *at;
	size_t n;
};

/* What a kind of process is held to. */
struct sandbox {
	unsigned int calls; /* enum syscalls_for */
	unsigned int scopes; /* enum landlock_scope */
	struct sandbox_list paths; /* struct landlock_path */
	struct sandbox_list more; /* const char *: calls that are allowed */
	struct sock_fprog program; /* no filter: seccomp is not there */
};

static struct sandbox sandboxes[SANDBOX_KINDS] = {
    [SANDBOX_WORKER] = {.calls = SYSCALLS_WORKER, .scopes = LANDLOCK_OTHERS},
    /* it ends workers, which are not in its sandbox */
    [SANDBOX_DISPATCHER] = {.calls = SYSCALLS_DISPATCHER},
};
static bool sandbox_made;
static int sandbox_landlock; /* its version; 0: it is not there */

/* What the kernel must have for it. */
static bool sandbox_has_privs(char *, size_t);
static bool sandbox_has_seccomp(char *, size_t);
static bool sandbox_has_landlock(char *, size_t);
static bool sandbox_has_network(char *, size_t);
static bool sandbox_has_scopes(char *, size_t);

static const struct {
	const char *name;
	bool (*has)(char *detail, size_t size);
	const char *otherwise; /* what is not stopped without it */
} sandbox_parts[] = {
    {"no_new_privs", sandbox_has_privs,
	"programs with a set-user-ID bit would gain rights"},
    {"seccomp", sandbox_has_seccomp, "system calls are not filtered"},
    {"Landlock", sandbox_has_landlock, "files are not closed"},
    {"Landlock, network", sandbox_has_network,
	"needs version 4; seccomp closes it"},
    {"Landlock, scopes", sandbox_has_scopes,
	"needs version 6; seccomp closes them"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SANDBOX_MUST 3 /* the first ones are missed when they are not there */

static bool
sandbox_has_privs(char *detail, size_t size)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != -1;
}

static bool
sandbox_has_seccomp(char *detail, size_t size)
{
	return syscalls_can();
}

static bool
sandbox_has_landlock(char *detail, size_t size)
{
	int version = landlock_version();

	snprintf(detail, size, " (version %d)", version);
	return version > 0;
}

static bool
sandbox_has_network(char *detail, size_t size)
{
	return landlock_version() >= LANDLOCK_VERSION_NET;
}

static bool
sandbox_has_scopes(char *detail, size_t size)
{
	return landlock_version() >= LANDLOCK_VERSION_SCOPES;
}

bool
sandbox_line(size_t i, char *out, size_t size)
{
	char detail[32] = "";

	if (i >= COUNT(sandbox_parts))
		return false;
	if (sandbox_parts[i].has(detail, sizeof detail))
		snprintf(out, size, "%s: yes%s", sandbox_parts[i].name, detail);
	else
		snprintf(out, size, "%s: no: %s", sandbox_parts[i].name,
		    sandbox_parts[i].otherwise);
	return true;
}

const char *
sandbox_missing(void)
{
	static char missing[SANDBOX_MISSING];
	char detail[32];
	size_t len = 0;

	missing[0] = '\0';
	for (size_t i = 0; i < SANDBOX_MUST; i++) {
		if (sandbox_parts[i].has(detail, sizeof detail))
			continue;
		len += (size_t)snprintf(missing + len, sizeof missing - len,
		    "%s%s (%s)", len > 0 ? ", " : "", sandbox_parts[i].name,
		    sandbox_parts[i].otherwise);
	}
	return missing;
}

/* Makes room for one more of that size. NULL with errno. */
static void *
sandbox_add(struct sandbox_list *list, size_t size)
{
	void *at = reallocarray(list->at, list->n + 1, size);

	if (at == NULL)
		return NULL;
	list->at = at;
	return (char *)at + list->n++ * size;
}

static int
sandbox_add_paths(struct sandbox *s, const char *const *paths, bool write)
{
	for (; paths != NULL && *paths != NULL; paths++) {
		struct landlock_path *p = sandbox_add(&s->paths, sizeof *p);

		if (p == NULL)
			return -1;
		*p = (struct landlock_path){.path = *paths, .write = write};
		s->calls |= SYSCALLS_FILES | (write ? SYSCALLS_WRITES : 0);
	}
	return 0;
}

int
sandbox_allow(const struct sandbox_needs *needs)
{
	struct sandbox *s = &sandboxes[SANDBOX_WORKER];

	if (needs->flags & MORO_NEEDS_THREADS)
		s->calls |= SYSCALLS_THREADS;
	if (needs->flags & MORO_NEEDS_CODE)
		s->calls |= SYSCALLS_CODE;
	for (const char *const *c = needs->calls; c != NULL && *c != NULL;
	     c++) {
		const char **more = sandbox_add(&s->more, sizeof *more);

		if (more == NULL)
			return -1;
		*more = *c;
	}
	if (sandbox_add_paths(s, needs->reads, false) == -1)
		return -1;
	return sandbox_add_paths(s, needs->writes, true);
}

/*
 * The dispatcher reads what its workers use. A folder of /proc it must not have:
 * pidfd_send_signal() takes that for the process.
 */
static int
sandbox_add_proc(void)
{
	struct sandbox *s = &sandboxes[SANDBOX_DISPATCHER];
	struct landlock_path *p = sandbox_add(&s->paths, sizeof *p);

	if (p == NULL)
		return -1;
	*p = (struct landlock_path){.path = "/proc", .files = true};
	return 0;
}

int
sandbox_make(void)
{
	if (sandbox_add_proc() == -1)
		return -1;
	sandbox_landlock = landlock_version();
	for (size_t i = 0; i < SANDBOX_KINDS; i++) {
		struct sandbox *s = &sandboxes[i];

#ifdef MORO_SANITIZED
		static const char *const all[] = {"/", NULL};

		/* a report names functions, which it reads from the files */
		if (sandbox_add_paths(s, all, false) == -1)
			return -1;
#endif
		if (syscalls_can() && syscalls_make(s->calls, s->more.at,
					  s->more.n, &s->program) == -1)
			return -1;
	}
	sandbox_made = true;
	return 0;
}

/* Has none but one of its threads start processes: as root it counts not. */
static int
sandbox_processes(const struct sandbox *s)
{
	struct rlimit none = {0, 0};

	if (s->calls & SYSCALLS_THREADS)
		return 0;
	return setrlimit(RLIMIT_NPROC, &none);
}

int
sandbox_prepare(void)
{
	if (!sandbox_made)
		return 0;
	capability_bound();
	if (capability_clear() == -1)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int
sandbox_enter(enum sandbox_who who)
{
	struct sandbox *s = &sandboxes[who];

	if (!sandbox_made)
		return 0;
	if (sandbox_prepare() == -1)
		return -1;
#ifndef MORO_SANITIZED
	/* the leak check is a process that starts, and traces this one */
	if (sandbox_processes(s) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return -1;
#else
	s->scopes = 0;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* another user is not */
	(void)sandbox_processes;
#endif
	if (sandbox_landlock > 0 &&
	    landlock_enter(s->paths.at, s->paths.n, s->scopes) == -1)
		return -1;
	return s->program.filter != NULL ? syscalls_enter(&s->program) : 0;
}

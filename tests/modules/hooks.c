/* A module whose hooks say where and when they were called. */

#include <moro_module.h>

#include <stdio.h>
#include <unistd.h>

static struct {
	int init; /* the process */
	int forks; /* before_fork() */
	int begun; /* the process of after_fork() */
	char settings[40];
} hooks;

static int
hooks_init(const char *settings, const char **why)
{
	(void)why;
	snprintf(hooks.settings, sizeof hooks.settings, "%s", settings);
	hooks.init = (int)getpid();
	return 0;
}

static void
hooks_exit(void)
{
	fprintf(stderr, "hooks: exit of %d, begun as %d\n", (int)getpid(),
	    hooks.begun);
}

static void
hooks_before_fork(void)
{
	hooks.forks++;
}

static void
hooks_after_fork(void)
{
	hooks.begun = (int)getpid();
}

static int
hooks_run(struct moro_task *task)
{
	moro_put_map(task, 5);
	moro_put_text(task, "settings");
	moro_put_text(task, hooks.settings);
	moro_put_text(task, "init");
	moro_put_int(task, hooks.init);
	moro_put_text(task, "forks");
	moro_put_int(task, hooks.forks);
	moro_put_text(task, "begun");
	moro_put_int(task, hooks.begun);
	moro_put_text(task, "pid");
	moro_put_int(task, (int)getpid());
	return 0;
}

static const struct moro_type hooks_type = {
    .name = "test:hooks",
    .about = "Tells what was called.",
    .run = hooks_run,
};

static const struct moro_type *const hooks_types[] = {&hooks_type, NULL};

const struct moro_module moro_module = {
    .abi = MORO_MODULE_ABI,
    .flags = MORO_FORK_CLEAN,
    .name = "hooks",
    .types = hooks_types,
    .init = hooks_init,
    .exit = hooks_exit,
    .before_fork = hooks_before_fork,
    .after_fork = hooks_after_fork,
};

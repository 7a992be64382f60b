#include "server/confine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/words.h"
#include "server/log.h"
#include "worker/isolate.h"
#include "worker/module-needs.h"
#include "worker/module.h"
#include "worker/sandbox.h"

#define CONFINE_LINE 256

const char *
confine_flaw(const char *list, char *path, size_t size)
{
	const char *at, *flaw = NULL;
	size_t len;

	while (flaw == NULL && (at = words_next_path(&list, &len)) != NULL) {
		snprintf(path, size, "%.*s", (int)len, at);
		flaw = module_needs_flaw(path);
	}
	return flaw;
}

/* Opens the paths of a list to workers. */
static int
confine_open(const char *list, bool write)
{
	const char *at;
	size_t len;

	while (list != NULL && (at = words_next_path(&list, &len)) != NULL) {
		const char *const paths[] = {strndup(at, len), NULL};
		struct sandbox_needs needs = {
		    .reads = write ? NULL : paths,
		    .writes = write ? paths : NULL,
		};

		if (paths[0] == NULL || sandbox_allow(&needs) == -1)
			return -1;
	}
	return 0;
}

/* Opens what modules need. Returns 0, or -1: there is no memory. */
static int
confine_modules(const struct config *config)
{
	const struct sandbox_needs *needs;
	const char *path;

	for (size_t i = 0; (needs = module_needs(i, &path)) != NULL; i++) {
		if (sandbox_allow(needs) == -1)
			return -1;
	}
	for (size_t i = 0; i < config->n_modules; i++) {
		if (confine_open(config->modules[i].reads, false) == -1 ||
		    confine_open(config->modules[i].writes, true) == -1)
			return -1;
	}
	return 0;
}

/* Who can write the configuration of root's morod has it run what they like. */
static void
confine_say_file(const struct config *config)
{
	const char *path = config->file != NULL ? config->file : CONFIG_FILE;
	struct stat st;

	if (!config->file_read || stat(path, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		log_warning("%s can be written by others than root, who are "
			    "root by that: it says which programs are run",
		    path);
}

void
confine_say_modules(void)
{
	const char *path;

	for (size_t i = 0; module_needs(i, &path) != NULL; i++) {
		if (module_unready(i) != NULL)
			log_warning("the module %s was not ready when it was "
				    "tried: %s",
			    path, module_unready(i));
	}
}

void
confine_say_root(const struct config *config)
{
	if (geteuid() == 0)
		confine_say_file(config);
	if (geteuid() == 0 && config->user == NULL)
		log_warning("all processes are root's; with --user NAME they "
			    "are somebody's who may do less");
}

bool
confine_make(const struct config *config)
{
	const char *missing;

	if (!config->sandbox) {
		log_warning("there is no sandbox: sandbox = no");
		return true;
	}
	missing = sandbox_missing();
	if (missing[0] != '\0' && config->require_sandbox) {
		log_say(LEVEL_ERROR,
		    "this kernel cannot have the whole sandbox, which "
		    "require-sandbox wants: it has no %s",
		    missing);
		return false;
	}
	if (missing[0] != '\0')
		log_warning("the sandbox is not whole: this kernel has no %s",
		    missing);
	if (confine_modules(config) == -1 || sandbox_make() == -1)
		fatal("cannot make the sandbox: %s", strerror(errno));
	isolate_dumps(); /* the master: it holds what is in keys' files */
	return true;
}

/* Prints what the section of a module opens besides. */
static void
confine_say_section(const struct module_config *m)
{
	if (m->reads != NULL)
		printf("morod: module %s: its section opens %s to be read\n",
		    m->name, m->reads);
	if (m->writes != NULL)
		printf("morod: module %s: its section opens %s to be written\n",
		    m->name, m->writes);
}

bool
confine_check(const struct config *config)
{
	const struct sandbox_needs *needs;
	const char *missing, *path;
	char line[CONFINE_LINE];

	for (size_t i = 0; sandbox_line(i, line, sizeof line); i++)
		printf("morod: sandbox: %s\n", line);
	if (!config->sandbox)
		puts("morod: sandbox: it is switched off");
	for (size_t i = 0; (needs = module_needs(i, &path)) != NULL; i++) {
		printf("morod: module %s needs ", path);
		module_needs_text(needs, stdout);
		putchar('\n');
		if (module_unready(i) != NULL)
			printf("morod: module %s is not ready: %s\n", path,
			    module_unready(i));
	}
	for (size_t i = 0; i < config->n_modules; i++)
		confine_say_section(&config->modules[i]);
	missing = sandbox_missing();
	if (missing[0] == '\0' || !config->require_sandbox)
		return true;
	fprintf(stderr, "morod: require-sandbox: this kernel has no %s\n",
	    missing);
	return false;
}

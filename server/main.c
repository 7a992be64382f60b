#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/unistd.h>

#include "server/config.h"
#include "server/confine.h"
#include "server/log.h"
#include "server/master.h"
#include "server/process.h"
#include "server/user.h"
#include "worker/module.h"

#define EXIT_USAGE 2
#define MAIN_LINE 256

/* Prints the configuration in force. Returns the exit status. */
static int
main_print(const struct config *config)
{
	char *text = config_text(config);

	if (text == NULL) {
		fputs("morod: out of memory\n", stderr);
		return EXIT_FAILURE;
	}
	fputs(text, stdout);
	free(text);
	return EXIT_SUCCESS;
}

/* Says which file is right. */
static int
main_check(const struct config *config)
{
	const char *path = config->file != NULL ? config->file : CONFIG_FILE;

	printf("morod: %s: %s\n", path,
	    config->file_read ? "ok" : "not there; ok without it");
	return confine_check(config) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/*
 * Finds the user that processes become; whose configuration is only looked at
 * is root's to start, maybe. Returns 0, or -1 after saying why.
 */
static int
main_user(const struct config *config)
{
	char why[MAIN_LINE];

	if (config->user == NULL)
		return 0;
	if (config->check ? user_look_up(config->user, why, sizeof why) != NULL
			  : user_set(config->user, why, sizeof why) == 0)
		return 0;
	fprintf(stderr, "morod: user %s\n", why);
	return -1;
}

/* Does what only says something; -1: it was told to serve. */
static int
main_say(const struct config *config)
{
	if (config->help) {
		config_help(stdout);
		return EXIT_SUCCESS;
	}
	if (config->version) {
		puts("morod " MORO_VERSION);
		return EXIT_SUCCESS;
	}
	if (config->print_default) {
		config_help_file(stdout);
		return EXIT_SUCCESS;
	}
	if (!config->print && main_user(config) == -1)
		return EXIT_USAGE;
	if (config->check)
		return main_check(config);
	return config->print ? main_print(config) : -1;
}

/* What was said must have got there. Returns the exit status. */
static int
main_said(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "morod: cannot write standard output: %s\n",
	    strerror(errno));
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	static struct config config;
	int status;

	if (process_standard_descriptors() == -1)
		return EXIT_FAILURE;
	/* The title takes the place of the arguments, so it copies them. */
	setproctitle_init(argc, argv, environ);
	if (config_parse(&config, argc, argv) == -1) {
		config_clear(&config);
		return EXIT_USAGE;
	}
	status = main_say(&config);
	if (status != -1) {
		config_clear(&config);
		return main_said(status);
	}
	log_set_level((enum log_level)config.log_level);
	log_set_format((enum log_format)config.log_format);
	status = master_main(&config);
	config_clear(&config);
	module_exit_others(status);
}

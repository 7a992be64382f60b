#include <stdio.h>
#include <stdlib.h>

#include <bsd/unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "server/master.h"
#include "server/process.h"

#define EXIT_USAGE 2

int
main(int argc, char **argv)
{
	static struct config config;

	if (process_standard_descriptors() == -1)
		return EXIT_FAILURE;
	/* The title takes the place of the arguments, so it copies them. */
	setproctitle_init(argc, argv, environ);
	if (config_parse(&config, argc, argv) == -1)
		return EXIT_USAGE;
	if (config.help) {
		config_help();
		return EXIT_SUCCESS;
	}
	if (config.version) {
		puts("morod " MORO_VERSION);
		return EXIT_SUCCESS;
	}
	log_set_level((enum log_level)config.log_level);
	log_set_format((enum log_format)config.log_format);
	return master_main(&config);
}

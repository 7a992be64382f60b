/*
 * Not installed: prints what is made from the table of options, for the
 * repository and its tests.
 */

#include <stdio.h>
#include <stdlib.h>

#include "server/config.h"

int
main(void)
{
	config_help_page(stdout);
	return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

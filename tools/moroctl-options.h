#ifndef MORO_TOOLS_MOROCTL_OPTIONS_H
#define MORO_TOOLS_MOROCTL_OPTIONS_H

/* The options of moroctl: what they are called, take, and mean. */

#include "tools/moroctl.h"

/* One option. */
struct ctl_option_row {
	const char *name;
	int letter; /* 0: none */
	const char *takes; /* as the help shows it; NULL: a flag */
	const char *about;
};

extern const struct ctl_option_row ctl_options[CTL_OPTION_N];

/* Reads argv: options wherever they stand. 0, or the exit code. */
int options_read(struct ctl *c, int argc, char **argv);

/*
 * Checks options and arguments against what the command takes, and makes the
 * task's options of them. 0, or the exit code.
 */
int options_check(struct ctl *c);

#endif

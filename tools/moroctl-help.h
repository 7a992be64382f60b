#ifndef MORO_TOOLS_MOROCTL_HELP_H
#define MORO_TOOLS_MOROCTL_HELP_H

#include <stdbool.h>

struct ctl_command;

/*
 * Print the version, and the help, of the program or of one command. Give 0,
 * or EXIT_FAILED after complaining.
 */
int help_version(void);
int help_all(void);
int help_command(const struct ctl_command *k);

/*
 * Lists the commands of two words that begin with this one, and sets *rc as
 * the others do; false: there are none.
 */
bool help_group(const char *word, int *rc);

#endif

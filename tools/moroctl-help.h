#ifndef MORO_TOOLS_MOROCTL_HELP_H
#define MORO_TOOLS_MOROCTL_HELP_H

#include <stdbool.h>

struct ctl_command;

/* Print the help, of the program or of one command. 0, or EXIT_FAILED. */
int help_all(void);
int help_command(const struct ctl_command *command);

/* Lists the commands of two words that begin with this one; false: none. */
bool help_group(const char *word);

#endif

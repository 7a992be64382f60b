#ifndef MORO_TOOLS_MOROCTL_TASKS_H
#define MORO_TOOLS_MOROCTL_TASKS_H

/* What the commands of tasks share. */

#include "tools/moroctl.h"
#include "tools/source.h"

/* Adds an option's value as text, when it was given. */
void tasks_text(struct moro_map *map, const char *name, const struct ctl *c,
    enum ctl_option option);

/*
 * Reads the input: the argument, else --input, else standard input, at most
 * max bytes (0: all). Gives the exit code. The argument is borrowed by nobody:
 * it is copied.
 */
int tasks_input(struct ctl *c, struct source *in, size_t max);

/* A secret value: from the option, the option's file, or the environment. */
struct tasks_secret {
	enum ctl_option value;
	enum ctl_option file;
	const char *variable;
	const char *what; /* "key" */
	size_t exact; /* a file of so many bytes is taken as bytes; 0: none */
};

/* Adds the secret to a map under its name. Gives the exit code. */
int tasks_secret(struct moro_map *map, const struct ctl *c,
    const struct tasks_secret *s);

/* Calls a type with a map (freed) and writes a result that is text. */
int tasks_run(struct ctl *c, const char *type, struct moro_map *map,
    bool newline);

#endif

#ifndef MORO_TOOLS_MOROCTL_TASKS_H
#define MORO_TOOLS_MOROCTL_TASKS_H

/* What the commands of tasks share. */

#include "tools/moroctl-fields.h"
#include "tools/moroctl.h"
#include "tools/source.h"

struct tasks_secret;

/* What a task is run on. */
enum ctl_input {
	INPUT_NONE,
	INPUT_TEXT, /* the argument's text, or what is in a file */
	INPUT_ENVELOPE, /* likewise, without a newline behind it */
	INPUT_PATH, /* the file that the argument names */
	INPUT_JSON, /* the argument as JSON, or what is in a file */
	INPUT_NUMBER, /* the argument, a number, if there is one */
	INPUT_PARAMS, /* the first argument's text, and JSON, see `second` */
};

/* How its result is written. */
enum ctl_result {
	RESULT_LINE, /* text, and a newline */
	RESULT_TEXT, /* text or bytes, as they are */
	RESULT_BYTES, /* likewise, but to no terminal */
	RESULT_JSON,
};

/* A command that runs one task: all that there is to say of it. */
struct ctl_task {
	const char *type;
	enum ctl_input input;
	enum ctl_result result;
	const char *field; /* that the input is */
	const char *second; /* INPUT_PARAMS: the field of the second argument */
	const struct ctl_field *fields; /* that options are, or NULL */
	const struct ctl_field *options; /* those of the map "options" */
	const struct tasks_secret *secret; /* or NULL */
	/*
	 * Adds what follows from the command as a whole, and gives the exit
	 * code; or NULL.
	 */
	int (*more)(const struct ctl *c, struct moro_map *map);
};

extern const struct ctl_task tasks_hash, tasks_encrypt, tasks_decrypt,
    tasks_random, tasks_compute, tasks_compress, tasks_decompress, jwt_sign,
    image_resize, image_thumbnail, image_info;

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
	const char *variable; /* NULL: it need not be given, and is not there */
	const char *what; /* "key" */
	size_t exact; /* a file of so many bytes is taken as bytes; 0: none */
};

/* Adds the secret to a map under its name. Gives the exit code. */
int tasks_secret(struct moro_map *map, const struct ctl *c,
    const struct tasks_secret *s);

/*
 * Puts options, secret and input into the data of a task. A descriptor that is
 * to be closed after the call goes to *fd, or -1. Gives the exit code.
 */
int tasks_data(struct ctl *c, struct moro_map *map, const struct ctl_task *t,
    int *fd);

/* Calls a type with a map (freed) and writes a result that is text. */
int tasks_run(struct ctl *c, const char *type, struct moro_map *map,
    bool newline);

/* Likewise, and writes the result as JSON. */
int tasks_run_json(struct ctl *c, const char *type, struct moro_map *map);

#endif

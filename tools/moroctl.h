#ifndef MORO_TOOLS_MOROCTL_H
#define MORO_TOOLS_MOROCTL_H

/*
 * moroctl: morod from the command line. One table in moroctl.c describes the
 * options, one in moroctl-commands.c the commands; parsing, checks and help
 * all come from them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/moro.h"

enum ctl_option {
	CTL_SOCKET,
	CTL_JSON,
	CTL_WAIT,
	CTL_HELP,
	CTL_VERSION,
	CTL_PRIORITY,
	CTL_TIMEOUT,
	CTL_RUN_TIMEOUT,
	CTL_QUEUE_TIMEOUT,
	CTL_ID,
	CTL_INPUT,
	CTL_OUTPUT,
	CTL_CANCEL_GRACE,
	CTL_IDEMPOTENT,
	CTL_RETRY,
	CTL_BACKOFF,
	CTL_MAX_BACKOFF,
	CTL_RETRY_ON,
	CTL_ON_FULL,
	CTL_PROGRESS,
	CTL_NO_PROGRESS,
	CTL_RECONNECT,
	CTL_FIELD,
	CTL_PARALLEL,
	CTL_RAW,
	CTL_FORCE,
	CTL_ALGORITHM,
	CTL_ENCODING,
	CTL_KEY,
	CTL_KEY_FILE,
	CTL_NAMED,
	CTL_AAD,
	CTL_KDF,
	CTL_IV,
	CTL_SECRET,
	CTL_SECRET_FILE,
	CTL_EXPIRES_IN,
	CTL_NOT_BEFORE,
	CTL_ISSUER,
	CTL_AUDIENCE,
	CTL_SUBJECT,
	CTL_JWTID,
	CTL_KEYID,
	CTL_NO_TIMESTAMP,
	CTL_HEADER,
	CTL_NONCE,
	CTL_TYP,
	CTL_MAX_AGE,
	CTL_COMPLETE,
	CTL_CLOCK_TOLERANCE,
	CTL_IGNORE_EXPIRATION,
	CTL_FORMAT,
	CTL_LEVEL,
	CTL_MAX_OUTPUT,
	CTL_MAX_RATIO,
	CTL_NO_CHECKSUM,
	CTL_DICTIONARY,
	CTL_PASSWORD_FILE,
	CTL_COST,
	CTL_MEMORY,
	CTL_ITERATIONS,
	CTL_BITS,
	CTL_CURVE,
	CTL_EACH,
	CTL_ARGS,
	CTL_GROUP_BY,
	CTL_METRICS,
	CTL_BUCKETS,
	CTL_TIME_FIELD,
	CTL_TIME_UNIT,
	CTL_SKIP_INVALID,
	CTL_PARTIAL,
	CTL_MERGE,
	CTL_WIDTH,
	CTL_HEIGHT,
	CTL_SIZE,
	CTL_FIT,
	CTL_POSITION,
	CTL_BACKGROUND,
	CTL_QUALITY,
	CTL_LOSSLESS,
	CTL_KEEP_METADATA,
	CTL_NO_ENLARGEMENT,
	CTL_NO_ORIENT,
	CTL_MAX_PIXELS,
	CTL_STATE,
	CTL_TYPE,
	CTL_CLIENT,
	CTL_LIMIT,
	CTL_SINCE_START,
	CTL_INTERVAL,
	CTL_UNTIL_EMPTY,
	CTL_POOL,
	CTL_NOW,
	CTL_OPTION_N,
};

/* A set of options. There are more than 64. */
__extension__ typedef unsigned __int128 ctl_options_set;

#define CTL_BIT(option) ((ctl_options_set)1 << (option))
#define CTL_ALGORITHMS 8 /* times that --algorithm may be given */

/* One run of the program. */
struct ctl {
	const struct ctl_command *command;
	char **args; /* those of the command */
	int n_args;
	const char *values[CTL_OPTION_N]; /* NULL: not given; flags: "" */
	const char *algorithms[CTL_ALGORITHMS + 1]; /* ends with NULL */
	struct moro *moro; /* ctl_moro() connects it */
	bool connected; /* that was tried */
	struct moro_options *options; /* of the task; NULL: none is run */
	int killed_by; /* the signal to die of when all is tidied up, or 0 */
};

struct ctl_task;

/* One command. A table of them ends where name is NULL. */
struct ctl_command {
	const char *name; /* one word, or two: "image resize" */
	const char *arguments; /* as the help shows them, or "" */
	int max_args;
	ctl_options_set takes; /* CTL_BIT()s of its own options */
	const char *about; /* one line */
	const char *more; /* what else there is to say, or NULL */
	const char *example;
	const struct ctl_task *task; /* of ctl_do_task(), else NULL */
	/* Does it; gives the exit code, having complained unless it is 0. */
	int (*run)(struct ctl *c);
};

extern const struct ctl_command ctl_commands[];

/* Whether an option was given. */
bool ctl_has(const struct ctl *c, enum ctl_option option);

/*
 * Whether a command that runs tasks of any type was given one: a control method
 * is none. Gives 0, or complains and gives the exit code.
 */
int ctl_check_type(const struct ctl *c, const char *command);

/* The connection, made when it is first asked for; it may have failed. */
struct moro *ctl_moro(struct ctl *c);

/*
 * Calls a type or method, connecting first. A task can be interrupted. The data are one MessagePack
 * value or NULL. Gives 0 and the reply, which is the caller's; or complains,
 * shows the error as JSON if that was asked for, and gives the exit code.
 */
int ctl_call(struct ctl *c, const char *type, const void *data, size_t len,
    struct moro_reply **reply);

/* The same with a reply that is there already, and is taken. */
int ctl_take(struct ctl *c, struct moro_reply **reply, struct moro_reply *r);

/* The same as ctl_call() with a map, which is freed; NULL and broken ones: no memory. */
int ctl_call_map(struct ctl *c, const char *type, struct moro_map *map,
    struct moro_reply **reply);

/*
 * Milliseconds until there is something to do though nothing comes: to draw, or
 * to connect again; -1: never.
 */
int ctl_due(const struct ctl *c);

/*
 * Waits for a task on a connection that was made: draws how far it is, ends at
 * --wait, and cancels it when SIGINT or SIGTERM comes. Gives 0 and the reply,
 * an error perhaps, or complains and gives the exit code.
 */
int ctl_await(struct ctl *c, const char *type, const void *data, size_t len,
    struct moro_reply **reply);

/* Complains of an error that no reply bears; gives the exit code. */
int ctl_fail(struct ctl *c, enum moro_code code, const char *message);

/* Whether the server takes descriptors; connects first. */
bool ctl_takes_files(struct ctl *c);

/*
 * Puts a whole file into the data; has a result of bytes go to a file. The
 * descriptors stay open until the call. Give the exit code.
 */
int ctl_add_file(struct ctl *c, struct moro_map *map, const char *name, int fd);
int ctl_set_result(struct ctl *c, int fd);

/*
 * The most bytes of input that are worth reading: one more than the server
 * takes, for which the call is refused. Connects first.
 */
size_t ctl_input_max(struct ctl *c);

/*
 * Writes the result as JSON and a newline. Gives the exit code, as do the
 * next ones.
 */
int ctl_put_json(struct ctl *c, struct moro_reply *reply);

/* The same of a secret: a file is a new one, for its owner alone. */
int ctl_put_secret_json(struct ctl *c, struct moro_reply *reply);

/* Likewise with one value; NULL: there was no memory for it. */
int ctl_put_value(struct ctl *c, const struct msgpack_object *object);

/* The same with what a memory stream gathered, which it closes and frees. */
int ctl_put_stream(const char *path, FILE *stream, char **text, size_t *len);

/* Writes a result that is text or bytes as it is; --json: as JSON. */
int ctl_put_text(struct ctl *c, struct moro_reply *reply, bool newline);

/* How the output is called in an error. */
const char *ctl_output_name(const struct ctl *c);

/* Prints an error as JSON, {"error": {...}}, without a newline. */
void ctl_print_error(FILE *out, const struct moro_reply *reply);

/* Writes one on standard output, with a newline. */
void ctl_put_error(const struct moro_reply *reply);

/* The same of an error that no reply bears. */
void ctl_put_failure(enum moro_code code, const char *message);

/* Refuses to show bytes to a person, unless --force. */
int ctl_check_terminal(struct ctl *c);

/* The commands, one function each. */
int ctl_ping(struct ctl *c);
int ctl_stats(struct ctl *c);
int ctl_types(struct ctl *c);
int ctl_shutdown(struct ctl *c);
int ctl_ls(struct ctl *c);
int ctl_slow(struct ctl *c);
int ctl_clients(struct ctl *c);
int ctl_poison(struct ctl *c);
int ctl_keys(struct ctl *c);
int ctl_top(struct ctl *c);
int ctl_log(struct ctl *c);
int ctl_cancel(struct ctl *c);
int ctl_drain(struct ctl *c);
int ctl_pause(struct ctl *c);
int ctl_resume(struct ctl *c);
int ctl_scale(struct ctl *c);
int ctl_reload(struct ctl *c);
int ctl_run(struct ctl *c);
int ctl_map(struct ctl *c);
int ctl_do_task(struct ctl *c);
int ctl_verify(struct ctl *c);
int ctl_keygen(struct ctl *c);
int ctl_password_hash(struct ctl *c);
int ctl_password_verify(struct ctl *c);
int ctl_jq(struct ctl *c);
int ctl_analytics(struct ctl *c);

/* Prints the types for people. */
int ctl_show_types(struct ctl *c, struct moro_reply *reply);

#endif

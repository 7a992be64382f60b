#ifndef MORO_SERVER_CONFIG_H
#define MORO_SERVER_CONFIG_H

/*
 * What morod was told to do, by the command line, the environment and a file.
 * One table (server/config-table.c) makes the parsing of all three, --help,
 * the reference page and the default file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/un.h>

#include "proto/limit.h"

#define CONFIG_SOCKET_MAX sizeof(((struct sockaddr_un *)0)->sun_path)
#define CONFIG_FILE "/etc/moro/morod.conf" /* read if it is there */
#define CONFIG_NAME_MAX 32 /* bytes of a pool's name */
#define CONFIG_USER_MAX 64 /* bytes of a user's name */
#define CONFIG_KEYS_MAX 128 /* entries that the table may have */
#define CONFIG_POOL_DEFAULT "default"

struct task_type;

/* Who said it; a later one wins. */
enum config_from {
	FROM_DEFAULT,
	FROM_SERVER, /* a pool's, that has what section [morod] says */
	FROM_FILE,
	FROM_ENVIRONMENT,
	FROM_ARGUMENTS,
};

struct config_origin {
	enum config_from from;
	unsigned int line; /* of the file, where it says so; 0: it does not */
};

/* Least and most of something; both the same when one number was given. */
struct config_range {
	uint64_t min, max;
};

/* Where a program has the socket of its tasks. */
enum program_channel {
	CHANNEL_FD, /* a descriptor, whose number MORO_FD tells */
	CHANNEL_STDIO, /* stdin and stdout */
};

/* Who may connect. */
enum config_mode {
	MODE_OWNER,
	MODE_GROUP,
	MODE_ALL,
};

struct pool_config {
	char name[CONFIG_NAME_MAX + 1];
	unsigned int line; /* of its section's beginning; 0: it has none */
	uint32_t slots; /* that it has, from its start on: more than workers */
	struct config_range workers;
	uint64_t scale_wait_ms; /* tasks that wait so long want more workers */
	uint64_t scale_idle_ms; /* a worker not needed for so long may go */
	uint64_t recycle_tasks; /* a worker is replaced then; these three, 0: */
	uint64_t recycle_age_ms; /* never */
	uint64_t recycle_rss;
	uint64_t
	    worker_memory; /* bytes; limits of a worker, these three, 0: none */
	uint64_t worker_cpu_ms; /* of one task */
	uint64_t worker_files;
	uint64_t breaker_deaths; /* for each worker; 0: the pool never breaks */
	uint64_t breaker_window_ms;
	uint64_t breaker_pause_ms;
	char *command; /* the program that its workers are; NULL: morod's */
	char *exec; /* the program that is run for each task; NULL: none */
	/* whose programs may dial in as its workers: server/users.h; NULL: none */
	char *serve;
	char *types; /* of these, separated by commas or blanks; or NULL */
	uint64_t channel; /* enum program_channel */
	uint64_t ready_timeout_ms; /* from the program's start to its hello */
	uint64_t reserve; /* workers kept for high priority */
	uint64_t max_queue_size; /* tasks that wait */
	struct config_origin origins[CONFIG_KEYS_MAX]; /* by place in table */
};

/* What holds for tasks of one type. */
struct task_config {
	const struct task_type *type;
	unsigned int line; /* as of a pool */
	char *pool; /* name of a pool that there is */
	char *allow, *deny; /* these two: server/users.h; NULL: no such list */
	uint64_t max_running; /* 0: no limit of its own */
	uint64_t max_queued; /* 0: likewise */
	uint64_t priority; /* enum priority, of tasks that give none */
	uint64_t timeout_ms; /* these three, of tasks that give none of them; */
	uint64_t run_timeout_ms; /* 0: no limit */
	uint64_t queue_timeout_ms;
	struct config_origin origins[CONFIG_KEYS_MAX];
};

/* A named key; its secret is in files, and this process does not read them. */
struct key_config {
	char name[CONFIG_NAME_MAX + 1];
	unsigned int line; /* as of a pool */
	char *file; /* not NULL; see worker/keyring.h of these four */
	char *old;
	uint64_t format; /* enum keyring_format */
	char *types;
	/* ids of what the files hold, the current one first; NULL: not known */
	char *versions;
	struct config_origin origins[CONFIG_KEYS_MAX];
};

/* A module that a section is about. */
struct module_config {
	char name[CONFIG_NAME_MAX + 1];
	unsigned int line; /* as of a pool */
	char *path; /* NULL: the name is one of those that are installed */
	uint64_t preload; /* enum module_place */
	char *settings; /* for its init(); or NULL */
	char *reads; /* paths that workers may open, with commas; or NULL */
	char *writes; /* and change */
	struct config_origin origins[CONFIG_KEYS_MAX];
};

struct config {
	char *file; /* --config; NULL: the one that is read if it is there */
	char *module; /* names or paths, separated by commas; NULL: none */
	char *user; /* who all but the master are; NULL: as it is itself */
	char *socket; /* the path; not NULL where morod is to serve */
	char *socket_group; /* its number, as text; NULL: the process's */
	uint64_t socket_mode; /* enum config_mode */
	char *submit; /* these two: server/users.h */
	char *admin;
	struct pool_config pool; /* of pools that do not say otherwise */
	uint64_t queue_high_mark; /* percent of a queue: clients are told */
	uint64_t queue_low_mark; /* likewise, when it has emptied */
	uint64_t max_queued_bytes; /* of all tasks accepted and unfinished */
	uint64_t max_clients; /* connections */
	uint64_t weights; /* of priorities: queue_weight(); 0: strict */
	uint64_t aging_ms; /* a task that waited so long is lifted; 0: never */
	uint64_t max_client_bytes; /* of the data of those */
	uint64_t max_client_tasks; /* unfinished tasks of one connection */
	uint64_t prefetch_us; /* run time that a worker may hold; 0: one task */
	uint64_t max_frame; /* these four: struct limits */
	uint64_t max_depth;
	uint64_t max_values;
	uint64_t max_method;
	uint64_t max_file; /* bytes of a file that came as a descriptor */
	uint64_t frame_timeout_ms; /* first byte of a message to its last */
	uint64_t shutdown_timeout_ms;
	uint64_t cancel_grace_ms; /* between telling and killing a task */
	uint64_t log_level; /* enum log_level */
	uint64_t log_format; /* enum log_format */
	bool debug_tasks;
	bool sandbox; /* it is entered */
	bool require_sandbox; /* morod does not run without all of it */
	bool files_for_all; /* descriptors are taken from every client */
	bool check; /* these five: say something and exit */
	bool print;
	bool print_default;
	bool help;
	bool version;
	bool default_socket; /* the path was not given: its folder is made */
	bool file_read; /* a file was there, and was read */
	/* what came through a pipe, which gives it but once; else NULL */
	char *pipe;
	size_t pipe_len;
	struct pool_config *pools; /* at least one; the default pool first */
	size_t n_pools;
	struct module_config *modules; /* those with a section */
	size_t n_modules;
	struct key_config *keys;
	size_t n_keys;
	/*
	 * What their files held, for workers (worker/keyring.h): nobody else
	 * reads it. Owned; 0: there is none.
	 */
	int keys_fd;
	struct task_config *tasks; /* one for each type, in their order */
	size_t n_tasks;
	int argc; /* the command line: copies, for config_reload() */
	char **argv;
	struct config_origin origins[CONFIG_KEYS_MAX];
};

/*
 * Reads the command line, the environment and the file. Returns 0, or -1 after
 * lines on stderr that say what is wrong, all that is wrong in the file.
 * Either way the configuration is to be cleared.
 */
int config_parse(struct config *config, int argc, char **argv);

/*
 * Reads them all again, as `running` was read. Returns 0 with the new
 * configuration, or -1 with nothing to clear; `out` gets the lines that say
 * what is wrong ("FILE:LINE: ..."), or which keys keep their old value because
 * they need a restart. The pools are the same as before, in the same order.
 */
int config_reload(const struct config *running, struct config *new, FILE *out);

/*
 * Reads a whole file from memory, and nothing else: what config_text() gave
 * makes the same configuration. Returns 0, or -1 with lines in `out` that name
 * the file `name` and nothing to clear.
 */
int config_parse_text(struct config *config, const char *name, const char *text,
    size_t len, FILE *out);

/*
 * The configuration as a file, with where each value comes from. The caller
 * frees it; NULL: no memory.
 */
char *config_text(const struct config *config);

/* Frees what the configuration owns. It may be cleared twice. */
void config_clear(struct config *config);

/* The pool of that name, or NULL. */
struct pool_config *config_pool(const struct config *config, const char *name);

/* Whether the type's timeout was said, and is not its own. */
bool config_task_sets_timeout(const struct task_config *t);

/* The slots that all pools have, and the pool that has a slot. */
uint32_t config_slots(const struct config *config);
const struct pool_config *config_slot_pool(const struct config *config,
    uint32_t slot);

/* The message limits in force. */
struct limits config_limits(const struct config *config);

/* Prints all options with their defaults. */
void config_help(FILE *out);

/* Prints the file that changes nothing: all keys, commented out. */
void config_help_file(FILE *out);

/* Prints server/CONFIG.md. */
void config_help_page(FILE *out);

#endif

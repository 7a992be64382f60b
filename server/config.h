#ifndef MORO_SERVER_CONFIG_H
#define MORO_SERVER_CONFIG_H

/* What morod was told to do: one table makes the parsing and --help. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "proto/limit.h"

#define CONFIG_SOCKET_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

struct config {
	const char *socket; /* the path; never NULL after config_parse() */
	uint64_t workers; /* in the default pool */
	uint64_t max_queue_size; /* tasks waiting in a pool */
	uint64_t queue_high_mark; /* percent of that: clients are told */
	uint64_t queue_low_mark; /* likewise, when it has emptied */
	uint64_t max_queued_bytes; /* of all tasks accepted and unfinished */
	uint64_t max_clients; /* connections */
	uint64_t aging_ms; /* a task that waited so long is lifted; 0: never */
	uint64_t reserve; /* workers for tasks of high priority alone */
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
	bool debug_tasks;
	bool files_for_all; /* descriptors are taken from every client */
	bool help;
	bool version;
	bool default_socket; /* the path was not given: its folder is made */
	char socket_buffer[CONFIG_SOCKET_MAX]; /* of a path that was composed */
};

/* The message limits in force. */
struct limits config_limits(const struct config *config);

/*
 * Sets the defaults and reads the command line. Returns 0, or -1 after one
 * line on stderr that names the option and what it takes.
 */
int config_parse(struct config *config, int argc, char **argv);

/* Prints all options with their defaults on stdout. */
void config_help(void);

#endif

#include "tools/moroctl.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/interrupt.h"
#include "tools/meter.h"
#include "tools/moroctl-help.h"
#include "tools/moroctl-options.h"
#include "tools/standard.h"

#define CTL_LIST 128 /* bytes of the words that may follow another */

/* Of --reconnect: the first pause, and the longest. */
#define CTL_FIRST_MS 50
#define CTL_MAX_MS 2000

/* A time that an option gives; 0: it is not given. */
static uint64_t
ctl_ms(const struct ctl *c, enum ctl_option option)
{
	uint64_t ms = 0;

	if (ctl_has(c, option))
		units_duration(c->values[option], 0, &ms);
	return ms;
}

/* Connects, for as long as both options allow. */
static void
ctl_connect(struct ctl *c)
{
	uint64_t wait = ctl_ms(c, CTL_WAIT);
	uint64_t again = ctl_ms(c, CTL_RECONNECT);
	bool sooner = again != 0 && (wait == 0 || again < wait);

	if (again != 0)
		moro_set_reconnect(c->moro, CTL_FIRST_MS, CTL_MAX_MS, again);
	moro_set_wait_ms(c->moro, sooner ? again : wait);
	moro_connect(c->moro, c->values[CTL_SOCKET]);
	moro_set_wait_ms(c->moro, wait);
}

/*
 * Connects when the first call is made, so that wrong usage needs no server.
 * When that fails, the call will say so.
 */
struct moro *
ctl_moro(struct ctl *c)
{
	if (c->connected)
		return c->moro;
	c->connected = true;
	ctl_connect(c);
	return c->moro;
}

/* What moroctl exits with when it was answered this code. */
static int
ctl_exit_code(enum moro_code code)
{
	static const struct {
		enum moro_code code;
		enum exit_code exit;
	} rows[] = {
	    {MORO_OK, EXIT_DONE},
	    {MORO_WORKER_ERROR, EXIT_FAILED},
	    {MORO_TIMEOUT, EXIT_TIMEOUT},
	    {MORO_WAIT_LIMIT, EXIT_TIMEOUT},
	    {MORO_QUEUE_FULL, EXIT_QUEUE_FULL},
	    {MORO_NO_SERVER, EXIT_NO_SERVER},
	    {MORO_LOST, EXIT_NO_SERVER},
	    {MORO_GARBLED, EXIT_NO_SERVER},
	    {MORO_CLOSED, EXIT_NO_SERVER},
	    {MORO_SYSTEM, EXIT_NO_SERVER},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].code == code)
			return rows[i].exit;
	}
	return EXIT_REFUSED;
}

/*
 * Why the worker could not write the result to the descriptor that it was
 * given, as errno; 0: something else went wrong.
 */
static int
ctl_output_error(const struct moro_reply *r)
{
	const char *field = moro_reply_detail_text(r, "field");
	int64_t error = 0;

	if (moro_reply_code(r) == MORO_WORKER_ERROR && field != NULL &&
	    strcmp(field, "resultFd") == 0)
		moro_reply_detail_number(r, "errno", &error);
	return (int)error;
}

/* Says what went wrong. */
static int
ctl_complain(struct ctl *c, const struct moro_reply *r)
{
	static const char hint[] = "; start morod, or name its socket with "
				   "--socket PATH or $MORO_SOCKET";
	enum moro_code code = moro_reply_code(r);
	int error = ctl_output_error(r);

	if (error != 0)
		complain_output(ctl_output_name(c), error);
	else
		complain(moro_reply_code_name(r), "%s%s", moro_reply_message(r),
		    code == MORO_NO_SERVER ? hint : "");
	if (ctl_has(c, CTL_JSON))
		ctl_put_error(r);
	return ctl_exit_code(code);
}

int
ctl_fail(struct ctl *c, enum moro_code code, const char *message)
{
	complain(moro_code_name(code), "%s", message);
	if (ctl_has(c, CTL_JSON))
		ctl_put_failure(code, message);
	return ctl_exit_code(code);
}

int
ctl_call(struct ctl *c, const char *type, const void *data, size_t len,
    struct moro_reply **reply)
{
	struct moro *m = ctl_moro(c);
	struct moro_reply *r = NULL;
	int rc = EXIT_DONE;

	if (c->options != NULL)
		rc = ctl_await(c, type, data, len, &r);
	else
		r = moro_call(m, type, data, len, NULL);
	return rc != EXIT_DONE ? rc : ctl_take(c, reply, r);
}

int
ctl_take(struct ctl *c, struct moro_reply **reply, struct moro_reply *r)
{
	int rc;

	if (moro_reply_ok(r)) {
		*reply = r;
		return EXIT_DONE;
	}
	rc = ctl_complain(c, r);
	moro_reply_free(r);
	return rc;
}

int
ctl_call_map(struct ctl *c, const char *type, struct moro_map *map,
    struct moro_reply **reply)
{
	const void *data = moro_map_data(map);
	int rc = EXIT_REFUSED;

	if (data == NULL)
		complain("NO_MEMORY", "out of memory");
	else
		rc = ctl_call(c, type, data, moro_map_size(map), reply);
	moro_map_free(map);
	return rc;
}

bool
ctl_takes_files(struct ctl *c)
{
	return moro_server_has(ctl_moro(c), "fd");
}

size_t
ctl_input_max(struct ctl *c)
{
	int64_t max = moro_server_limit(ctl_moro(c), "maxFrame");

	return max < 0 ? 1 : (size_t)max + 1;
}

int
ctl_add_file(struct ctl *c, struct moro_map *map, const char *name, int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);
	int index = moro_options_add_file(c->options, fd);

	if (len == -1 || index == -1)
		return complain_usage("the file cannot be passed on: %s",
		    strerror(errno));
	moro_map_file(map, name, index, 0, (uint64_t)len);
	return EXIT_DONE;
}

int
ctl_set_result(struct ctl *c, int fd)
{
	if (moro_options_set_result_file(c->options, fd) == 0)
		return EXIT_DONE;
	return complain_usage("the output cannot be passed on");
}

/* How many arguments name a command of one word or two; 0: others do. */
static int
ctl_names(const struct ctl *c, const char *name)
{
	size_t first = strcspn(name, " ");

	if (strlen(c->args[0]) != first ||
	    strncmp(name, c->args[0], first) != 0)
		return 0;
	if (name[first] == '\0')
		return 1;
	return c->n_args > 1 && strcmp(name + first + 1, c->args[1]) == 0 ? 2
									  : 0;
}

/* Says that there is no such command, or what may follow its first word. */
static int
ctl_unknown(const struct ctl *c)
{
	size_t len = strlen(c->args[0]);
	char list[CTL_LIST];
	size_t n = 0;

	for (const struct ctl_command *k = ctl_commands;
	     k->name != NULL && n < sizeof list; k++) {
		if (strncmp(k->name, c->args[0], len) == 0 &&
		    k->name[len] == ' ')
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s",
			    n > 0 ? ", " : "", k->name + len + 1);
	}
	if (n == 0)
		return complain_usage("no command %s; moroctl --help lists "
				      "them",
		    c->args[0]);
	return complain_usage("%s takes one of: %s", c->args[0], list);
}

/* Finds the command in the arguments and takes it out of them. */
static int
ctl_find(struct ctl *c)
{
	if (c->n_args == 0)
		return complain_usage(
		    "no command is given; moroctl --help lists them");
	for (const struct ctl_command *k = ctl_commands; k->name != NULL; k++) {
		int n = ctl_names(c, k->name);

		if (n == 0)
			continue;
		c->command = k;
		c->args += n;
		c->n_args -= n;
		return EXIT_DONE;
	}
	return ctl_unknown(c);
}

/* Has progress drawn, for a task and where there is somebody to see it. */
static void
ctl_enable_meter(const struct ctl *c)
{
	if (c->options == NULL || ctl_has(c, CTL_NO_PROGRESS))
		return;
	if (ctl_has(c, CTL_PROGRESS) || isatty(STDERR_FILENO))
		meter_enable();
}

/* Does what the arguments say. */
static int
ctl_main(struct ctl *c)
{
	int rc;

	if (ctl_has(c, CTL_VERSION))
		return help_version();
	if (ctl_has(c, CTL_HELP) && c->n_args == 0)
		return help_all();
	if (ctl_has(c, CTL_HELP) && c->n_args == 1 &&
	    help_group(c->args[0], &rc))
		return rc;
	rc = ctl_find(c);
	if (rc != EXIT_DONE)
		return rc;
	if (ctl_has(c, CTL_HELP))
		return help_command(c->command);
	rc = options_check(c);
	if (rc != EXIT_DONE)
		return rc;
	c->moro = moro_new();
	if (c->moro == NULL)
		return ctl_fail(c, MORO_NO_MEMORY, "out of memory");
	ctl_enable_meter(c);
	return c->command->run(c);
}

int
main(int argc, char **argv)
{
	struct ctl c = {.command = NULL};
	int rc;

	if (standard_open() == -1)
		return EXIT_FAILED;
	/* a reader that is gone is an error to report, not a sudden death */
	signal(SIGPIPE, SIG_IGN);
	rc = options_read(&c, argc, argv);
	if (rc == EXIT_DONE)
		rc = ctl_main(&c);
	moro_options_free(c.options);
	moro_free(c.moro);
	if (c.killed_by != 0)
		interrupt_die(c.killed_by);
	return rc;
}

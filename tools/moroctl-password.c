/* moroctl password hash, and verify. */

#include <stdlib.h>
#include <string.h>

#include <bsd/readpassphrase.h>

#include "tools/complain.h"
#include "tools/moroctl-tasks.h"
#include "tools/sink.h"

#define PASSWORD_TEXT \
	1026 /* bytes: one more than the server takes, and a NUL */
#define PASSWORD_VARIABLE "MORO_PASSWORD"

static const struct ctl_field password_fields[] = {
    {CTL_COST, FORM_TEXT, "cost"},
    {CTL_MEMORY, FORM_SIZE, "memory"},
    {CTL_ITERATIONS, FORM_NUMBER, "iterations"},
    {.name = NULL},
};

/* Reads the password from the terminal, a new one twice. */
static int
password_read(char text[PASSWORD_TEXT], char again[PASSWORD_TEXT], bool anew)
{
	int flags = RPP_ECHO_OFF | RPP_REQUIRE_TTY;

	if (readpassphrase("Password: ", text, PASSWORD_TEXT, flags) == NULL)
		return complain_usage(
		    "no password: say --password-file FILE (- is standard "
		    "input), set $" PASSWORD_VARIABLE
		    ", or run it at a terminal");
	if (anew && (readpassphrase("Once more: ", again, PASSWORD_TEXT,
			 flags) == NULL ||
			strcmp(text, again) != 0))
		return complain_usage("the two are not the same");
	return EXIT_DONE;
}

/* Asks for the password without an echo; whatever was typed is wiped. */
static int
password_ask(struct moro_map *map, bool anew)
{
	char text[PASSWORD_TEXT], again[PASSWORD_TEXT];
	int rc = password_read(text, again, anew);

	if (rc == EXIT_DONE)
		moro_map_text(map, "password", text);
	explicit_bzero(text, sizeof text);
	explicit_bzero(again, sizeof again);
	return rc;
}

/* Adds the password from where it stands. */
static int
password_add(const struct ctl *c, struct moro_map *map, bool anew)
{
	const char *file = c->values[CTL_PASSWORD_FILE];
	const char *value = getenv(PASSWORD_VARIABLE);
	struct source in;
	int rc;

	if (file == NULL && value == NULL)
		return password_ask(map, anew);
	if (file == NULL) {
		moro_map_text(map, "password", value);
		return EXIT_DONE;
	}
	rc = source_read(&in, file, 0);
	if (rc != EXIT_DONE)
		return rc;
	source_chomp(&in);
	moro_map_bytes(map, "password", in.bytes, in.len);
	source_clear(&in);
	return EXIT_DONE;
}

int
ctl_password_hash(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	int rc = fields_add(c, map, password_fields);

	if (rc == EXIT_DONE)
		rc = password_add(c, map, true);
	if (rc == EXIT_DONE)
		return tasks_run(c, "password:hash", map, true);
	moro_map_free(map);
	return rc;
}

/* Adds the hash, an argument or a line. */
static int
password_add_hash(struct ctl *c, struct moro_map *map)
{
	struct source in = {NULL, 0};
	int rc = tasks_input(c, &in, ctl_input_max(c));

	if (rc == EXIT_DONE) {
		source_chomp(&in);
		moro_map_text(map, "hash", in.bytes);
	}
	source_clear(&in);
	return rc;
}

/* Whether password and hash are both to come on standard input. */
static bool
password_is_crowded(const struct ctl *c)
{
	const char *file = c->values[CTL_PASSWORD_FILE];
	const char *hash = c->n_args > 0 ? c->args[0] : c->values[CTL_INPUT];

	return file != NULL && strcmp(file, "-") == 0 &&
	       (hash == NULL || strcmp(hash, "-") == 0);
}

/* Says whether it is the password. */
static int
password_verdict(struct ctl *c, struct moro_reply *reply)
{
	bool valid = moro_reply_true(reply, "valid");
	bool old = moro_reply_true(reply, "needsRehash");
	int rc = EXIT_DONE;

	if (!valid)
		complain("INVALID", "the password is not the one of the hash");
	if (ctl_has(c, CTL_JSON))
		rc = ctl_put_json(c, reply);
	else if (valid)
		rc = sink_write(c->values[CTL_OUTPUT],
		    old ? "valid, and to be hashed anew" : "valid",
		    old ? strlen("valid, and to be hashed anew")
			: strlen("valid"),
		    true);
	return rc == EXIT_DONE && !valid ? EXIT_FAILED : rc;
}

int
ctl_password_verify(struct ctl *c)
{
	struct moro_map *map;
	struct moro_reply *reply;
	int rc;

	if (password_is_crowded(c))
		return complain_usage("the hash and the password cannot both "
				      "come on standard input");
	map = moro_map_new();
	rc = fields_add(c, map, password_fields);
	if (rc == EXIT_DONE)
		rc = password_add_hash(c, map);
	if (rc == EXIT_DONE)
		rc = password_add(c, map, false);
	if (rc != EXIT_DONE) {
		moro_map_free(map);
		return rc;
	}
	rc = ctl_call_map(c, "password:verify", map, &reply);
	if (rc != EXIT_DONE)
		return rc;
	rc = password_verdict(c, reply);
	moro_reply_free(reply);
	return rc;
}

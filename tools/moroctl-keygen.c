/* moroctl keygen: a key, or a pair of keys of which one is public. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/complain.h"
#include "tools/moroctl-tasks.h"
#include "tools/sink.h"

#define KEYGEN_PUBLIC ".pub" /* what the public key's file ends with */

static const struct ctl_field keygen_fields[] = {
    {CTL_ENCODING, FORM_TEXT, "encoding"},
    {CTL_BITS, FORM_NUMBER, "bits"},
    {CTL_CURVE, FORM_TEXT, "curve"},
    {.name = NULL},
};

/*
 * Refuses to write over a file: what was encrypted with the key in it would be
 * lost.
 */
static int
keygen_check(const struct ctl *c, const char *path)
{
	struct stat st;

	if (ctl_has(c, CTL_FORCE) || lstat(path, &st) == -1)
		return EXIT_DONE;
	return complain_usage("%s is there already; --force replaces it", path);
}

/* Writes one of the keys. */
static int
keygen_put(struct moro_reply *reply, const char *name, const char *path)
{
	size_t len = 0;
	const char *text = moro_reply_string(reply, name, &len);

	if (text == NULL)
		return complain_output("the key", 0);
	if (strcmp(name, "privateKey") == 0)
		return sink_write_secret(path, text, len, false);
	return sink_write(path, text, len, false);
}

/* Whether the keys go to files. */
static bool
keygen_has_file(const struct ctl *c)
{
	const char *path = c->values[CTL_OUTPUT];

	return path != NULL && strcmp(path, "-") != 0;
}

/* Writes both keys: to two files, or one behind the other. */
static int
keygen_put_pair(struct ctl *c, struct moro_reply *reply)
{
	const char *path = c->values[CTL_OUTPUT];
	char public_path[PATH_MAX];
	int rc;

	if (!keygen_has_file(c)) {
		rc = keygen_put(reply, "privateKey", path);
		return rc == EXIT_DONE ? keygen_put(reply, "publicKey", NULL)
				       : rc;
	}
	if ((size_t)snprintf(public_path, sizeof public_path,
		"%s" KEYGEN_PUBLIC, path) >= sizeof public_path)
		return complain_usage("--output: the path is too long");
	rc = keygen_check(c, public_path);
	if (rc == EXIT_DONE)
		rc = keygen_put(reply, "privateKey", path);
	return rc == EXIT_DONE ? keygen_put(reply, "publicKey", public_path)
			       : rc;
}

/* Whether the key is bytes: one more would make it another. */
static bool
keygen_is_bytes(const struct ctl *c)
{
	const char *encoding = c->values[CTL_ENCODING];

	return encoding != NULL && strcmp(encoding, "bin") == 0;
}

/* Writes what was made. */
static int
keygen_finish(struct ctl *c, struct moro_reply *reply)
{
	size_t len;
	const char *text = moro_reply_text(reply, &len);

	if (ctl_has(c, CTL_JSON))
		return ctl_put_secret_json(c, reply);
	if (text == NULL)
		return keygen_put_pair(c, reply);
	return sink_write_secret(c->values[CTL_OUTPUT], text, len,
	    !keygen_is_bytes(c));
}

int
ctl_keygen(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;
	int rc = fields_add(c, map, keygen_fields);

	if (c->n_args > 0)
		moro_map_text(map, "type", c->args[0]);
	if (rc == EXIT_DONE && keygen_has_file(c))
		rc = keygen_check(c, c->values[CTL_OUTPUT]);
	if (rc != EXIT_DONE) {
		moro_map_free(map);
		return rc;
	}
	rc = ctl_call_map(c, "crypto:keygen", map, &reply);
	if (rc != EXIT_DONE)
		return rc;
	rc = keygen_finish(c, reply);
	moro_reply_free(reply);
	return rc;
}

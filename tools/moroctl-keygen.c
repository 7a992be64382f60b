/* moroctl keygen: a key, or a pair of keys of which one is public. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/complain.h"
#include "tools/moroctl-tasks.h"
#include "tools/sink.h"

#define KEYGEN_PUBLIC ".pub" /* what the public key's file ends with */
#define KEYGEN_MASK 077 /* only the owner may read a private key */

static const struct ctl_field keygen_fields[] = {
    {CTL_ENCODING, FORM_TEXT, "encoding"},
    {CTL_BITS, FORM_NUMBER, "bits"},
    {CTL_CURVE, FORM_TEXT, "curve"},
    {.name = NULL},
};

/* Writes one of the keys. */
static int
keygen_put(struct moro_reply *reply, const char *name, const char *path)
{
	size_t len = 0;
	const char *text = ctl_field_text(reply, name, &len);

	if (text == NULL)
		return complain_output("the key", 0);
	return sink_write(path, text, len, false);
}

/* Writes both keys: to two files, or one behind the other. */
static int
keygen_put_pair(struct ctl *c, struct moro_reply *reply)
{
	const char *path = c->values[CTL_OUTPUT];
	bool to_file = path != NULL && strcmp(path, "-") != 0;
	char public_path[PATH_MAX];
	mode_t mask;
	int rc;

	if (!to_file) {
		rc = keygen_put(reply, "privateKey", NULL);
		return rc == EXIT_DONE ? keygen_put(reply, "publicKey", NULL)
				       : rc;
	}
	if ((size_t)snprintf(public_path, sizeof public_path,
		"%s" KEYGEN_PUBLIC, path) >= sizeof public_path)
		return complain_usage("--output: the path is too long");
	mask = umask(KEYGEN_MASK);
	rc = keygen_put(reply, "privateKey", path);
	umask(mask);
	return rc == EXIT_DONE ? keygen_put(reply, "publicKey", public_path)
			       : rc;
}

/* Writes what was made. */
static int
keygen_finish(struct ctl *c, struct moro_reply *reply)
{
	mode_t mask;
	int rc;

	if (ctl_has(c, CTL_JSON))
		return ctl_put_json(c, reply);
	if (moro_reply_text(reply, NULL) == NULL)
		return keygen_put_pair(c, reply);
	mask = umask(KEYGEN_MASK);
	rc = ctl_put_text(c, reply, true);
	umask(mask);
	return rc;
}

int
ctl_keygen(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;
	int rc = fields_add(c, map, keygen_fields);

	if (c->n_args > 0)
		moro_map_text(map, "type", c->args[0]);
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

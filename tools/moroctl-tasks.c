#include "tools/moroctl-tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/moroctl-options.h"
#include "tools/sink.h"

#define KEY_LEN 32 /* bytes of a key that is not text */

void
tasks_text(struct moro_map *map, const char *name, const struct ctl *c,
    enum ctl_option option)
{
	if (ctl_has(c, option))
		moro_map_text(map, name, c->values[option]);
}

/* Copies the argument. */
static int
tasks_argument(struct source *in, const char *text)
{
	in->len = strlen(text);
	in->bytes = strdup(text);
	if (in->bytes != NULL)
		return EXIT_DONE;
	complain("NO_MEMORY", "out of memory");
	return EXIT_REFUSED;
}

/* Whether the input is the argument; "-" is standard input. */
static bool
tasks_has_argument(const struct ctl *c)
{
	return c->n_args > 0 && strcmp(c->args[0], "-") != 0;
}

int
tasks_input(struct ctl *c, struct source *in, size_t max)
{
	if (c->n_args > 0 && ctl_has(c, CTL_INPUT))
		return complain_usage("%s takes an argument or --input, not "
				      "both",
		    c->command->name);
	if (tasks_has_argument(c))
		return tasks_argument(in, c->args[0]);
	return source_read(in, c->values[CTL_INPUT], max);
}

/* Adds a secret that stands in a file. */
static int
tasks_secret_file(struct moro_map *map, const char *path,
    const struct tasks_secret *s)
{
	struct source in;
	int rc = source_read(&in, path, 0);

	if (rc != EXIT_DONE)
		return rc;
	if (s->exact != 0 && in.len == s->exact) {
		moro_map_bytes(map, s->what, in.bytes, in.len);
	} else {
		source_chomp(&in);
		if (strlen(in.bytes) == in.len)
			moro_map_text(map, s->what, in.bytes);
		else
			moro_map_bytes(map, s->what, in.bytes, in.len);
	}
	source_clear(&in);
	return EXIT_DONE;
}

int
tasks_secret(struct moro_map *map, const struct ctl *c,
    const struct tasks_secret *s)
{
	const char *value = c->values[s->value];
	const char *file = c->values[s->file];

	if (value != NULL && file != NULL)
		return complain_usage("--%s and --%s-file exclude each other",
		    s->what, s->what);
	if (file != NULL)
		return tasks_secret_file(map, file, s);
	if (value == NULL)
		value = getenv(s->variable);
	if (value == NULL)
		return complain_usage("no %s: say --%s-file FILE, --%s TEXT, "
				      "or set $%s",
		    s->what, s->what, s->what, s->variable);
	moro_map_text(map, s->what, value);
	return EXIT_DONE;
}

int
tasks_run(struct ctl *c, const char *type, struct moro_map *map, bool newline)
{
	struct moro_reply *reply;
	int rc = ctl_call_map(c, type, map, &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = ctl_put_text(c, reply, newline);
	moro_reply_free(reply);
	return rc;
}

/* Adds the input to a map: an argument as text, anything else as bytes. */
static int
tasks_add_input(struct ctl *c, struct moro_map *map, const char *name)
{
	struct source in = {NULL, 0};
	int rc = tasks_input(c, &in, ctl_input_max(c));

	if (rc == EXIT_DONE && tasks_has_argument(c))
		moro_map_text(map, name, in.bytes);
	else if (rc == EXIT_DONE)
		moro_map_bytes(map, name, in.bytes, in.len);
	source_clear(&in);
	return rc;
}

/*
 * Adds the input to a map: as a range of the file that --input names, if the
 * server takes descriptors, else the bytes. The descriptor goes to *fd, or -1.
 */
static int
tasks_add_file(struct ctl *c, struct moro_map *map, int *fd)
{
	*fd = -1;
	if (c->n_args == 0 && ctl_has(c, CTL_INPUT) && ctl_takes_files(c))
		*fd = source_open(c->values[CTL_INPUT]);
	if (*fd == -1)
		return tasks_add_input(c, map, "input");
	return ctl_add_file(c, map, "input", *fd);
}

/* Closes what tasks_add_file() may have opened. */
static void
tasks_close(int fd)
{
	if (fd != -1)
		close(fd);
}

/* Runs a task that makes bytes of bytes, which go to their file directly. */
static int
tasks_run_to_file(struct ctl *c, const char *type, struct moro_map *map)
{
	struct moro_reply *reply;
	struct sink out;
	int rc = sink_open(&out, c->values[CTL_OUTPUT]);

	if (rc == EXIT_DONE)
		rc = ctl_set_result(c, out.fd);
	if (rc != EXIT_DONE) {
		moro_map_free(map);
		sink_drop(&out);
		return rc;
	}
	rc = ctl_call_map(c, type, map, &reply);
	if (rc != EXIT_DONE) {
		sink_drop(&out);
		return rc;
	}
	moro_reply_free(reply);
	return sink_keep(&out);
}

/* The same, or by way of the answer where that is not possible. */
static int
tasks_transform(struct ctl *c, const char *type, struct moro_map *map)
{
	int fd, rc = tasks_add_file(c, map, &fd);

	if (rc != EXIT_DONE)
		moro_map_free(map);
	else if (!ctl_has(c, CTL_JSON) && ctl_takes_files(c))
		rc = tasks_run_to_file(c, type, map);
	else
		rc = tasks_run(c, type, map, false);
	tasks_close(fd);
	return rc;
}

int
ctl_hash(struct ctl *c)
{
	const char *encoding = c->values[CTL_ENCODING];
	bool raw = encoding != NULL && strcmp(encoding, "bin") == 0;
	struct moro_map *map;
	int rc, fd;

	rc = raw ? ctl_check_terminal(c) : EXIT_DONE;
	if (rc != EXIT_DONE)
		return rc;
	map = moro_map_new();
	tasks_text(map, "algorithm", c, CTL_ALGORITHM);
	tasks_text(map, "encoding", c, CTL_ENCODING);
	rc = tasks_add_file(c, map, &fd);
	if (rc == EXIT_DONE)
		rc = tasks_run(c, "crypto:hash", map, !raw);
	else
		moro_map_free(map);
	tasks_close(fd);
	return rc;
}

/* Makes what encrypt and decrypt have in common: key and aad. */
static int
tasks_add_key(struct ctl *c, struct moro_map *map)
{
	static const struct tasks_secret key = {CTL_KEY, CTL_KEY_FILE,
	    "MORO_KEY", "key", KEY_LEN};

	tasks_text(map, "aad", c, CTL_AAD);
	return tasks_secret(map, c, &key);
}

int
ctl_encrypt(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	int rc = tasks_add_key(c, map);

	if (rc == EXIT_DONE)
		rc = tasks_add_input(c, map, "data");
	if (rc == EXIT_DONE)
		return tasks_run(c, "crypto:encrypt", map, true);
	moro_map_free(map);
	return rc;
}

int
ctl_decrypt(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct source in = {NULL, 0};
	int rc = tasks_add_key(c, map);

	if (rc == EXIT_DONE)
		rc = tasks_input(c, &in, ctl_input_max(c));
	if (rc == EXIT_DONE) {
		source_chomp(&in); /* encrypt printed it on a line */
		moro_map_bytes(map, "data", in.bytes, in.len);
	}
	source_clear(&in);
	if (rc == EXIT_DONE)
		return tasks_run(c, "crypto:decrypt", map, false);
	moro_map_free(map);
	return rc;
}

/* Adds --level, which may be negative. */
static int
tasks_add_level(struct ctl *c, struct moro_map *map)
{
	const char *text = c->values[CTL_LEVEL];
	char *end;
	long level;

	if (text == NULL)
		return EXIT_DONE;
	errno = 0;
	level = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		return complain_usage("--level takes a number, not %s", text);
	moro_map_number(map, "level", level);
	return EXIT_DONE;
}

int
ctl_compress(struct ctl *c)
{
	struct moro_map *map;
	int rc = ctl_check_terminal(c);

	if (rc != EXIT_DONE)
		return rc;
	map = moro_map_new();
	tasks_text(map, "format", c, CTL_FORMAT);
	rc = tasks_add_level(c, map);
	if (rc == EXIT_DONE)
		return tasks_transform(c, "data:compress", map);
	moro_map_free(map);
	return rc;
}

int
ctl_decompress(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	uint64_t max;

	tasks_text(map, "format", c, CTL_FORMAT);
	if (ctl_has(c, CTL_MAX_OUTPUT)) {
		units_size(c->values[CTL_MAX_OUTPUT], &max);
		moro_map_number(map, "maxOutput",
		    max > INT64_MAX ? INT64_MAX : (int64_t)max);
	}
	return tasks_transform(c, "data:decompress", map);
}

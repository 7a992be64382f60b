#include "tools/moroctl-tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/moroctl-options.h"
#include "tools/sink.h"

#define KEY_LEN 32 /* bytes of a key that is not text */
#define ENVELOPE_START 9 /* bytes of the longest head of an envelope */

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

/* Says which of the server's keys is meant. */
static int
tasks_secret_named(struct moro_map *map, const char *name,
    const struct tasks_secret *s)
{
	struct moro_map *key = moro_map_new();

	moro_map_text(key, "name", name);
	moro_map_map(map, s->what, key);
	moro_map_free(key);
	return EXIT_DONE;
}

int
tasks_secret(struct moro_map *map, const struct ctl *c,
    const struct tasks_secret *s)
{
	const char *value = c->values[s->value];
	const char *file = c->values[s->file];
	const char *named = c->values[CTL_NAMED];

	if (named != NULL && (value != NULL || file != NULL))
		return complain_usage("--named is instead of --%s and "
				      "--%s-file",
		    s->what, s->what);
	if (named != NULL)
		return tasks_secret_named(map, named, s);
	if (value != NULL && file != NULL)
		return complain_usage("--%s and --%s-file exclude each other",
		    s->what, s->what);
	if (file != NULL)
		return tasks_secret_file(map, file, s);
	if (value == NULL && s->variable == NULL)
		return EXIT_DONE;
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

/* Adds the input's bytes to a map; an argument is text. */
static int
tasks_add_bytes(struct ctl *c, struct moro_map *map, const char *field)
{
	struct source in = {NULL, 0};
	int rc = tasks_input(c, &in, ctl_input_max(c));

	if (rc == EXIT_DONE && tasks_has_argument(c))
		moro_map_text(map, field, in.bytes);
	else if (rc == EXIT_DONE)
		moro_map_bytes(map, field, in.bytes, in.len);
	source_clear(&in);
	return rc;
}

/*
 * Adds what is in a file to a map: as a range of the file, if the server takes
 * descriptors, else its bytes. The descriptor goes to *fd, or -1.
 */
static int
tasks_add_path(struct ctl *c, struct moro_map *map, const char *field,
    const char *path, int *fd)
{
	struct source in = {NULL, 0};
	int rc;

	if (ctl_takes_files(c))
		*fd = source_open(path);
	if (*fd != -1)
		return ctl_add_file(c, map, field, *fd);
	rc = source_read(&in, path, ctl_input_max(c));
	if (rc == EXIT_DONE)
		moro_map_bytes(map, field, in.bytes, in.len);
	source_clear(&in);
	return rc;
}

static int
tasks_input_none(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	return EXIT_DONE;
}

static int
tasks_input_text(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	if (c->n_args == 0 && ctl_has(c, CTL_INPUT))
		return tasks_add_path(c, map, field, c->values[CTL_INPUT], fd);
	return tasks_add_bytes(c, map, field);
}

/* Whether it is an envelope of bytes, whose last may be any. */
static bool
tasks_is_raw(const struct source *in)
{
	return in->len >= ENVELOPE_START &&
	       memcmp(in->bytes, "moro1", strlen("moro1")) == 0 &&
	       memchr(in->bytes, ':', ENVELOPE_START) != NULL;
}

/* The line that a command has printed: its newline is none of it. */
static int
tasks_input_envelope(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	struct source in = {NULL, 0};
	int rc = tasks_input(c, &in, ctl_input_max(c));

	if (rc == EXIT_DONE) {
		if (!tasks_is_raw(&in))
			source_chomp(&in);
		moro_map_bytes(map, field, in.bytes, in.len);
	}
	source_clear(&in);
	return rc;
}

static int
tasks_input_path(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	if (c->n_args > 0 && ctl_has(c, CTL_INPUT))
		return complain_usage("%s takes a file as its argument or by "
				      "--input, not both",
		    c->command->name);
	return tasks_add_path(c, map, field,
	    c->n_args > 0 ? c->args[0] : c->values[CTL_INPUT], fd);
}

static int
tasks_input_json(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	struct source in = {NULL, 0};
	char what[64];
	int rc = tasks_input(c, &in, 0);

	snprintf(what, sizeof what, "the %s", field);
	if (rc == EXIT_DONE)
		rc = fields_add_json(map, field, what, in.bytes, in.len);
	source_clear(&in);
	return rc;
}

static int
tasks_input_number(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	uint64_t n;

	if (c->n_args == 0)
		return EXIT_DONE;
	if (units_number(c->args[0], 0, INT64_MAX, &n) != 0)
		return complain_usage("%s takes a number, not %s",
		    c->command->name, c->args[0]);
	moro_map_number(map, field, (int64_t)n);
	return EXIT_DONE;
}

static int
tasks_input_params(struct ctl *c, struct moro_map *map, const char *field,
    int *fd)
{
	const char *second = c->command->task->second;

	if (c->n_args == 0)
		return complain_usage("%s takes an %s", c->command->name,
		    field);
	moro_map_text(map, field, c->args[0]);
	if (c->n_args == 1)
		return EXIT_DONE;
	return fields_add_json(map, second, second, c->args[1],
	    strlen(c->args[1]));
}

/* How each kind of input is added; a descriptor that goes along to *fd. */
static int (*const tasks_inputs[])(struct ctl *c, struct moro_map *map,
    const char *field, int *fd) = {
    [INPUT_NONE] = tasks_input_none,
    [INPUT_TEXT] = tasks_input_text,
    [INPUT_ENVELOPE] = tasks_input_envelope,
    [INPUT_PATH] = tasks_input_path,
    [INPUT_JSON] = tasks_input_json,
    [INPUT_NUMBER] = tasks_input_number,
    [INPUT_PARAMS] = tasks_input_params,
};

/* Adds the options that stand in a map of their own. */
static int
tasks_add_options(const struct ctl *c, struct moro_map *map,
    const struct ctl_task *t)
{
	struct moro_map *inner;
	int rc;

	if (t->options == NULL)
		return EXIT_DONE;
	inner = moro_map_new();
	rc = fields_add(c, inner, t->options);
	moro_map_map(map, "options", inner);
	moro_map_free(inner);
	return rc;
}

int
tasks_data(struct ctl *c, struct moro_map *map, const struct ctl_task *t,
    int *fd)
{
	int rc = EXIT_DONE;

	*fd = -1;
	if (t->fields != NULL)
		rc = fields_add(c, map, t->fields);
	if (rc == EXIT_DONE)
		rc = tasks_add_options(c, map, t);
	if (rc == EXIT_DONE && t->more != NULL)
		rc = t->more(c, map);
	if (rc == EXIT_DONE && t->secret != NULL)
		rc = tasks_secret(map, c, t->secret);
	if (rc == EXIT_DONE)
		rc = tasks_inputs[t->input](c, map, t->field, fd);
	return rc;
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

int
tasks_run_json(struct ctl *c, const char *type, struct moro_map *map)
{
	struct moro_reply *reply;
	int rc = ctl_call_map(c, type, map, &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = ctl_put_json(c, reply);
	moro_reply_free(reply);
	return rc;
}

/* How the result is written: `--encoding bin` makes bytes of a line. */
static enum ctl_result
tasks_result(const struct ctl *c)
{
	const char *encoding = c->values[CTL_ENCODING];

	if (c->command->task->result == RESULT_LINE && encoding != NULL &&
	    strcmp(encoding, "bin") == 0)
		return RESULT_BYTES;
	return c->command->task->result;
}

/* Runs the task, and writes its result where it belongs. */
static int
tasks_finish(struct ctl *c, const char *type, struct moro_map *map)
{
	enum ctl_result result = tasks_result(c);

	if (result == RESULT_JSON)
		return tasks_run_json(c, type, map);
	if (result != RESULT_LINE && !ctl_has(c, CTL_JSON) &&
	    ctl_takes_files(c))
		return tasks_run_to_file(c, type, map);
	return tasks_run(c, type, map, result == RESULT_LINE);
}

int
ctl_do_task(struct ctl *c)
{
	const struct ctl_task *t = c->command->task;
	struct moro_map *map;
	int fd = -1, rc = EXIT_DONE;

	if (tasks_result(c) == RESULT_BYTES)
		rc = ctl_check_terminal(c);
	if (rc != EXIT_DONE)
		return rc;
	map = moro_map_new();
	rc = tasks_data(c, map, t, &fd);
	if (rc == EXIT_DONE)
		rc = tasks_finish(c, t->type, map);
	else
		moro_map_free(map);
	if (fd != -1)
		close(fd);
	return rc;
}

static const struct ctl_field hash_fields[] = {
    {CTL_ALGORITHM, FORM_TEXT, "algorithm"},
    {CTL_ENCODING, FORM_TEXT, "encoding"},
    {.name = NULL},
};

static const struct tasks_secret hash_key = {CTL_KEY, CTL_KEY_FILE, NULL, "key",
    0};

const struct ctl_task tasks_hash = {
    .type = "crypto:hash",
    .input = INPUT_TEXT,
    .field = "input",
    .fields = hash_fields,
    .secret = &hash_key,
    .result = RESULT_LINE,
};

static const struct tasks_secret aead_key = {CTL_KEY, CTL_KEY_FILE, "MORO_KEY",
    "key", KEY_LEN};

static const struct ctl_field aead_fields[] = {
    {CTL_AAD, FORM_TEXT, "aad"},
    {CTL_ALGORITHM, FORM_TEXT, "algorithm"},
    {CTL_KDF, FORM_COST, "kdf"},
    {CTL_ENCODING, FORM_TEXT, "encoding"},
    {CTL_IV, FORM_TEXT, "iv"},
    {.name = NULL},
};

const struct ctl_task tasks_encrypt = {
    .type = "crypto:encrypt",
    .input = INPUT_TEXT,
    .field = "data",
    .fields = aead_fields,
    .secret = &aead_key,
    .result = RESULT_LINE,
};

const struct ctl_task tasks_decrypt = {
    .type = "crypto:decrypt",
    .input = INPUT_ENVELOPE,
    .field = "data",
    .fields = aead_fields,
    .secret = &aead_key,
    .result = RESULT_TEXT,
};

static const struct ctl_field random_fields[] = {
    {CTL_ENCODING, FORM_TEXT, "encoding"},
    {.name = NULL},
};

const struct ctl_task tasks_random = {
    .type = "crypto:random",
    .input = INPUT_NUMBER,
    .field = "length",
    .fields = random_fields,
    .result = RESULT_LINE,
};

const struct ctl_task tasks_compute = {
    .type = "heavy:computation",
    .input = INPUT_PARAMS,
    .field = "operation",
    .second = "params",
    .result = RESULT_JSON,
};

static const struct ctl_field compress_fields[] = {
    {CTL_FORMAT, FORM_TEXT, "format"},
    {CTL_LEVEL, FORM_NUMBER, "level"},
    {CTL_NO_CHECKSUM, FORM_FALSE, "checksum"},
    {CTL_DICTIONARY, FORM_FILE, "dictionary"},
    {.name = NULL},
};

const struct ctl_task tasks_compress = {
    .type = "data:compress",
    .input = INPUT_TEXT,
    .field = "input",
    .fields = compress_fields,
    .result = RESULT_BYTES,
};

static const struct ctl_field decompress_fields[] = {
    {CTL_FORMAT, FORM_TEXT, "format"},
    {CTL_MAX_OUTPUT, FORM_SIZE, "maxOutput"},
    {CTL_MAX_RATIO, FORM_NUMBER, "maxRatio"},
    {CTL_DICTIONARY, FORM_FILE, "dictionary"},
    {.name = NULL},
};

const struct ctl_task tasks_decompress = {
    .type = "data:decompress",
    .input = INPUT_TEXT,
    .field = "input",
    .fields = decompress_fields,
    .result = RESULT_TEXT,
};

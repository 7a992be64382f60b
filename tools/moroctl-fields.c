#include "tools/moroctl-fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/moroctl-options.h"
#include "tools/source.h"

#define FIELDS_WORDS 64 /* in a list */
#define MS_PER_S 1000

static int
fields_text(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	moro_map_text(map, f->name, value);
	return EXIT_DONE;
}

static int
fields_words(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	const char *words[FIELDS_WORDS + 1];
	char *copy = strdup(value), *rest = copy;
	size_t n = 0;

	while (copy != NULL && rest != NULL && n < FIELDS_WORDS)
		words[n++] = strsep(&rest, ",");
	words[n] = NULL;
	if (rest != NULL || copy == NULL) {
		free(copy);
		return complain_usage("--%s takes up to %d words",
		    ctl_options[f->option].name, FIELDS_WORDS);
	}
	moro_map_texts(map, f->name, words);
	free(copy);
	return EXIT_DONE;
}

static int
fields_number(struct moro_map *map, const struct ctl_field *f,
    const char *value)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0')
		return complain_usage("--%s takes a number, not %s",
		    ctl_options[f->option].name, value);
	moro_map_number(map, f->name, n);
	return EXIT_DONE;
}

static int
fields_size(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	uint64_t n = 0;

	units_size(value, &n); /* checked when it was read */
	moro_map_number(map, f->name, n > INT64_MAX ? INT64_MAX : (int64_t)n);
	return EXIT_DONE;
}

static int
fields_seconds(struct moro_map *map, const struct ctl_field *f,
    const char *value)
{
	uint64_t ms = 0;

	units_duration(value, 0, &ms);
	moro_map_number(map, f->name,
	    (int64_t)((ms + MS_PER_S - 1) / MS_PER_S));
	return EXIT_DONE;
}

static int
fields_time(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	char *end;
	long long s;

	errno = 0;
	s = strtoll(value, &end, 10);
	if (errno == 0 && end != value && *end == '\0')
		moro_map_number(map, f->name, s);
	else
		moro_map_text(map, f->name, value);
	return EXIT_DONE;
}

static int
fields_true(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	(void)value;
	moro_map_flag(map, f->name, 1);
	return EXIT_DONE;
}

static int
fields_false(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	(void)value;
	moro_map_flag(map, f->name, 0);
	return EXIT_DONE;
}

static int
fields_cost(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	struct moro_map *inner = moro_map_new();

	moro_map_text(inner, "cost", value);
	moro_map_map(map, f->name, inner);
	moro_map_free(inner);
	return EXIT_DONE;
}

int
fields_add_json(struct moro_map *map, const char *name, const char *what,
    const char *text, size_t len)
{
	char error[CONVERT_ERROR];
	msgpack_sbuffer bytes;
	msgpack_packer pk;
	int rc = EXIT_DONE;

	msgpack_sbuffer_init(&bytes);
	msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
	if (convert_from_json(text, len, &pk, error) == -1)
		rc = complain_usage("%s is %s", what, error);
	else
		moro_map_value(map, name, bytes.data, bytes.size);
	msgpack_sbuffer_destroy(&bytes);
	return rc;
}

static int
fields_json(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	char what[64];

	snprintf(what, sizeof what, "--%s", ctl_options[f->option].name);
	return fields_add_json(map, f->name, what, value, strlen(value));
}

static int
fields_file(struct moro_map *map, const struct ctl_field *f, const char *value)
{
	struct source in;
	int rc = source_read(&in, value, 0);

	if (rc != EXIT_DONE)
		return rc;
	moro_map_bytes(map, f->name, in.bytes, in.len);
	source_clear(&in);
	return EXIT_DONE;
}

/* How each form is added. */
static int (*const fields_adders[])(struct moro_map *map,
    const struct ctl_field *f, const char *value) = {
    [FORM_TEXT] = fields_text,
    [FORM_WORDS] = fields_words,
    [FORM_NUMBER] = fields_number,
    [FORM_SIZE] = fields_size,
    [FORM_SECONDS] = fields_seconds,
    [FORM_TIME] = fields_time,
    [FORM_TRUE] = fields_true,
    [FORM_FALSE] = fields_false,
    [FORM_COST] = fields_cost,
    [FORM_JSON] = fields_json,
    [FORM_FILE] = fields_file,
};

int
fields_add(const struct ctl *c, struct moro_map *map,
    const struct ctl_field *fields)
{
	int rc = EXIT_DONE;

	for (const struct ctl_field *f = fields;
	     rc == EXIT_DONE && f->name != NULL; f++) {
		if (!ctl_has(c, f->option))
			continue;
		if (f->form == FORM_ALGORITHMS)
			moro_map_texts(map, f->name, c->algorithms);
		else
			rc = fields_adders[f->form](map, f,
			    c->values[f->option]);
	}
	return rc;
}

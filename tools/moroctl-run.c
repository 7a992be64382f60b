#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/moroctl.h"
#include "tools/source.h"

#define RUN_FIELD "input" /* what --input fills */

/* Packs the data that the arguments give as JSON; without any, nil. */
static int
run_pack_json(struct ctl *c, msgpack_packer *pk)
{
	char error[CONVERT_ERROR];
	struct source in = {NULL, 0};
	const char *text = c->n_args > 1 ? c->args[1] : "null";
	size_t len = strlen(text);
	int rc;

	if (c->n_args > 1 && strcmp(text, "-") == 0) {
		rc = source_read(&in, NULL);
		if (rc != EXIT_DONE)
			return rc;
		text = in.bytes;
		len = in.len;
	}
	rc = convert_from_json(text, len, pk, error);
	source_clear(&in);
	if (rc == -1)
		return complain_usage("the data are %s", error);
	return EXIT_DONE;
}

/* Whether a map has a field. */
static bool
run_has_field(const msgpack_object_map *map, const char *name)
{
	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object *key = &map->ptr[i].key;

		if (key->via.str.size == strlen(name) &&
		    memcmp(key->via.str.ptr, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

/* Packs the map again with the bytes of --input in it. */
static int
run_add_input(struct ctl *c, const msgpack_object *data, msgpack_packer *pk)
{
	const char *field =
	    ctl_has(c, CTL_FIELD) ? c->values[CTL_FIELD] : RUN_FIELD;
	static const msgpack_object_map empty;
	const msgpack_object_map *map = &data->via.map;
	struct source in;
	int rc;

	if (data->type == MSGPACK_OBJECT_NIL)
		map = &empty;
	else if (data->type != MSGPACK_OBJECT_MAP)
		return complain_usage(
		    "with --input the data take a JSON object");
	if (run_has_field(map, field))
		return complain_usage("field %s is given in the data and by "
				      "--input",
		    field);
	rc = source_read(&in, c->values[CTL_INPUT]);
	if (rc != EXIT_DONE)
		return rc;
	msgpack_pack_map(pk, map->size + 1u);
	for (uint32_t i = 0; i < map->size; i++) {
		msgpack_pack_object(pk, map->ptr[i].key);
		msgpack_pack_object(pk, map->ptr[i].val);
	}
	msgpack_pack_str_with_body(pk, field, strlen(field));
	msgpack_pack_bin_with_body(pk, in.bytes, in.len);
	source_clear(&in);
	return EXIT_DONE;
}

/* Puts --input into the data that are packed already. */
static int
run_merge_input(struct ctl *c, msgpack_sbuffer *bytes)
{
	msgpack_unpacked data;
	msgpack_sbuffer merged;
	msgpack_packer pk;
	size_t off = 0;
	int rc = EXIT_REFUSED;

	msgpack_unpacked_init(&data);
	msgpack_sbuffer_init(&merged);
	msgpack_packer_init(&pk, &merged, msgpack_sbuffer_write);
	if (msgpack_unpack_next(&data, bytes->data, bytes->size, &off) ==
	    MSGPACK_UNPACK_SUCCESS)
		rc = run_add_input(c, &data.data, &pk);
	else
		complain("NO_MEMORY", "out of memory");
	msgpack_unpacked_destroy(&data);
	if (rc == EXIT_DONE) {
		msgpack_sbuffer_destroy(bytes);
		*bytes = merged;
	} else {
		msgpack_sbuffer_destroy(&merged);
	}
	return rc;
}

/* Makes the data of the arguments and options. */
static int
run_data(struct ctl *c, msgpack_sbuffer *bytes)
{
	msgpack_packer pk;
	int rc;

	msgpack_packer_init(&pk, bytes, msgpack_sbuffer_write);
	rc = run_pack_json(c, &pk);
	if (rc == EXIT_DONE && ctl_has(c, CTL_INPUT))
		rc = run_merge_input(c, bytes);
	return rc;
}

/* Writes the result. */
static int
run_put(struct ctl *c, struct moro_reply *reply)
{
	if (ctl_has(c, CTL_OUTPUT) && strcmp(c->values[CTL_OUTPUT], "-") != 0)
		return ctl_put_text(c, reply, false);
	return ctl_put_json(c, reply);
}

int
ctl_run(struct ctl *c)
{
	struct moro_reply *reply;
	msgpack_sbuffer bytes;
	int rc;

	if (c->n_args == 0)
		return complain_usage(
		    "run takes a task type; moroctl types lists them");
	if (ctl_has(c, CTL_FIELD) && !ctl_has(c, CTL_INPUT))
		return complain_usage("--field goes with --input");
	msgpack_sbuffer_init(&bytes);
	rc = run_data(c, &bytes);
	if (rc == EXIT_DONE)
		rc = ctl_call(c, c->args[0], bytes.data, bytes.size, &reply);
	msgpack_sbuffer_destroy(&bytes);
	if (rc != EXIT_DONE)
		return rc;
	rc = run_put(c, reply);
	moro_reply_free(reply);
	return rc;
}

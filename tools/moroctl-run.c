#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msgpack.h>

#include "proto/range.h"
#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/moroctl.h"
#include "tools/sink.h"
#include "tools/source.h"

#define RUN_FIELD "input" /* what --input fills */
#define RUN_ENVELOPE 4096 /* bytes of a message besides the file */

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
		rc = source_read(&in, NULL, 0);
		if (rc != EXIT_DONE)
			return rc;
		text = in.bytes;
		len = in.len;
	}
	rc = convert_from_json(text, len, pk, error);
	source_clear(&in);
	if (rc == -1)
		return complain_usage("the data: %s", error);
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

/* What the task is run on. */
struct run {
	msgpack_sbuffer bytes; /* its data */
	int fd; /* of --input when that goes as a descriptor, else -1 */
};

/* Packs the pairs of a map, and the header for one more. */
static void
run_pack_pairs(const msgpack_object_map *map, msgpack_packer *pk)
{
	msgpack_pack_map(pk, map->size + 1u);
	for (uint32_t i = 0; i < map->size; i++) {
		msgpack_pack_object(pk, map->ptr[i].key);
		msgpack_pack_object(pk, map->ptr[i].val);
	}
}

/*
 * Opens the file of --input if it goes as a descriptor: one that no message
 * can hold. Smaller ones go as bytes, which all types take.
 */
static int
run_open(struct ctl *c)
{
	struct stat st;
	int fd = source_open(c->values[CTL_INPUT]);

	if (fd == -1)
		return -1;
	if (ctl_takes_files(c) && fstat(fd, &st) == 0 &&
	    (uint64_t)st.st_size + RUN_ENVELOPE > ctl_input_max(c))
		return fd;
	close(fd);
	return -1;
}

/* Packs the file that was opened as a range of it. */
static int
run_pack_file(struct ctl *c, int fd, msgpack_packer *pk)
{
	struct range range = {.len = (uint64_t)lseek(fd, 0, SEEK_END)};
	int index = moro_options_add_file(c->options, fd);
	uint8_t body[RANGE_BODY];

	range.index = (uint8_t)index;
	range_pack(body, &range);
	msgpack_pack_ext_with_body(pk, body, sizeof body, RANGE_EXT);
	return EXIT_DONE;
}

/* Packs the bytes of the file. */
static int
run_pack_bytes(struct ctl *c, msgpack_packer *pk)
{
	struct source in;
	int rc = source_read(&in, c->values[CTL_INPUT], ctl_input_max(c));

	if (rc != EXIT_DONE)
		return rc;
	msgpack_pack_bin_with_body(pk, in.bytes, in.len);
	source_clear(&in);
	return EXIT_DONE;
}

/* Packs the map again with --input in it. */
static int
run_add_input(struct ctl *c, struct run *r, const msgpack_object *data,
    msgpack_packer *pk)
{
	const char *field =
	    ctl_has(c, CTL_FIELD) ? c->values[CTL_FIELD] : RUN_FIELD;
	static const msgpack_object_map empty;
	const msgpack_object_map *map = &data->via.map;

	if (data->type == MSGPACK_OBJECT_NIL)
		map = &empty;
	else if (data->type != MSGPACK_OBJECT_MAP)
		return complain_usage(
		    "with --input the data take a JSON object");
	if (run_has_field(map, field))
		return complain_usage("field %s is given in the data and by "
				      "--input",
		    field);
	run_pack_pairs(map, pk);
	msgpack_pack_str_with_body(pk, field, strlen(field));
	r->fd = run_open(c);
	return r->fd != -1 ? run_pack_file(c, r->fd, pk)
			   : run_pack_bytes(c, pk);
}

/* Puts --input into the data that are packed already. */
static int
run_merge_input(struct ctl *c, struct run *r)
{
	msgpack_sbuffer *bytes = &r->bytes;
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
		rc = run_add_input(c, r, &data.data, &pk);
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
run_data(struct ctl *c, struct run *r)
{
	msgpack_packer pk;
	int rc;

	msgpack_packer_init(&pk, &r->bytes, msgpack_sbuffer_write);
	rc = run_pack_json(c, &pk);
	if (rc == EXIT_DONE && ctl_has(c, CTL_INPUT))
		rc = run_merge_input(c, r);
	return rc;
}

/* Whether the result goes to a file. */
static bool
run_has_output(const struct ctl *c)
{
	return ctl_has(c, CTL_OUTPUT) &&
	       strcmp(c->values[CTL_OUTPUT], "-") != 0;
}

/* Calls the type. */
static int
run_call(struct ctl *c, const struct run *r, struct moro_reply **reply)
{
	return ctl_call(c, c->args[0], r->bytes.data, r->bytes.size, reply);
}

/* Runs the task and writes the result that comes in the answer. */
static int
run_plain(struct ctl *c, const struct run *r)
{
	struct moro_reply *reply;
	int rc = run_call(c, r, &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = run_has_output(c) ? ctl_put_text(c, reply, false)
			       : ctl_put_json(c, reply);
	moro_reply_free(reply);
	return rc;
}

/* The same; a result of bytes or text is written by the worker itself. */
static int
run_to_file(struct ctl *c, const struct run *r)
{
	struct moro_reply *reply;
	uint64_t offset, len;
	struct sink out;
	int index, rc = sink_open(&out, c->values[CTL_OUTPUT]);

	if (rc == EXIT_DONE)
		rc = ctl_set_result(c, out.fd);
	if (rc == EXIT_DONE)
		rc = run_call(c, r, &reply);
	if (rc != EXIT_DONE) {
		sink_drop(&out);
		return rc;
	}
	if (moro_reply_file(reply, &index, &offset, &len) == 0) {
		rc = sink_keep(&out);
	} else {
		sink_drop(&out);
		rc = ctl_put_json(c, reply);
	}
	moro_reply_free(reply);
	return rc;
}

int
ctl_run(struct ctl *c)
{
	struct run r = {.fd = -1};
	int rc;

	rc = ctl_check_type(c, "run");
	if (rc != EXIT_DONE)
		return rc;
	if (ctl_has(c, CTL_FIELD) && !ctl_has(c, CTL_INPUT))
		return complain_usage("--field goes with --input");
	msgpack_sbuffer_init(&r.bytes);
	rc = run_data(c, &r);
	if (rc == EXIT_DONE && run_has_output(c) && !ctl_has(c, CTL_JSON) &&
	    ctl_takes_files(c))
		rc = run_to_file(c, &r);
	else if (rc == EXIT_DONE)
		rc = run_plain(c, &r);
	msgpack_sbuffer_destroy(&r.bytes);
	if (r.fd != -1)
		close(r.fd);
	return rc;
}

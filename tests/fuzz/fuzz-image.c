/*
 * The module image: three bytes choose what is done, the rest is the image. It
 * gives an answer or an error that has a place in the protocol.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/call.h"
#include "worker/module-table.h"
#include "worker/modules/image-fit.h"
#include "worker/modules/image-source.h"

#define CHOICES 3 /* bytes */
#define SIDE_MAX 255
#define PIXELS_MAX 1000000 /* so that a run is short */
#define RESULT_MAX ((size_t)8 << 20)

static msgpack_object
text(const char *s)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_STR};

	o.via.str.ptr = s;
	o.via.str.size = (uint32_t)strlen(s);
	return o;
}

static msgpack_object
number(uint64_t n)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER};

	o.via.u64 = n;
	return o;
}

static msgpack_object
boolean(bool value)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_BOOLEAN};

	o.via.boolean = value;
	return o;
}

/* Runs a type, which gives one value or says why not. */
static void
run(const struct task_type *type, msgpack_object_kv *kv, uint32_t n)
{
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {n, kv}};
	static struct call call;
	struct output out;

	output_init(&out, SIZE_MAX / 2);
	if (call_run(&call, type, &data, &out, RESULT_MAX) == 0)
		assert(out.len > 0 && out.len <= RESULT_MAX);
	else
		assert(call.fault.message[0] != '\0' && out.len == 0);
	output_clear(&out);
}

/* Starts the library once, and gives its types. */
static struct module_type **
start(void)
{
	static struct module_type **types;
	static char memory[65536];
	struct module_arena arena = {.at = memory, .size = sizeof memory};
	const char *why;
	char reason[256];
	size_t n;

	if (types != NULL)
		return types;
	assert(moro_module.init("", &why) == 0);
	types =
	    module_table_make(&moro_module, &arena, &n, reason, sizeof reason);
	assert(types != NULL);
	return types;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct module_type **types;
	msgpack_object_kv kv[8] = {{text("image"), {MSGPACK_OBJECT_BIN}}};
	uint8_t *exact;

	if (len < CHOICES)
		return 0;
	types = start();
	exact = malloc(len - CHOICES + 1);
	memcpy(exact, bytes + CHOICES, len - CHOICES);
	kv[0].val.via.bin.ptr = (const char *)exact;
	kv[0].val.via.bin.size = (uint32_t)(len - CHOICES);
	run(&types[2]->type, kv, 1);
	kv[1] = (msgpack_object_kv){text("width"), number(1 + bytes[1] % 64)};
	kv[2] = (msgpack_object_kv){text("height"), number(1 + bytes[2] % 64)};
	kv[3] = (msgpack_object_kv){text("fit"),
	    text(image_fit_names[bytes[0] % 5])};
	kv[4] = (msgpack_object_kv){text("format"),
	    text(image_source_formats[bytes[0] / 5 % IMAGE_FORMATS])};
	kv[5] = (msgpack_object_kv){text("maxPixels"), number(PIXELS_MAX)};
	kv[6] = (msgpack_object_kv){text("keepMetadata"),
	    boolean(bytes[1] > SIDE_MAX / 2)};
	kv[7] = (msgpack_object_kv){text("orient"),
	    boolean(bytes[2] > SIDE_MAX / 2)};
	run(&types[0]->type, kv, 8);
	free(exact);
	return 0;
}

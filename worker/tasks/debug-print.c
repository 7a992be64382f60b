#include "worker/tasks/debug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/call.h"

#define PRINT_TEXT_MAX 65536 /* bytes */
#define PRINT_TIMES_MAX 10000000

enum debug_print_field { PRINT_TEXT, PRINT_STREAM, PRINT_TIMES };

static const char *const debug_streams[] = {"stdout", "stderr", NULL};

static const struct field debug_print_fields[] = {
    [PRINT_TEXT] = {.name = "text",
	.kinds = FIELD_TEXT,
	.required = true,
	.max = PRINT_TEXT_MAX,
	.about = "What to print; it needs its own line ends."},
    [PRINT_STREAM] = {.name = "stream",
	.kinds = FIELD_STR,
	.fallback = "stderr",
	.allowed = debug_streams,
	.about = "Where to."},
    [PRINT_TIMES] = {.name = "times",
	.kinds = FIELD_INT,
	.max = PRINT_TIMES_MAX,
	.fallback = "1",
	.about = "How often."},
    {.name = NULL},
};

static int
debug_print_run(struct call *call)
{
	const msgpack_object *text = call->args[PRINT_TEXT];
	bool out = call_is(call->args[PRINT_STREAM], "stdout");
	int64_t times = call_int(call->args[PRINT_TIMES], 1);
	size_t len;
	const uint8_t *bytes = call_bytes(text, &len);

	for (int64_t i = 0; i < times; i++) {
		if (fwrite(bytes, 1, len, out ? stdout : stderr) != len)
			return call_fail(call, CODE_WORKER_ERROR,
			    "cannot print: %s", strerror(errno));
	}
	msgpack_pack_int64(&call->pk, times);
	return 0;
}

const struct task_type debug_print_type = {
    .name = "debug:print",
    .about = "Prints on the worker's stdout or stderr, as a library might.",
    .result = "How often.",
    .example = "{\"text\": \"hello\\n\", \"stream\": \"stdout\"}",
    .flags = TYPE_DEBUG,
    .fields = debug_print_fields,
    .run = debug_print_run,
};

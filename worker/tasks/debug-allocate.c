/* debug:allocate: a task that wants memory. */

#include "worker/tasks/debug.h"

#include <stdlib.h>
#include <string.h>

#include "worker/call.h"

#define ALLOCATE_MAX ((int64_t)1 << 40)

enum allocate_field { ALLOCATE_BYTES, ALLOCATE_ABORT };

static const struct field allocate_fields[] = {
    [ALLOCATE_BYTES] = {.name = "bytes",
	.kinds = FIELD_INT,
	.required = true,
	.min = 1,
	.max = ALLOCATE_MAX,
	.about = "How many, in pieces of 1 MiB that are written to."},
    [ALLOCATE_ABORT] = {.name = "abort",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Abort when there is no more, as some libraries do."},
    {.name = NULL},
};

#define ALLOCATE_PIECE ((size_t)1 << 20)

/* One piece, and where the next one is. */
struct piece {
	struct piece *next;
	char bytes[ALLOCATE_PIECE - sizeof(struct piece *)];
};

static void
allocate_free(struct piece *p)
{
	while (p != NULL) {
		struct piece *next = p->next;

		free(p);
		p = next;
	}
}

static int
allocate_run(struct call *call)
{
	int64_t left = call_int(call->args[ALLOCATE_BYTES], 0);
	struct piece *first = NULL;

	for (; left > 0; left -= (int64_t)sizeof *first) {
		struct piece *p = malloc(sizeof *p);

		if (p == NULL) {
			if (call_bool(call->args[ALLOCATE_ABORT], false))
				abort();
			allocate_free(first);
			return call_no_memory(call);
		}
		memset(p, 1, sizeof *p);
		p->next = first;
		first = p;
	}
	allocate_free(first);
	msgpack_pack_int64(&call->pk, call_int(call->args[ALLOCATE_BYTES], 0));
	return 0;
}

const struct task_type debug_allocate_type = {
    .name = "debug:allocate",
    .about = "Takes memory, and gives it back.",
    .result = "The bytes.",
    .example = "{\"bytes\": 1048576}",
    .flags = TYPE_DEBUG,
    .fields = allocate_fields,
    .run = allocate_run,
};

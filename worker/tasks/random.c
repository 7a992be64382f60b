#include "worker/tasks/random.h"

#include <stdint.h>

#include <sodium.h>

#include "worker/call.h"
#include "worker/tasks/encoding.h"
#include "worker/wipe.h"

#define RANDOM_DEFAULT 32 /* bytes: as a key has them */
#define RANDOM_MAX (1 << 20)

enum random_field { RANDOM_LENGTH, RANDOM_ENCODING };

static const struct field random_fields[] = {
    [RANDOM_LENGTH] = {.name = "length",
	.kinds = FIELD_INT,
	.min = 1,
	.max = RANDOM_MAX,
	.fallback = "32",
	.about = "Bytes, before they are spelled."},
    [RANDOM_ENCODING] = {.name = "encoding",
	.kinds = FIELD_STR,
	.allowed = encoding_names,
	.fallback = ENCODING_DEFAULT,
	.about = "How to give them."},
    {.name = NULL},
};

/* Packs random bytes of the kernel's. */
static int
random_run(struct call *call)
{
	size_t len =
	    (size_t)call_int(call->args[RANDOM_LENGTH], RANDOM_DEFAULT);
	uint8_t *bytes = wipe_malloc(len);
	int rc;

	if (bytes == NULL)
		return call_no_memory(call);
	randombytes_buf(bytes, len);
	rc = encoding_pack(call, call->args[RANDOM_ENCODING], bytes, len);
	wipe_free(bytes);
	return rc;
}

const struct task_type random_type = {
    .name = "crypto:random",
    .about = "Makes random bytes, good enough for keys.",
    .result = "A string, or bytes with encoding bin.",
    .example = "{\"length\": 16, \"encoding\": \"base64url\"}",
    .flags = TYPE_SECRET | TYPE_IDEMPOTENT,
    .timeout_ms = 10000,
    .fields = random_fields,
    .run = random_run,
};

/* A module as small as they get, for tests/live/test_modules.py. */

#include "worker/call.h"
#include "worker/module.h"

#ifndef DOUBLE_ABI
#define DOUBLE_ABI MODULE_ABI
#endif
#ifndef DOUBLE_TYPE
#define DOUBLE_TYPE "test:double"
#endif

static int double_ready; /* set before the fork, or tasks fail */

static int
double_init(const char **why)
{
	(void)why;
	double_ready = 1;
	return 0;
}

static int
double_run(struct call *call)
{
	if (!double_ready)
		return call_fail(call, CODE_WORKER_ERROR, "not initialised");
	msgpack_pack_int64(&call->pk, 2 * call_int(call->args[0], 0));
	return 0;
}

static const struct field double_fields[] = {
    {.name = "n",
	.kinds = FIELD_INT,
	.min = -1000,
	.max = 1000,
	.required = true,
	.about = "What to double."},
    {.name = NULL},
};

static const struct task_type double_type = {
    .name = DOUBLE_TYPE,
    .alias = "test:twice",
    .about = "Doubles a number.",
    .result = "An integer.",
    .example = "{\"n\": 21}",
    .fields = double_fields,
    .run = double_run,
};

static const struct task_type *const double_types[] = {&double_type, NULL};

const struct module moro_module = {
    .abi = DOUBLE_ABI,
    .name = "double",
    .types = double_types,
    .init = double_init,
};

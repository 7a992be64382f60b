#include "worker/tasks/heavy.h"

#include <stdio.h>
#include <string.h>

#include "worker/field.h"
#include "worker/registry.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEAVY_NAME 64 /* bytes of a name in an error, its NUL included */
#define HEAVY_LIST 160 /* likewise of the names of all operations */
#define HEAVY_SHOWN 24 /* params of all operations together */

enum heavy_field { HEAVY_OPERATION, HEAVY_PARAMS };

static const struct heavy_operation *const heavy_operations[] = {
    &heavy_primes,
    &heavy_fibonacci,
    &heavy_matrix,
    &heavy_pi,
    &heavy_statistics,
    &heavy_sort,
    &heavy_mandelbrot,
};

/* Filled by heavy_init(). For show: each operation binds its own. */
static struct field heavy_shown[HEAVY_SHOWN + 1];

static const struct field heavy_fields[] = {
    [HEAVY_OPERATION] = {.name = "operation",
	.kinds = FIELD_STR,
	.required = true,
	.about = "primes, fibonacci, matrix-multiply, monte-carlo-pi, "
		 "statistics, sort, mandelbrot, or the name of a task type."},
    [HEAVY_PARAMS] = {.name = "params",
	.kinds = FIELD_MAP | FIELD_NIL,
	.fallback = "none",
	.about = "What the operation takes; a task type's data.",
	.fields = heavy_shown},
    {.name = NULL},
};

static const msgpack_object heavy_empty = {.type = MSGPACK_OBJECT_MAP};

int
heavy_init(void)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(heavy_operations); i++) {
		const struct field *f = heavy_operations[i]->fields;

		for (; f->name != NULL; f++) {
			if (n == HEAVY_SHOWN)
				return -1;
			heavy_shown[n++] = *f;
		}
	}
	return 0;
}

int
heavy_step(struct call *call, double done, double total)
{
	call_progress(call, done, total, NULL);
	return call_cancelled(call) ? call_stopped(call) : 0;
}

/* The operation of that name, or NULL. */
static const struct heavy_operation *
heavy_find(const msgpack_object *name)
{
	for (size_t i = 0; i < COUNT(heavy_operations); i++) {
		if (call_is(name, heavy_operations[i]->name))
			return heavy_operations[i];
	}
	return NULL;
}

/* Runs one of the operations with its params. */
static int
heavy_operate(struct call *call, const struct heavy_operation *o,
    const msgpack_object *params)
{
	const msgpack_object *args[CALL_FIELDS_MAX];

	if (call_bind(call, o->fields, params, "params.", args) < 0)
		return -1;
	return o->run(call, args);
}

/* Refuses a name that is neither an operation nor a task type. */
static int
heavy_unknown(struct call *call, const char *name)
{
	char list[HEAVY_LIST] = "";
	size_t len = 0;

	for (size_t i = 0; i < COUNT(heavy_operations); i++)
		len += (size_t)snprintf(list + len, sizeof list - len,
		    "\"%s\", ", heavy_operations[i]->name);
	return call_invalid(call, "operation",
	    "Unknown operation \"%s\": operation takes %sor the name of a "
	    "task type",
	    name, list);
}

/*
 * Runs a task type with params as its data. Types for debugging are left out,
 * because not every server offers them; this type would call itself.
 */
static int
heavy_delegate(struct call *call, const msgpack_object *operation,
    const msgpack_object *params)
{
	const struct task_type *type =
	    registry_find(operation->via.str.ptr, operation->via.str.size);
	char name[HEAVY_NAME];

	call_text(operation, name, sizeof name);
	if (type == NULL)
		return heavy_unknown(call, name);
	if (type == &heavy_type || type->flags & TYPE_DEBUG)
		return call_invalid(call, "operation",
		    "operation takes any task type but debug:* and %s, not "
		    "\"%s\"",
		    heavy_type.name, name);
	return call_delegate(call, type, params);
}

static int
heavy_run(struct call *call)
{
	const msgpack_object *name = call->args[HEAVY_OPERATION];
	const msgpack_object *params = call->args[HEAVY_PARAMS];
	const struct heavy_operation *operation = heavy_find(name);

	if (params == NULL || params->type == MSGPACK_OBJECT_NIL)
		params = &heavy_empty;
	if (operation == NULL)
		return heavy_delegate(call, name, params);
	return heavy_operate(call, operation, params);
}

/* Secret, because params may be those of a type that is. */
const struct task_type heavy_type = {
    .name = "heavy:computation",
    .alias = "computation:heavy",
    .about = "Computes, or does what another type does.",
    .result = "What the operation gives: see worker/TASKS.md.",
    .example = "{\"operation\": \"primes\", \"params\": {\"to\": 100}}",
    .flags = TYPE_SECRET | TYPE_SOFT_CANCEL | TYPE_PROGRESS,
    .timeout_ms = 30000,
    .fields = heavy_fields,
    .run = heavy_run,
};

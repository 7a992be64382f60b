#include "worker/module-run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker/call.h"
#include "worker/module-input.h"
#include "worker/module-put.h"
#include "worker/module-table.h"
#include "worker/quota.h"

#define RUN_NAME 64 /* bytes of a field's name with its maps', for errors */

static bool run_going_on;
static bool run_bounded; /* moro_memory_allow() is in force */

/* Has the keys of a map be the fields' own names; the data are the call's. */
static void
run_rename(const struct field *fields, const msgpack_object *map)
{
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		msgpack_object *key = &map->via.map.ptr[i].key;

		for (const struct field *f = fields; f->name != NULL; f++) {
			if (f->alias == NULL || !call_is(key, f->alias))
				continue;
			key->type = MSGPACK_OBJECT_STR;
			key->via.str.ptr = f->name;
			key->via.str.size = (uint32_t)strlen(f->name);
		}
	}
}

/* Checks the maps that have fields of their own. */
static int
run_bind(struct call *call, const struct field *fields,
    const msgpack_object *const *args, const char *prefix)
{
	const msgpack_object *inner[CALL_FIELDS_MAX];
	char name[RUN_NAME];

	for (size_t i = 0; fields[i].name != NULL; i++) {
		if (fields[i].fields == NULL || args[i] == NULL)
			continue;
		snprintf(name, sizeof name, "%s%s.", prefix, fields[i].name);
		if (call_bind(call, fields[i].fields, args[i], name, inner) ==
			-1 ||
		    run_bind(call, fields[i].fields, inner, name) == -1)
			return -1;
		run_rename(fields[i].fields, args[i]);
	}
	return 0;
}

/* The module's code is not there. */
static int
run_refuse(struct call *call, const struct module_type *type)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    "the module %s cannot do %s: %s", type->module, type->type.name,
	    type->why != NULL ? type->why : "it is not loaded");
}

/* Looks at what a handler left, which says that it succeeded. */
static int
run_check(struct call *call, const struct module_type *type)
{
	int64_t missing = module_put_missing();

	if (module_put_check(call) == -1)
		return -1;
	if (!module_put_any())
		msgpack_pack_nil(&call->pk);
	else if (missing < 0)
		return call_fail(call, CODE_WORKER_ERROR,
		    "%s of the module %s put more than one value",
		    type->type.name, type->module);
	else if (missing > 0)
		return call_fail(call, CODE_WORKER_ERROR,
		    "%s of the module %s put %" PRId64 " values too few",
		    type->type.name, type->module, missing);
	return 0;
}

/* Calls the handler. */
static int
run_handler(struct call *call, const struct module_type *type)
{
	int rc;

	call->fault.code = CODE_NONE;
	module_input_begin();
	module_put_begin();
	run_going_on = true;
	rc = type->own->run((struct moro_task *)(void *)call);
	run_going_on = false;
	moro_memory_restore();
	if (rc == 0)
		return run_check(call, type);
	if (call->fault.code == CODE_NONE)
		call_fail(call, CODE_WORKER_ERROR,
		    "%s of the module %s failed, and did not say why",
		    type->type.name, type->module);
	return -1;
}

int
module_run(struct call *call)
{
	/* it is the first field: module-table.h */
	const struct module_type *type =
	    (const struct module_type *)(const void *)call->type;

	if (type->own == NULL)
		return run_refuse(call, type);
	if (type->type.fields != NULL &&
	    run_bind(call, type->type.fields, call->args, "") == -1)
		return -1;
	return run_handler(call, type);
}

/* Codes, in both words. */
static const enum code run_codes[] = {
    [MORO_FAIL_WORKER_ERROR] = CODE_WORKER_ERROR,
    [MORO_FAIL_INVALID_ARGUMENT] = CODE_INVALID_ARGUMENT,
    [MORO_FAIL_TOO_LARGE] = CODE_TOO_LARGE,
    [MORO_FAIL_UNSUPPORTED] = CODE_UNSUPPORTED,
    [MORO_FAIL_NOT_FOUND] = CODE_NOT_FOUND,
    [MORO_FAIL_PERMISSION_DENIED] = CODE_PERMISSION_DENIED,
};

int
moro_fail(struct moro_task *task, enum moro_failure code, const char *format,
    ...)
{
	char message[FAULT_MESSAGE];
	size_t i = (size_t)code;
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	if (i >= sizeof run_codes / sizeof *run_codes)
		i = MORO_FAIL_WORKER_ERROR;
	return call_fail(module_call(task), run_codes[i], "%s", message);
}

int
moro_fail_field(struct moro_task *task, const char *field, const char *format,
    ...)
{
	char message[FAULT_MESSAGE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	return call_invalid(module_call(task), field, "%s", message);
}

int
moro_fail_memory(struct moro_task *task)
{
	return call_no_memory(module_call(task));
}

int
moro_fail_cancelled(struct moro_task *task)
{
	return call_stopped(module_call(task));
}

void
moro_fail_add_int(struct moro_task *task, const char *name, int64_t value)
{
	name = fault_detail_name(name);
	if (name != NULL)
		fault_add_number(&module_call(task)->fault, name, value);
}

void
moro_fail_add_text(struct moro_task *task, const char *name, const char *text)
{
	name = fault_detail_name(name);
	if (name != NULL)
		fault_add_text(&module_call(task)->fault, name, text);
}

bool
moro_task_cancelled(const struct moro_task *task)
{
	return call_cancelled(module_call(task));
}

void
moro_task_progress(struct moro_task *task, double done, double total,
    const char *note)
{
	call_progress(module_call(task), done, total, note);
}

uint32_t
moro_task_attempt(const struct moro_task *task)
{
	return call_attempt(module_call(task));
}

int
moro_memory_allow(uint64_t bytes)
{
	moro_memory_restore();
	if (!run_going_on) {
		errno = EPERM;
		return -1;
	}
	if (quota_allow(bytes) == -1)
		return -1;
	run_bounded = true;
	return 0;
}

void
moro_memory_restore(void)
{
	if (run_bounded)
		quota_restore();
	run_bounded = false;
}

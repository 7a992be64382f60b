#include "server/program-types.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fault.h"
#include "proto/limit.h"
#include "proto/words.h"
#include "server/config.h"
#include "worker/call.h"
#include "worker/exec.h"
#include "worker/registry.h"

#define TYPES_ABOUT 160 /* bytes of a sentence, its NUL included */
#define TYPES_REASON 320 /* likewise, of what is wrong with a type */
#define TYPES_SHOWN 32 /* likewise, of a name in a message */

/* One that was made here; `type` is what the registry has. */
struct own_type {
	struct task_type type;
	struct own_type *next;
	char name[LIMIT_METHOD_MAX + 1];
	char pool[CONFIG_NAME_MAX + 1];
	char about[TYPES_ABOUT];
};

static struct own_type *types_own; /* all of them, for good */

/* A worker of morod's never gets such a task. */
static int
types_run(struct call *call)
{
	return call_fail(call, CODE_UNKNOWN_TASK,
	    "only a program does this task");
}

static struct own_type *
types_find(const char *name, size_t len)
{
	struct own_type *t = types_own;

	while (t != NULL &&
	       (strlen(t->name) != len || memcmp(t->name, name, len) != 0))
		t = t->next;
	return t;
}

/* Whether all bytes of a name are such that it can be shown and typed. */
static bool
types_is_printable(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)name[i]))
			return false;
	}
	return len > 0 && len <= LIMIT_METHOD_MAX;
}

/* Takes what is said of a type; what is not said stays. */
static void
types_take(struct own_type *t, const struct program_type *said)
{
	t->type.flags |= said->flags;
	if (said->timeout_ms != 0)
		t->type.timeout_ms = said->timeout_ms;
	if (said->about == NULL)
		return;
	snprintf(t->about, sizeof t->about, "%.*s",
	    said->about_len < TYPES_ABOUT ? (int)said->about_len : TYPES_ABOUT,
	    said->about);
	fault_clean(t->about);
}

/* Makes a type that is not in the registry yet. */
static struct own_type *
types_new(const char *pool, const struct program_type *said)
{
	struct own_type *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	memcpy(t->name, said->name, said->name_len);
	snprintf(t->pool, sizeof t->pool, "%s", pool);
	snprintf(t->about, sizeof t->about, "Done by the program of pool %s.",
	    pool);
	t->type = (struct task_type){
	    .name = t->name,
	    .about = t->about,
	    .result = "What the program answers.",
	    .example = "null",
	    .run = types_run,
	    .pool = t->pool,
	};
	return t;
}

bool
program_types_check(const char *pool, const struct program_type *said,
    char *why, size_t size)
{
	const struct own_type *t = types_find(said->name, said->name_len);
	char shown[TYPES_SHOWN];

	snprintf(shown, sizeof shown, "%.*s", (int)said->name_len, said->name);
	fault_clean(shown);
	if (t != NULL && strcmp(t->pool, pool) == 0)
		return true;
	if (t != NULL)
		snprintf(why, size, "%s is a type of pool %s already", shown,
		    t->pool);
	else if (!types_is_printable(said->name, said->name_len))
		snprintf(why, size,
		    "%s: a type's name is FAMILY:VERB, of 1 to %u printable "
		    "characters",
		    shown, LIMIT_METHOD_MAX);
	else if (memchr(said->name, ':', said->name_len) == NULL)
		snprintf(why, size, "%s: a type's name is FAMILY:VERB", shown);
	else if (registry_find(said->name, said->name_len) != NULL)
		snprintf(why, size, "%s: there is a type of that name already",
		    shown);
	else
		return true;
	return false;
}

const struct task_type *
program_types_announce(const char *pool, const struct program_type *said,
    char *why, size_t size)
{
	struct own_type *t;

	if (!program_types_check(pool, said, why, size))
		return NULL;
	t = types_find(said->name, said->name_len);
	if (t != NULL) {
		types_take(t, said);
		return &t->type;
	}
	t = types_new(pool, said);
	if (t == NULL) {
		snprintf(why, size, "no memory for the type %.*s",
		    (int)said->name_len, said->name);
		return NULL;
	}
	types_take(t, said);
	if (registry_add(&t->type, why, size) == -1) {
		free(t);
		return NULL;
	}
	t->next = types_own;
	types_own = t;
	return &t->type;
}

/* Has it done by a run of the command. */
static int
types_make_exec(const struct program_type *said, const char *command)
{
	struct own_type *t = types_find(said->name, said->name_len);

	t->type.command = strdup(command);
	t->type.fields = exec_fields;
	t->type.result = "What the program writes to stdout, as bytes.";
	t->type.example = "{\"input\": \"text\"}";
	t->type.run = exec_run;
	return t->type.command != NULL ? 0 : -1;
}

int
program_types_add(const struct pool_config *pool, char *why, size_t size)
{
	const char *list = pool->types;
	struct program_type said = {.flags = 0};
	char reason[TYPES_REASON];

	while ((said.name = words_next(&list, &said.name_len)) != NULL) {
		if (types_find(said.name, said.name_len) != NULL) {
			snprintf(why, size,
			    "pool %s: types: %.*s is there twice", pool->name,
			    (int)said.name_len, said.name);
			return -1;
		}
		if (program_types_announce(pool->name, &said, reason,
			sizeof reason) == NULL) {
			snprintf(why, size, "pool %s: types: %s", pool->name,
			    reason);
			return -1;
		}
		if (pool->exec != NULL &&
		    types_make_exec(&said, pool->exec) == -1) {
			snprintf(why, size, "out of memory");
			return -1;
		}
	}
	return 0;
}

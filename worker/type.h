#ifndef MORO_WORKER_TYPE_H
#define MORO_WORKER_TYPE_H

/*
 * What a task type is: its name, the fields its data takes, what it gives, and
 * the function that does it. The same table checks the input, answers the
 * control method `types`, and is what worker/TASKS.md documents.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

/* Kinds of value a field takes; or them together. */
enum field_kind {
	FIELD_STR = 1 << 0,
	FIELD_BIN = 1 << 1,
	FIELD_INT = 1 << 2,
	FIELD_FLOAT = 1 << 3,
	FIELD_BOOL = 1 << 4,
	FIELD_MAP = 1 << 5,
	FIELD_ARRAY = 1 << 6,
	FIELD_TEXT = FIELD_STR | FIELD_BIN, /* text and bytes alike */
	FIELD_NUMBER = FIELD_INT | FIELD_FLOAT,
	FIELD_NIL = 1 << 7,
	FIELD_ANY = 1 << 8 | 0xff, /* any value at all */
};

/* One field of a map. A table of them ends where name is NULL. */
struct field {
	const char *name;
	const char *alias; /* another name for it, or NULL */
	unsigned int kinds; /* enum field_kind */
	bool required;
	/*
	 * Least and most: of a number its value, of str and bin the bytes,
	 * of an array the elements. Not checked when both are 0. A field of
	 * more than one kind (str and bin count as one, integers and floats
	 * too) checks them itself.
	 */
	int64_t min;
	int64_t max;
	const char *const *allowed; /* strings it may be, NULL-ended, or NULL */
	const char *noun; /* what "Unknown ..." calls other strings, or NULL */
	const char *fallback; /* the default, as text, or NULL */
	const char *about; /* one sentence */
	const struct field *fields; /* of a map: its own fields, or NULL */
	/*
	 * Of bytes: a range of a file is left as it is, to be read by
	 * worker/blob.h. Elsewhere it is read to memory first.
	 */
	bool streams;
	/*
	 * Of bytes: a map with a name stands for the named key of it, which the
	 * task has then: see call->key.
	 */
	bool named;
};

enum type_flag {
	TYPE_DEBUG = 1 << 0, /* offered with --debug-tasks only */
	TYPE_SECRET = 1 << 1, /* data or result holds secrets: wipe them */
	TYPE_IDEMPOTENT = 1 << 2, /* running it twice does no harm */
	TYPE_SOFT_CANCEL = 1 << 3, /* asks call_cancelled(), and then stops */
	TYPE_URGENT = 1 << 4, /* high priority, when a task gives none */
	TYPE_PROGRESS = 1 << 5, /* calls call_progress() */
};

struct task_type {
	const char *name; /* "family:verb" */
	const char *alias; /* another name for it, or NULL */
	const char *about; /* one sentence */
	const char *result; /* what it answers, one sentence */
	const char *example; /* data, as JSON */
	unsigned int flags; /* enum type_flag */
	/*
	 * Acceptance to answer, of tasks that give no limit of time and have no
	 * files. 0: no limit. [task TYPE] of the configuration may say another.
	 */
	uint32_t timeout_ms;
	const struct field
	    *fields; /* ends where name is NULL; NULL: any data */
	/*
	 * Does the work: packs exactly one value into call->pk and returns 0,
	 * or calls call_fail() and returns its -1.
	 */
	int (*run)(struct call *call);
	/* The pool that does it and no other; NULL: any but those of programs. */
	const char *pool;
	const char *command; /* that worker/exec.h runs for each; or NULL */
};

#endif

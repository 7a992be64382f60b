#ifndef MORO_MODULE_H
#define MORO_MODULE_H

/*
 * Task modules for morod: shared objects with task types of your own, in C or
 * C++. A module needs this header and nothing else of morod; it is not linked
 * against it. worker/MODULES.md says how one is made, built and loaded.
 *
 *	cc -shared -fPIC -o shout.so shout.c
 *	morod --module ./shout.so
 *
 * Everything here is called in the worker, in the thread that runs the task,
 * unless something else is said, and while its handler runs. Texts are UTF-8 and end with NUL; sizes are
 * bytes. What a function gives is borrowed until the handler returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of what stands here. morod loads modules of its own version
 * alone, and says so of others.
 */
#define MORO_MODULE_ABI 4

struct moro_task; /* one run of a task */
struct moro_value; /* a value of its data */

/* What a value is; a field may take several of them. */
enum moro_kind {
	MORO_KIND_STR = 1 << 0, /* text */
	MORO_KIND_BIN = 1 << 1, /* bytes */
	MORO_KIND_INT = 1 << 2, /* an integer of 64 bits, signed */
	MORO_KIND_FLOAT = 1 << 3,
	MORO_KIND_BOOL = 1 << 4,
	MORO_KIND_MAP = 1 << 5,
	MORO_KIND_ARRAY = 1 << 6,
	MORO_KIND_NIL = 1 << 7,
	MORO_KIND_OTHER = 1 << 8, /* an extension, an integer over 2^63 - 1 */
	MORO_KIND_TEXT = MORO_KIND_STR | MORO_KIND_BIN, /* bytes of any kind */
	MORO_KIND_NUMBER = MORO_KIND_INT | MORO_KIND_FLOAT,
	MORO_KIND_ANY = 0x1ff,
};

enum moro_field_flag {
	MORO_REQUIRED = 1 << 0,
	/*
	 * Of bytes: what a caller gives as a range of a file is left in the
	 * file, for moro_task_read(). Without it, all of it is in memory.
	 */
	MORO_STREAMED = 1 << 1,
};

/*
 * One field of a map. A table of them, at most 24, ends where the name is NULL.
 * A field is known by its place in the table. morod checks each value before
 * the handler is called; what a field does not take is INVALID_ARGUMENT with
 * the field, the value and what is allowed.
 */
struct moro_field {
	const char *name;
	const char *alias; /* another name for it, or NULL */
	unsigned int kinds; /* enum moro_kind */
	unsigned int flags; /* enum moro_field_flag */
	/*
	 * Least and most: of a number its value, of text and bytes their bytes,
	 * of an array its elements; values of other kinds that the field takes
	 * have none. Both 0: no limit.
	 */
	int64_t min;
	int64_t max;
	const char *const *allowed; /* texts it may be, NULL-ended, or NULL */
	const char
	    *noun; /* what "Unknown ..." calls others; or NULL: the name */
	/*
	 * The value of one that is not given, as text: "80", "0.5", "true",
	 * "cover". NULL: there is none. Not in maps, nor is MORO_STREAMED.
	 */
	const char *fallback;
	const char *otherwise; /* instead: the default in words, or NULL */
	const char *about; /* one sentence */
	const struct moro_field *fields; /* of a map: its own; up to 4 deep */
};

enum moro_type_flag {
	MORO_IDEMPOTENT = 1 << 0, /* run again when its worker died */
	/*
	 * A cancel is asked for by moro_task_cancelled(), and has the grace of
	 * the server to be obeyed. Without it, the worker is killed at once.
	 */
	MORO_SOFT_CANCEL = 1 << 1,
	MORO_PROGRESS = 1 << 2, /* tells moro_task_progress() */
	MORO_SECRET =
	    1 << 3, /* data or result are wiped from memory after use */
	MORO_URGENT = 1 << 4, /* high priority, where a task gives none */
};

/* One task type. */
struct moro_type {
	const char *name; /* "family:verb" */
	const char *alias; /* another name, or NULL */
	const char *about; /* one sentence */
	const char *result; /* what it answers, one sentence; or NULL */
	const char *example; /* data, as JSON; or NULL */
	unsigned int flags; /* enum moro_type_flag */
	/*
	 * Milliseconds from acceptance to answer, of tasks that give no limit
	 * of time and have no files; 0: no limit. The server may say another.
	 */
	uint32_t timeout_ms;
	const struct moro_field *fields; /* NULL: any data at all */
	/*
	 * Does the work: puts exactly one value (none: nil is answered) and
	 * returns 0, or calls one of moro_fail...() and returns its -1.
	 */
	int (*run)(struct moro_task *task);
};

enum moro_module_flag {
	/*
	 * It may be loaded and initialised in the master, and be forked
	 * afterwards: it has no threads, no connections and no lock that is
	 * held by then. All workers share the memory of what is made there.
	 */
	MORO_FORK_CLEAN = 1 << 0,
};

/*
 * What the sandbox of workers leaves open for the module's tasks: without, they
 * start no thread and no process, open no file and no socket, and see no other
 * process. Descriptors that init() and after_fork() open stay: these are called
 * before the sandbox closes, run() and exit() behind that.
 */
enum moro_need {
	MORO_NEEDS_THREADS = 1 << 0, /* starts threads */
	MORO_NEEDS_CODE = 1 << 1, /* makes code at run time, and runs it */
};

/* The module. Hooks may be NULL. */
struct moro_module {
	uint32_t abi; /* MORO_MODULE_ABI */
	uint32_t flags; /* enum moro_module_flag */
	const char *name; /* for messages */
	const struct moro_type *const *types; /* NULL-ended */
	/*
	 * Makes it ready, once in the process that loads it: the worker, or
	 * the master where it is preloaded. `settings` is what [module NAME]
	 * says there, or "": there is no environment to read. Returns 0, or -1
	 * with the reason in *why, which stays: then its tasks are answered
	 * WORKER_ERROR with that reason, and where it is to be preloaded morod
	 * does not start.
	 */
	int (*init)(const char *settings, const char **why);
	/* In a worker that ends in order; none that is killed calls it. */
	void (*exit)(void);
	/*
	 * Where it is preloaded: in the master, before each fork, be it of a
	 * worker of this or another pool. Nothing is called there behind it.
	 */
	void (*before_fork)(void);
	/* In each worker before its first task, behind init(). */
	void (*after_fork)(void);
	/*
	 * What its tasks need of the system; all workers get it that have the
	 * module. Nothing that is left out is needed.
	 */
	unsigned int needs; /* enum moro_need */
	/* Absolute paths of files and folders, NULL-ended: to be read, */
	const char *const *reads;
	/* and to be made, changed and removed as well as read. */
	const char *const *writes;
	/*
	 * Names of system calls, NULL-ended, such as "eventfd2". Of those that
	 * no worker may make (programs, sockets, other processes) none is given.
	 */
	const char *const *calls;
};

#if defined(__GNUC__)
#define MORO_EXPORT __attribute__((visibility("default")))
#define MORO_FORMAT(at, from) __attribute__((format(printf, at, from)))
#else
#define MORO_EXPORT
#define MORO_FORMAT(at, from)
#endif

/* What a module defines, and exports. */
extern MORO_EXPORT const struct moro_module moro_module;

/*
 * The input. `field` is a place in the type's table; of one that was not given
 * its `fallback` counts. Without one, and of other kinds than asked for: 0,
 * false, NULL.
 */
bool moro_task_has(const struct moro_task *task, unsigned int field);
int64_t moro_task_int(const struct moro_task *task, unsigned int field);
double moro_task_number(const struct moro_task *task, unsigned int field);
bool moro_task_bool(const struct moro_task *task, unsigned int field);

/* The place of its text in the field's `allowed`; -1: there is none. */
int moro_task_choice(const struct moro_task *task, unsigned int field);

/*
 * The bytes of text or bytes, without a NUL behind them. NULL: there are none;
 * of a streamed field also: they could not be read, with the error set.
 */
const void *moro_task_bytes(struct moro_task *task, unsigned int field,
    size_t *len);

/*
 * Copies a text with a NUL behind it; size is 1 or more. Returns 0, or -1 with
 * the error set: it has a NUL inside, more than size - 1 bytes, or could not be
 * read. One that is not there is "".
 */
int moro_task_text(struct moro_task *task, unsigned int field, char *out,
    size_t size);

/*
 * Gives the bytes of a field piece by piece, from the first to the last, each
 * borrowed until the next call; *len 0: that was all. One field at a time.
 * Returns 0, or -1 with the error set.
 */
int moro_task_read(struct moro_task *task, unsigned int field, const void **at,
    size_t *len);

/* A field as a value, for maps and arrays; and all the data. */
const struct moro_value *moro_task_value(const struct moro_task *task,
    unsigned int field);
const struct moro_value *moro_task_data(const struct moro_task *task);

/*
 * Values. NULL is taken for nil. What is of another kind than asked for gives
 * 0, false, NULL.
 */
enum moro_kind moro_value_kind(const struct moro_value *value);
int64_t moro_value_int(const struct moro_value *value);
double moro_value_number(const struct moro_value *value);
bool moro_value_bool(const struct moro_value *value);
const void *moro_value_bytes(const struct moro_value *value, size_t *len);

/* Elements of an array, or pairs of a map; the i-th one. NULL: past the end. */
size_t moro_value_count(const struct moro_value *value);
const struct moro_value *moro_value_item(const struct moro_value *value,
    size_t i);
const struct moro_value *moro_value_key(const struct moro_value *value,
    size_t i);

/*
 * What a map has under a name, or NULL. In a map with fields, names that their
 * aliases stand for are found, the aliases are not.
 */
const struct moro_value *moro_value_find(const struct moro_value *map,
    const char *name);

/*
 * The output: one value. What comes behind moro_put_array() are its elements,
 * behind moro_put_map() keys and values in turn. That there is memory, and that
 * the result is not too large, is checked at the end: its bytes are those of
 * --max-frame, 32 containers may be in one another, and there may be as many
 * values as --max-values says, or a million where that is less. What is over
 * that is answered TOO_LARGE.
 */
void moro_put_nil(struct moro_task *task);
void moro_put_bool(struct moro_task *task, bool value);
void moro_put_int(struct moro_task *task, int64_t value);
void moro_put_number(struct moro_task *task, double value);
void moro_put_text(struct moro_task *task, const char *text);
void moro_put_str(struct moro_task *task, const char *text, size_t len);
void moro_put_bytes(struct moro_task *task, const void *bytes, size_t len);
void moro_put_value(struct moro_task *task, const struct moro_value *value);
void moro_put_array(struct moro_task *task, size_t elements);
void moro_put_map(struct moro_task *task, size_t pairs);

/*
 * Puts len bytes, as MORO_KIND_STR or MORO_KIND_BIN, and gives the place that
 * they are to be written to before anything else is put. NULL with the error
 * set: no memory, or too large.
 */
void *moro_put_place(struct moro_task *task, enum moro_kind kind, size_t len);

/* The codes of failures, as proto/PROTOCOL.md has them in section 6. */
enum moro_failure {
	MORO_FAIL_WORKER_ERROR, /* reason "failed": the work did not succeed */
	MORO_FAIL_INVALID_ARGUMENT,
	MORO_FAIL_TOO_LARGE,
	MORO_FAIL_UNSUPPORTED,
	MORO_FAIL_NOT_FOUND,
	MORO_FAIL_PERMISSION_DENIED,
};

/* Sets the error, one sentence of at most 399 bytes. Returns -1. */
int moro_fail(struct moro_task *task, enum moro_failure code,
    const char *format, ...) MORO_FORMAT(3, 4);

/* INVALID_ARGUMENT that names a field in the error's `field`. Returns -1. */
int moro_fail_field(struct moro_task *task, const char *field,
    const char *format, ...) MORO_FORMAT(3, 4);

/* Because there is no memory; because it was cancelled. Return -1. */
int moro_fail_memory(struct moro_task *task);
int moro_fail_cancelled(struct moro_task *task);

/*
 * Adds a detail to the error that was set, one of those that section 6 names
 * (limit, size, allowed, errno, ...); others are passed over, and more than 6.
 * Numbers are 0 to 2^53, texts have at most 79 bytes and are copied.
 */
void moro_fail_add_int(struct moro_task *task, const char *name, int64_t value);
void moro_fail_add_text(struct moro_task *task, const char *name,
    const char *text);

/*
 * Whether the task is asked to stop: then it may clean up, and fails with
 * moro_fail_cancelled() or anything else. In any thread.
 */
bool moro_task_cancelled(const struct moro_task *task);

/*
 * Tells how far the task is, of `total` (below 0: not known), with a note of at
 * most 127 bytes that may be NULL. As often as one likes: it is sent at most 20
 * times a second, if the caller asked for it. In one thread at a time.
 */
void moro_task_progress(struct moro_task *task, double done, double total,
    const char *note);

/* How often the task was begun, this time included: over 1 after a crash. */
uint32_t moro_task_attempt(const struct moro_task *task);

/*
 * From now on the worker may take so many bytes more than it has, or fewer if
 * its own limit is nearer; what goes over it fails to allocate. For libraries
 * that do not bound their memory themselves. In handlers alone. Returns 0, or -1
 * with errno (setrlimit(2); EPERM: no task runs).
 */
int moro_memory_allow(uint64_t bytes);

/* Ends that. morod does it, too, when the handler returns. */
void moro_memory_restore(void);

#ifdef __cplusplus
}
#endif

#endif

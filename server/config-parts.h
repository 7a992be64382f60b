#ifndef MORO_SERVER_CONFIG_PARTS_H
#define MORO_SERVER_CONFIG_PARTS_H

/* What the files of the configuration share with each other, and no other. */

#include <stdbool.h>
#include <stdio.h>

#include "server/config.h"

#define CONFIG_VALUE 256 /* bytes that hold a value as text, or what it takes */
#define CONFIG_SECTION_SERVER "morod"
#define CONFIG_SECTION_POOL "pool"
#define CONFIG_SECTION_TASK "task"
#define CONFIG_SECTION_MODULE "module"
#define CONFIG_SECTION_KEY "key"

/* Kinds of value, and what the field is. */
enum option_kind {
	OPTION_COMMAND, /* bool: on the command line only, without a value */
	OPTION_FLAG, /* bool: yes or no */
	OPTION_PATH, /* char *: owned; up to max bytes */
	OPTION_TEXT, /* the same, of what is no path */
	OPTION_NAME, /* char *: owned; a pool's name */
	OPTION_NUMBER, /* these: uint64_t */
	OPTION_SIZE,
	OPTION_DURATION,
	OPTION_CHOICE, /* index of one of `choices` */
	OPTION_RANGE, /* struct config_range: N or MIN:MAX */
	OPTION_WEIGHTS, /* uint64_t: three of WEIGHT_BITS, HIGH:NORMAL:LOW */
};

/* Where it may stand, and what `offset` is in. */
enum option_place {
	IN_START = 1 << 0, /* command line and environment; struct config */
	IN_SERVER = 1 << 1, /* those and section [morod]; struct config */
	IN_POOL = 1 << 2, /* [pool NAME]; struct pool_config */
	IN_TASK = 1 << 3, /* [task TYPE]; struct task_config */
	IN_MODULE = 1 << 4, /* [module NAME]; struct module_config */
	IN_KEY = 1 << 5, /* [key NAME]; struct key_config */
};

/*
 * One option. What stands IN_SERVER and IN_POOL is in struct pool_config;
 * section [morod] has it in config->pool.
 */
struct option_entry {
	const char *name;
	const char *metavar; /* NULL: yes or no */
	enum option_kind kind;
	unsigned int where; /* enum option_place */
	size_t offset;
	uint64_t min, max; /* of numbers, bytes, milliseconds */
	bool none; /* "none" is taken for 0 */
	bool program; /* goes with a pool's command only */
	bool list; /* of words with commas; given again, it has more */
	bool ours; /* not for a pool whose workers morod does not start */
	bool live; /* a reload changes it; else it needs a restart */
	const char *const *choices; /* ends with NULL */
	const char *fallback; /* as it would be written; NULL: see below */
	const char *otherwise; /* the default in words, when it is no text */
	const char *about; /* one clause */
	const char *more; /* for the reference page, sentences; or NULL */
};

extern const struct option_entry config_table[];
extern const size_t config_table_n;

/* The entry of a name that may stand there, or NULL. */
const struct option_entry *config_table_find(const char *name,
    unsigned int where);

/* The search for the name that is meant by a mistyped one. */
struct config_near {
	const char *name; /* as it was typed */
	const char *best; /* borrowed; NULL: none is near */
	unsigned int least; /* how far that is from it */
};

void config_near_init(struct config_near *near, const char *name);
void config_near_try(struct config_near *near, const char *known);

/* Tries the names of all entries that may stand there. */
void config_near_entries(struct config_near *near, unsigned int where);

/* "; did you mean X?", or "". */
void config_near_hint(const struct config_near *near, char *out, size_t size);

/* How far two words are from each other: letters to change, add or remove. */
unsigned int config_near_distance(const char *a, const char *b);

/* A section in memory: the struct that its keys are fields of. */
struct config_section {
	enum option_place where;
	void *base;
	struct config_origin *origins;
};

struct config_section config_section_server(struct config *config,
    const struct option_entry *e);
struct config_section config_section_pool(struct pool_config *p);
struct config_section config_section_task(struct task_config *t);
struct config_section config_section_module(struct module_config *m);
struct config_section config_section_key(struct key_config *k);

/* Frees what the keys of a section own; not of [morod], which has the pools'. */
void config_section_clear(const struct config_section *s);

/* The field of an entry, and where its value is from. */
void *config_section_value(const struct config_section *s,
    const struct option_entry *e);
struct config_origin *config_section_origin(const struct config_section *s,
    const struct option_entry *e);

/*
 * Stores a value, if what was there is not from a stronger origin; it is
 * checked in any case. Returns 0, or -1: the entry does not take it.
 */
int config_section_set(const struct config_section *s,
    const struct option_entry *e, const char *text, enum config_from from,
    unsigned int line);

/* The same; a list that was given before from there has more words then. */
int config_section_add(const struct config_section *s,
    const struct option_entry *e, const char *text, enum config_from from,
    unsigned int line);

/* Parses a text into a field. Returns 0 or -1 with the field untouched. */
int config_value_parse(void *at, const struct option_entry *e,
    const char *text);

/* Frees, copies, compares fields; a copy frees what was there. */
void config_value_clear(void *at, const struct option_entry *e);
void config_value_copy(void *to, const void *from,
    const struct option_entry *e);
bool config_value_equal(const void *a, const void *b,
    const struct option_entry *e);

/* Writes a field as config_value_parse() reads it; "": a path not given. */
void config_value_text(const void *at, const struct option_entry *e, char *out,
    size_t size);

/* What an entry takes, for error messages. */
void config_value_takes(const struct option_entry *e, char *out, size_t size);

/* The environment's name of an option: MORO_MAX_QUEUE_SIZE. */
void config_value_variable(const struct option_entry *e, char *out,
    size_t size);

/* Where errors go, and how many there were. */
struct config_errors {
	FILE *out; /* NULL: they are counted only */
	const char *prefix; /* before each line: "morod: ", or "" */
	const char *path; /* of the file that is read */
	unsigned int n;
	/*
	 * Types may come with modules and programs: that one is not known is
	 * counted here, and not an error yet.
	 */
	bool types_come;
	unsigned int n_types;
};

/* Says what is wrong in a line of the file; 0: with the file as a whole. */
void config_error_at(struct config_errors *errors, unsigned int line,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Says what is wrong elsewhere. */
void config_error(struct config_errors *errors, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Names where a value comes from: "FILE:LINE", "MORO_X", "--x". */
void config_error_origin(const struct config_errors *errors,
    const struct option_entry *e, const struct config_origin *origin, char *out,
    size_t size);

/* Sets the defaults of a section. Returns 0, or -1: no memory. */
int config_fallbacks(const struct config_section *s, unsigned int where);

/* Sets all defaults. Returns 0, or -1: no memory. */
int config_init(struct config *config);

/*
 * Reads all that config_parse() reads; a file that came through a pipe as it
 * was for the configuration before, which may be NULL. Returns 0 or -1; either
 * way the configuration is to be cleared.
 */
int config_read(struct config *config, int argc, char **argv,
    const struct config *before, struct config_errors *errors);

/* Reads options and environment. Returns 0, or -1 after saying why. */
int config_args_read(struct config *config, struct config_errors *errors);

/*
 * Reads the file, or again what came through a pipe for the configuration
 * before. Returns 0, or -1 after saying all that is wrong in it.
 */
int config_load(struct config *config, const char *path, bool must_exist,
    const struct config *before, struct config_errors *errors);

/* The same for a file that is in memory. */
int config_file_read(struct config *config, const char *text, size_t len,
    struct config_errors *errors);

/* Adds a pool with defaults. NULL: no memory. */
struct pool_config *config_pool_add(struct config *config, const char *name,
    size_t len);

/* The same for a module; and the one of that name, or NULL. */
struct module_config *config_module_add(struct config *config, const char *name,
    size_t len);
struct module_config *config_module(const struct config *config,
    const char *name);

/* The same for a key. */
struct key_config *config_key_add(struct config *config, const char *name,
    size_t len);
struct key_config *config_key(const struct config *config, const char *name);

/*
 * Has a process of its own read all files of keys, and notes which versions
 * they are: the secrets are gone with it. Returns 0, or -1 after saying what is
 * wrong.
 */
int config_keys_try(struct config *config, struct config_errors *errors);

/* The type's name. */
const char *config_task_name(const struct task_config *t);

/*
 * Gives the pools what the server says, and checks what concerns more than one
 * key. Returns 0, or -1 after saying what is wrong.
 */
int config_settle(struct config *config, struct config_errors *errors);

#endif

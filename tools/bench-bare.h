#ifndef MORO_TOOLS_BENCH_BARE_H
#define MORO_TOOLS_BENCH_BARE_H

/*
 * The work of the built-in task types done by calling the library in a loop,
 * with contexts that are kept: what a task costs without morod. Beside each
 * stands the request that has morod do the same.
 */

#include <stdbool.h>

#include "tools/bench-form.h"
#include "tools/bench-request.h"
#include "tools/bench.h"

#define BARE_SIZE ((size_t)1 << 20)

enum bare_flag {
	BARE_BY_FD = 1 << 0, /* its input can come by descriptor */
	BARE_INLINE = 1 << 1, /* and is then measured in messages, too */
	BARE_OPTIONAL = 1 << 2, /* a morod without it is passed over */
	BARE_BRIEF = 1 << 3, /* half as many rounds */
	BARE_LONG = 1 << 4, /* takes tenths of a second: measured longer */
	BARE_MODULE = 1 << 5, /* the type is of a module */
};

struct bare {
	const char *name; /* of its rows: the task's type, and which */
	const char *ratio; /* the last part of the row's name; NULL: "ratio" */
	const char *note; /* what the bare processes do */
	unsigned int flags; /* enum bare_flag */
	int outstanding; /* tasks for each worker */
	const void *how; /* the family's own */
	void (*form)(const struct bare *bare, struct form *f, bool by_fd);
	void (*work)(const struct bare *bare); /* once */
};

/* Tasks outstanding, for each worker: by how long one takes. */
#define BARE_SHORT 128 /* microseconds */
#define BARE_MIDDLE 4 /* milliseconds */
#define BARE_SLOW 2 /* more */

/* Types that share what they work on. */
struct bare_family {
	void (*init)(void); /* before its rows are measured */
	void (*clear)(void);
	const struct bare *rows; /* end where name is NULL */
	bool (*offered)(const struct bench *b); /* NULL: always */
};

extern const struct bare_family bare_hash, bare_aead, bare_compress, bare_token,
    bare_transform, bare_analytics, bare_heavy, bare_password, bare_image;

/* Ends with NULL. */
extern const struct bare_family *const bare_families[];

/* What most of them share; made before all else. */
struct bare_common {
	struct request_input text; /* BARE_SIZE bytes of lines */
	int result_fds[REQUEST_FILES]; /* owned: for the results of morod's */
	char *out; /* room for any result */
	size_t out_size;
};
extern struct bare_common bare_common;

void bare_init(void);
void bare_clear(void);

/* The library must do it: else there is nothing to compare. */
void bare_check(bool done, const char *what);

#endif

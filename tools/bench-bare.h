#ifndef MORO_TOOLS_BENCH_BARE_H
#define MORO_TOOLS_BENCH_BARE_H

/*
 * The work of the built-in task types done by calling the library in a loop,
 * with contexts that are kept: what a task costs without morod. Beside each
 * stands the request that has morod do the same.
 */

#include <stdbool.h>

#include "tools/bench-form.h"

#define BARE_FILES 16 /* of a kind: so many tasks may be outstanding */

struct bare {
	const char *type; /* of the task */
	const char *ratio; /* the row's name for it, of input in the message */
	const char *note; /* below the row, or NULL */
	bool large; /* its input has 1 MiB, and can come by descriptor */
	void (*form)(struct form *f, bool by_fd);
	void (*work)(void); /* once */
};

/* Ends where type is NULL. */
extern const struct bare bare_table[];

/* Makes what they work on; before all else. */
void bare_init(void);
void bare_clear(void);

#endif

#ifndef MORO_TASKS_TRANSFORM_PRELUDE_H
#define MORO_TASKS_TRANSFORM_PRELUDE_H

/*
 * What stands before every program, on its first line: builtins of jq that must
 * not be as they are. Because of it the program is no longer at the top, and
 * import, include and module are syntax errors there.
 */

#include <jq.h>

extern const char transform_prelude[];

/* Has a program call the part of it that is in C. */
void transform_prelude_attach(jq_state *jq);

#endif

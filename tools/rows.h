#ifndef MORO_TOOLS_ROWS_H
#define MORO_TOOLS_ROWS_H

/* Lines of 80 columns about tasks and workers, each with its newline. */

#include <stdio.h>

#include "tools/view.h"

#define ROWS_NUMBER 24 /* bytes of a whole number */

#define ROWS_TASK_HEAD                                                      \
	"client    msgid state   type            prio     wait    run slot" \
	" bytes id"
#define ROWS_WORKER_HEAD                                                  \
	"slot     pid  state    task               for    rss    cpu    " \
	"age    done  died"

/* A whole number in a field, or "-". */
const char *rows_number(char out[ROWS_NUMBER], value map, const char *name);

/* The name that a task's caller gave it, and the line's end. */
void rows_id(FILE *out, value task, int max);

/* A task, as ls lists it; a worker, as stats does. */
void rows_task(FILE *out, value task);
void rows_worker(FILE *out, value worker);

#endif

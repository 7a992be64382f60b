#ifndef MORO_TASKS_COMPRESS_H
#define MORO_TASKS_COMPRESS_H

/* data:compress and data:decompress */

#include "worker/type.h"

/* Names of the formats, NULL-ended; the first is the default. */
extern const char *const compress_formats[];

/* A context over this many bytes is freed after use; others are kept. */
#define COMPRESS_KEEP_MAX ((size_t)8 << 20)

extern const struct task_type compress_type;

#endif

#ifndef MORO_SERVER_LOG_H
#define MORO_SERVER_LOG_H

/*
 * One line for each event on stderr, written whole: time, level, role and
 * process id, text, and fields where something is known by a name. What a peer
 * sent is made printable first.
 */

#include <stdbool.h>

#include "server/log-line.h"

enum log_level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_INFO,
	LEVEL_DEBUG,
};

/* Lines above this level are dropped; the default is LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* "info"; and all of them, for a message. */
const char *log_level_name(enum log_level level);
#define LOG_LEVEL_NAMES "error, warning, info or debug"

/* How lines look; the default is LOG_TEXT. */
void log_set_format(enum log_format format);

/* The role in every line: "master", "worker 3". Copied. */
void log_set_role(const char *role);

/*
 * Whether a level is logged: to be asked before anything is done for a line
 * that is mostly off. The variable is not to be touched otherwise.
 */
extern int log_threshold;
static inline bool
log_is_on(enum log_level level)
{
	return __builtin_expect((int)level <= log_threshold, 0);
}

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with fields. */
void log_event(enum log_level level, const struct log_context *context,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* When debug is off no argument is evaluated. */
#define log_debug(...)                                             \
	do {                                                       \
		if (log_is_on(LEVEL_DEBUG))                        \
			log_event(LEVEL_DEBUG, NULL, __VA_ARGS__); \
	} while (0)

/*
 * Says it whatever the level is: to the person who starts morod, so as text
 * it has no head but "morod: ".
 */
void log_say(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says it whatever the level is, and exits with status 1. */
_Noreturn void fatal(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif

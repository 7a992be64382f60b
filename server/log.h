#ifndef MORO_SERVER_LOG_H
#define MORO_SERVER_LOG_H

/*
 * One line for each event on stderr, written whole: time, level, role and
 * process id, text. What a peer sent is made printable first.
 */

enum log_level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_INFO,
	LEVEL_DEBUG,
};

/* Lines above this level are dropped; the default is LEVEL_INFO. */
void log_set_level(enum log_level level);

/* The level that a name spells, or -1; and the names, for a message. */
int log_level_parse(const char *name);
#define LOG_LEVEL_NAMES "error, warning, info or debug"

/* The role in every line: "master", "worker 3". Copied. */
void log_set_role(const char *role);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says it whatever the level is, and exits with status 1. */
_Noreturn void fatal(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif

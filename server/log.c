#include "server/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const log_names[] = {
    [LEVEL_ERROR] = "error",
    [LEVEL_WARNING] = "warning",
    [LEVEL_INFO] = "info",
    [LEVEL_DEBUG] = "debug",
};
static const char log_fatal[] = "fatal"; /* a level that nothing drops */

#define LOG_LEFT_OUT 80 /* bytes of the message that counts */

int log_threshold = LEVEL_INFO;
static enum log_format log_format = LOG_TEXT;
static char log_role[32] = "morod";
static unsigned int log_left_out; /* lines, since the last one was written */

void
log_set_level(enum log_level level)
{
	log_threshold = (int)level;
}

enum log_level
log_level(void)
{
	return (enum log_level)log_threshold;
}

const char *
log_level_name(enum log_level level)
{
	return log_names[level];
}

void
log_set_format(enum log_format format)
{
	log_format = format;
}

void
log_set_role(const char *role)
{
	snprintf(log_role, sizeof log_role, "%s", role);
}

/* Makes a line. Returns its bytes. */
static size_t
log_make(char out[LOG_LINE_MAX], const char *level,
    const struct log_context *context, const char *message)
{
	bool other = context != NULL && context->role != NULL;
	struct log_line line = {
	    .level = level,
	    .role = other ? context->role : log_role,
	    .pid = other ? context->pid : getpid(),
	    .message = message,
	    .context = context,
	};

	clock_gettime(CLOCK_REALTIME, &line.time);
	return log_line_make(out, log_format, &line);
}

/*
 * Writes a line with one system call, if whoever reads the log has left room for
 * it. Nobody waits for that: all processes would, and no signal would end them.
 */
static bool
log_put(const char *line, size_t n)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	/* where writing fails there is nowhere to say it */
	return poll(&p, 1, 0) != 0 && write(STDERR_FILENO, line, n) != 0;
}

/* Says how many lines were left out, if there is room for that by now. */
static void
log_put_left_out(void)
{
	char out[LOG_LINE_MAX], message[LOG_LEFT_OUT];

	snprintf(message, sizeof message,
	    "the log is not read: %u lines were left out", log_left_out);
	if (log_put(out,
		log_make(out, log_names[LEVEL_WARNING], NULL, message)))
		log_left_out = 0;
}

static void
log_write(const char *level, const struct log_context *context,
    const char *message)
{
	char out[LOG_LINE_MAX];

	if (log_left_out > 0)
		log_put_left_out();
	if (log_left_out > 0 ||
	    !log_put(out, log_make(out, level, context, message)))
		log_left_out++;
}

static void
log_format_write(const char *level, const struct log_context *context,
    const char *format, va_list ap)
{
	/* one byte more than is shown, so that a cut is seen there */
	char message[LOG_MESSAGE_MAX + 1];

	vsnprintf(message, sizeof message, format, ap);
	log_write(level, context, message);
}

#define LOG_FUNCTION(name, level)                                     \
	void name(const char *format, ...)                            \
	{                                                             \
		va_list ap;                                           \
                                                                      \
		if (!log_is_on(level))                                \
			return;                                       \
		va_start(ap, format);                                 \
		log_format_write(log_names[level], NULL, format, ap); \
		va_end(ap);                                           \
	}

LOG_FUNCTION(log_error, LEVEL_ERROR)
LOG_FUNCTION(log_warning, LEVEL_WARNING)
LOG_FUNCTION(log_info, LEVEL_INFO)

void
log_event(enum log_level level, const struct log_context *context,
    const char *format, ...)
{
	va_list ap;

	if (!log_is_on(level))
		return;
	va_start(ap, format);
	log_format_write(log_names[level], context, format, ap);
	va_end(ap);
}

void
log_say(enum log_level level, const char *format, ...)
{
	char message[LOG_MESSAGE_MAX + 1], clean[LOG_MESSAGE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	if (log_format == LOG_JSON) {
		log_write(log_names[level], NULL, message);
		return;
	}
	log_line_clean(clean, sizeof clean, message, strlen(message));
	dprintf(STDERR_FILENO, "morod: %s\n", clean);
}

void
fatal(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_format_write(log_fatal, NULL, format, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}

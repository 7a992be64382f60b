#include "server/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/fault.h"

#define LOG_LINE 1024
#define LOG_FATAL (-1) /* a level that nothing drops */
#define NS_PER_MS 1000000

static const char *const log_names[] = {
    [LEVEL_ERROR] = "error",
    [LEVEL_WARNING] = "warning",
    [LEVEL_INFO] = "info",
    [LEVEL_DEBUG] = "debug",
};

static int log_level = LEVEL_INFO;
static char log_role[32] = "morod";

void
log_set_level(enum log_level level)
{
	log_level = (int)level;
}

int
log_level_parse(const char *name)
{
	for (size_t i = 0; i < sizeof log_names / sizeof *log_names; i++) {
		if (strcmp(name, log_names[i]) == 0)
			return (int)i;
	}
	return -1;
}

void
log_set_role(const char *role)
{
	snprintf(log_role, sizeof log_role, "%s", role);
}

/* Writes the line's head; returns its length. */
static size_t
log_head(char *line, size_t size, int level)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, size - n,
	    ".%03ldZ %s %s[%d]: ", ts.tv_nsec / NS_PER_MS,
	    level == LOG_FATAL ? "fatal" : log_names[level], log_role,
	    (int)getpid());
	return n;
}

/* Makes a line of one text and writes it with one system call. */
static void
log_write(int level, const char *format, va_list ap)
{
	char line[LOG_LINE];
	size_t head, n;

	if (level > log_level)
		return;
	head = log_head(line, sizeof line, level);
	vsnprintf(line + head, sizeof line - head - 1, format, ap);
	fault_clean(line + head);
	for (char *p = line + head; *p != '\0'; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	n = strlen(line);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) == -1)
		return; /* there is nowhere to say it */
}

#define LOG_FUNCTION(name, level)               \
	void name(const char *format, ...)      \
	{                                       \
		va_list ap;                     \
                                                \
		va_start(ap, format);           \
		log_write((level), format, ap); \
		va_end(ap);                     \
	}

LOG_FUNCTION(log_error, LEVEL_ERROR)
LOG_FUNCTION(log_warning, LEVEL_WARNING)
LOG_FUNCTION(log_info, LEVEL_INFO)
LOG_FUNCTION(log_debug, LEVEL_DEBUG)

void
fatal(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_write(LOG_FATAL, format, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}

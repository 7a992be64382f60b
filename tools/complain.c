#include "tools/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPLAIN_MAX 1024 /* bytes of a line */

/* Prints a line; what would break it into several becomes a space. */
static void
complain_line(const char *code, const char *format, va_list ap)
{
	char text[COMPLAIN_MAX];

	vsnprintf(text, sizeof text, format, ap);
	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ')
			*p = ' ';
	}
	fprintf(stderr, "moroctl: %s: %s\n", code, text);
}

void
complain(const char *code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain_line(code, format, ap);
	va_end(ap);
}

int
complain_usage(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain_line("USAGE", format, ap);
	va_end(ap);
	return EXIT_USAGE;
}

int
complain_output(const char *what, int error)
{
	complain("OUTPUT", "cannot write %s: %s", what, strerror(error));
	return EXIT_FAILED;
}

#include "server/config-parts.h"

#include <stdarg.h>

#define ERRORS_SHOWN 50
#define ERROR_TEXT 1024

/* Writes one line; those after the most are counted only. */
static void
error_write(struct config_errors *errors, const char *where, const char *format,
    va_list args)
{
	char text[ERROR_TEXT];

	if (errors->out == NULL) {
		errors->n++;
	} else if (errors->n++ < ERRORS_SHOWN) {
		vsnprintf(text, sizeof text, format, args);
		fprintf(errors->out, "%s%s%s\n", errors->prefix, where, text);
	} else if (errors->n == ERRORS_SHOWN + 1) {
		fprintf(errors->out,
		    "%s%d errors are shown, and there are more\n",
		    errors->prefix, ERRORS_SHOWN);
	}
}

void
config_error_at(struct config_errors *errors, unsigned int line,
    const char *format, ...)
{
	char where[ERROR_TEXT];
	va_list args;

	if (line != 0)
		snprintf(where, sizeof where, "%s:%u: ", errors->path, line);
	else
		snprintf(where, sizeof where, "%s: ", errors->path);
	va_start(args, format);
	error_write(errors, where, format, args);
	va_end(args);
}

void
config_error(struct config_errors *errors, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_write(errors, "", format, args);
	va_end(args);
}

void
config_error_origin(const struct config_errors *errors,
    const struct option_entry *e, const struct config_origin *origin, char *out,
    size_t size)
{
	if (origin->from == FROM_FILE)
		snprintf(out, size, "%s:%u", errors->path, origin->line);
	else if (origin->from == FROM_ENVIRONMENT)
		config_value_variable(e, out, size);
	else if (origin->from == FROM_ARGUMENTS)
		snprintf(out, size, "--%s", e->name);
	else
		snprintf(out, size, "%s", e->name);
}

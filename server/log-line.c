#include "server/log-line.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/fault.h"

#define NS_PER_MS 1000000
#define LOG_DOTS "..."
#define LOG_END 2 /* bytes that are kept for "}\n" */
#define UTF8_MAX 4 /* bytes of a character */
#define UTF8_MASK 0xc0 /* these bits of a byte that is not its first */
#define UTF8_NEXT 0x80
#define LOG_C1_LEAD 0xc2 /* first byte of U+0080 to U+00BF in UTF-8 */
#define LOG_C1_LAST 0x9f /* second byte of the last control character there */
/* Characters of a text that need no quotes. */
#define LOG_PLAIN                                              \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789_-.:/+@%"

/* A line being made; what has no room is taken back. */
struct log_writer {
	char *at;
	size_t n; /* bytes there */
	size_t room; /* of all */
};

void
log_line_number(struct log_context *c, const char *name, uint64_t number)
{
	if (c->n < LOG_FIELDS)
		c->fields[c->n++] =
		    (struct log_field){.name = name, .number = number};
}

void
log_line_text(struct log_context *c, const char *name, const char *text,
    size_t len)
{
	if (c->n < LOG_FIELDS)
		c->fields[c->n++] =
		    (struct log_field){.name = name, .text = text, .len = len};
}

void
log_line_implied(struct log_context *c)
{
	c->fields[c->n - 1].implied = true;
}

/* Replaces the control characters that fault_clean() leaves. */
static void
clean_rest(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p == '\n' || *p == '\t')
			*p = ' ';
		/* a terminal obeys U+0080 to U+009F as it does ESC */
		if (p[0] == LOG_C1_LEAD && p[1] <= LOG_C1_LAST)
			p[0] = p[1] = '?';
	}
}

/* Shortens len bytes so that no character is cut in two. */
static size_t
clean_whole(const char *text, size_t len)
{
	size_t n = len;

	while (n > 0 && len - n < UTF8_MAX &&
	       ((unsigned char)text[n] & UTF8_MASK) == UTF8_NEXT)
		n--;
	return len - n < UTF8_MAX ? n : len; /* else it is no UTF-8 */
}

void
log_line_clean(char *out, size_t size, const char *bytes, size_t len)
{
	bool cut = len >= size;
	size_t n = cut ? clean_whole(bytes, size - sizeof LOG_DOTS) : len;

	for (size_t i = 0; i < n; i++)
		out[i] = bytes[i] == '\0' ? '?' : bytes[i];
	out[n] = '\0';
	fault_clean(out);
	clean_rest(out);
	if (cut)
		memcpy(out + n, LOG_DOTS, sizeof LOG_DOTS);
}

/* Appends bytes. False: there is no room, and nothing was appended. */
static bool
put(struct log_writer *w, const char *bytes, size_t len)
{
	if (len > w->room - w->n)
		return false;
	memcpy(w->at + w->n, bytes, len);
	w->n += len;
	return true;
}

static bool
put_text(struct log_writer *w, const char *text)
{
	return put(w, text, strlen(text));
}

static bool __attribute__((format(printf, 2, 3)))
put_format(struct log_writer *w, const char *format, ...)
{
	char text[64];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < sizeof text && put(w, text, (size_t)n);
}

/* Appends clean text as a JSON string. */
static bool
put_quoted(struct log_writer *w, const char *text)
{
	if (!put_text(w, "\""))
		return false;
	for (; *text != '\0'; text++) {
		if ((*text == '"' || *text == '\\') && !put_text(w, "\\"))
			return false;
		if (!put(w, text, 1))
			return false;
	}
	return put_text(w, "\"");
}

/* Appends a field's value. */
static bool
put_value(struct log_writer *w, const struct log_field *f, bool json)
{
	char text[LOG_FIELD_TEXT];

	if (f->text == NULL)
		return put_format(w, "%llu", (unsigned long long)f->number);
	log_line_clean(text, sizeof text, f->text, f->len);
	if (!json && text[0] != '\0' && text[strspn(text, LOG_PLAIN)] == '\0')
		return put_text(w, text);
	return put_quoted(w, text);
}

/* Appends a field, or takes back what was begun of it. */
static void
put_field(struct log_writer *w, const struct log_field *f, bool json)
{
	size_t before = w->n;

	if (!put_format(w, json ? ",\"%s\":" : " %s=", f->name) ||
	    !put_value(w, f, json))
		w->n = before;
}

static void
put_fields(struct log_writer *w, const struct log_context *c, bool json)
{
	for (unsigned int i = 0; c != NULL && i < c->n; i++) {
		if (json || !c->fields[i].implied)
			put_field(w, &c->fields[i], json);
	}
}

static void
put_time(struct log_writer *w, const struct timespec *time)
{
	char text[32];
	struct tm tm;

	gmtime_r(&time->tv_sec, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	put_format(w, "%s.%03ldZ", text, time->tv_nsec / NS_PER_MS);
}

static void
make_text(struct log_writer *w, const struct log_line *line,
    const char *message)
{
	put_time(w, &line->time);
	put_format(w, " %s %s[%d]: ", line->level, line->role, (int)line->pid);
	put_text(w, message);
	put_fields(w, line->context, false);
}

static void
make_json(struct log_writer *w, const struct log_line *line,
    const char *message)
{
	put_text(w, "{\"time\":\"");
	put_time(w, &line->time);
	put_format(w, "\",\"level\":\"%s\",\"role\":", line->level);
	put_quoted(w, line->role);
	put_format(w, ",\"pid\":%d,\"message\":", (int)line->pid);
	/* twice its length at most: there is always room for it */
	put_quoted(w, message);
	put_fields(w, line->context, true);
	w->room += LOG_END;
	put_text(w, "}");
}

size_t
log_line_make(char out[LOG_LINE_MAX], enum log_format format,
    const struct log_line *line)
{
	struct log_writer w = {.at = out, .room = LOG_LINE_MAX - LOG_END};
	char message[LOG_MESSAGE_MAX];

	_Static_assert(2 * LOG_MESSAGE_MAX + 512 < LOG_LINE_MAX,
	    "head and message have room");
	log_line_clean(message, sizeof message, line->message,
	    strlen(line->message));
	switch (format) {
	case LOG_JSON:
		make_json(&w, line, message);
		break;
	case LOG_BARE:
		put_format(&w, "%s: ", line->level);
		put_text(&w, message);
		break;
	case LOG_TEXT:
		make_text(&w, line, message);
		break;
	}
	out[w.n++] = '\n';
	return w.n;
}

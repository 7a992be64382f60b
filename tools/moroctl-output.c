#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/moroctl.h"
#include "tools/sink.h"

/* How output is written: sink_write(), or sink_write_secret(). */
typedef int output_write(const char *path, const void *bytes, size_t len,
    bool newline);

/* Writes what a memory stream gathered, and frees it. */
static int
output_text(const char *path, FILE *stream, char **text, size_t *len,
    output_write *write)
{
	int rc;

	if (fclose(stream) != 0)
		rc = complain_output("the result", errno);
	else
		rc = write(path, *text, *len, false);
	free(*text);
	return rc;
}

int
ctl_put_stream(const char *path, FILE *stream, char **text, size_t *len)
{
	return output_text(path, stream, text, len, sink_write);
}

/* Writes a value as JSON; NULL: there was no memory for it. */
static int
output_value(const struct ctl *c, const struct msgpack_object *object,
    output_write *write)
{
	char error[CONVERT_ERROR] = "out of memory";
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL || object == NULL ||
	    convert_to_json(out, object, error) == -1) {
		complain("OUTPUT", "%s", error);
		if (out != NULL)
			fclose(out);
		free(text);
		return EXIT_FAILED;
	}
	fputc('\n', out);
	return output_text(c->values[CTL_OUTPUT], out, &text, &len, write);
}

int
ctl_put_value(struct ctl *c, const struct msgpack_object *object)
{
	return output_value(c, object, sink_write);
}

int
ctl_put_json(struct ctl *c, struct moro_reply *reply)
{
	return ctl_put_value(c, moro_reply_object(reply));
}

int
ctl_put_secret_json(struct ctl *c, struct moro_reply *reply)
{
	return output_value(c, moro_reply_object(reply), sink_write_secret);
}

int
ctl_put_text(struct ctl *c, struct moro_reply *reply, bool newline)
{
	size_t len;
	const char *text = moro_reply_text(reply, &len);

	if (ctl_has(c, CTL_JSON) || text == NULL)
		return ctl_put_json(c, reply);
	return sink_write(c->values[CTL_OUTPUT], text, len, newline);
}

int
ctl_check_terminal(struct ctl *c)
{
	if (ctl_has(c, CTL_FORCE) || ctl_has(c, CTL_JSON) ||
	    !sink_is_terminal(c->values[CTL_OUTPUT]))
		return EXIT_DONE;
	return complain_usage("%s writes bytes that a terminal cannot show: "
			      "redirect it, or say --output FILE or --force",
	    c->command->name);
}

const char *
ctl_output_name(const struct ctl *c)
{
	const char *path = c->values[CTL_OUTPUT];

	return path != NULL && strcmp(path, "-") != 0 ? path
						      : "standard output";
}

/* Prints text as a JSON string. */
static void
output_string(FILE *out, const char *text)
{
	struct msgpack_object o = {.type = MSGPACK_OBJECT_STR};
	char error[CONVERT_ERROR];

	o.via.str.ptr = text;
	o.via.str.size = (uint32_t)strlen(text);
	convert_to_json(out, &o, error);
}

/* Prints ,"name":"text" when there is text. */
static void
output_pair(FILE *out, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	fprintf(out, ",\"%s\":", name);
	output_string(out, text);
}

void
ctl_put_failure(enum moro_code code, const char *message)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return;
	fputs("{\"error\":{\"code\":", out);
	output_string(out, moro_code_name(code));
	output_pair(out, "message", message);
	fputs(",\"retryable\":false}}\n", out);
	ctl_put_stream(NULL, out, &text, &len);
}

void
ctl_print_error(FILE *out, const struct moro_reply *r)
{
	int64_t n;

	fputs("{\"error\":{\"code\":", out);
	output_string(out, moro_reply_code_name(r));
	output_pair(out, "message", moro_reply_message(r));
	output_pair(out, "reason", moro_reply_reason(r));
	fprintf(out, ",\"retryable\":%s",
	    moro_reply_retryable(r) ? "true" : "false");
	for (size_t i = 0; i < moro_reply_details(r); i++) {
		const char *name = moro_reply_detail_name(r, i);

		output_pair(out, name, moro_reply_detail_text(r, name));
		if (moro_reply_detail_number(r, name, &n) == 0)
			fprintf(out, ",\"%s\":%lld", name, (long long)n);
	}
	fputs("}}", out);
}

void
ctl_put_error(const struct moro_reply *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return;
	ctl_print_error(out, r);
	fputc('\n', out);
	ctl_put_stream(NULL, out, &text, &len);
}

#include "worker/tasks/transform-prelude.h"

#include <stdio.h>

#include "worker/tasks/transform-flaw.h"

/*
 * In libjq 1.6 strftime ends the process if a time is out of range or a format
 * is no string, stderr writes past its callbacks, modulemeta opens files,
 * ltrimstr and rtrimstr leak what is not trimmed, tonumber and fromjson round
 * integers and do not look behind a NUL.
 *
 * A definition sees itself under its name, so what it replaces needs another
 * one, which programs would see as well. It is taken back at the end: jq drops
 * definitions that are not used, and one that calls what is not there is the
 * error of a name that is not defined.
 *
 * libjq offers no builtins in C, but it calls us for debug and for input, which
 * programs have no use for: `debug|input` gives a text back that has no flaw.
 */
const char transform_prelude[] =
    "def _strftime(f):strftime(f);"
    "def strftime(f):f as $f|if($f|type)!=\"string\""
    "then error(\"strftime/1 requires a string format\")"
    "elif type==\"number\"then gmtime|_strftime($f)"
    "else _strftime($f)end;"
    "def _strflocaltime(f):strflocaltime(f);"
    "def strflocaltime(f):f as $f|if($f|type)!=\"string\""
    "then error(\"strflocaltime/1 requires a string format\")"
    "elif type==\"number\"then localtime|_strflocaltime($f)"
    "else _strflocaltime($f)end;"
    "def todateiso8601:strftime(\"%Y-%m-%dT%H:%M:%SZ\");"
    "def todate:todateiso8601;"
    "def date:todate;"
    "def _ltrimstr(f):ltrimstr(f);"
    "def ltrimstr(f):f as $f|if type==\"string\"and($f|type)==\"string\""
    "and startswith($f)then _ltrimstr($f)else . end;"
    "def _rtrimstr(f):rtrimstr(f);"
    "def rtrimstr(f):f as $f|if type==\"string\"and($f|type)==\"string\""
    "and endswith($f)then _rtrimstr($f)else . end;"
    "def _tonumber:if type==\"string\"then debug|input else . end|tonumber;"
    "def tonumber:_tonumber;"
    "def _fromjson:if type==\"string\"then debug|input else . end|fromjson;"
    "def fromjson:_fromjson;"
    "def debug:.;"
    "def input:error(\"break\");"
    "def inputs:empty;"
    "def stderr:.;"
    "def modulemeta:error(\"modulemeta is not offered\");"
    "def _strftime(f):_strftime;"
    "def _strflocaltime(f):_strflocaltime;"
    "def _ltrimstr(f):_ltrimstr;"
    "def _rtrimstr(f):_rtrimstr;"
    "def _tonumber:_tonumber(.);"
    "def _fromjson:_fromjson(.);";

/* What input gives next: the text that debug was given, or what is wrong. */
static jv prelude_next;

static void
prelude_debug_cb(void *data, jv text)
{
	char error[FLAW_TEXT];
	struct flaw flaw;

	(void)data;
	jv_free(prelude_next);
	if (jv_get_kind(text) != JV_KIND_STRING ||
	    !transform_flaw_find(jv_string_value(text),
		(size_t)jv_string_length_bytes(jv_copy(text)), true, &flaw)) {
		prelude_next = text;
		return;
	}
	snprintf(error, sizeof error, FLAW_FORMAT, "the text", flaw.what,
	    flaw.at, flaw.why);
	prelude_next = jv_invalid_with_msg(jv_string(error));
	jv_free(text);
}

static jv
prelude_input_cb(jq_state *jq, void *data)
{
	jv next = prelude_next;

	(void)jq;
	(void)data;
	prelude_next = jv_invalid();
	return next;
}

void
transform_prelude_attach(jq_state *jq)
{
	jq_set_debug_cb(jq, prelude_debug_cb, NULL);
	jq_set_input_cb(jq, prelude_input_cb, NULL);
}

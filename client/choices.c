#include "client/choices.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limit.h"
#include "proto/options.h"

/* moro_priority in the words of the wire; the default is not sent. */
static const enum priority choices_priorities[] = {
    [MORO_PRIORITY_HIGH] = PRIORITY_HIGH,
    [MORO_PRIORITY_NORMAL] = PRIORITY_NORMAL,
    [MORO_PRIORITY_LOW] = PRIORITY_LOW,
};

struct moro_options {
	enum moro_priority priority;
	char id[LIMIT_ID + 1]; /* "": none */
	uint64_t timeout_ms; /* these three: 0: none */
	uint64_t run_timeout_ms;
	uint64_t queue_timeout_ms;
};

struct moro_options *
moro_options_new(void)
{
	return calloc(1, sizeof(struct moro_options));
}

void
moro_options_free(struct moro_options *o)
{
	free(o);
}

int
moro_options_set_priority(struct moro_options *o, enum moro_priority p)
{
	if ((int)p < MORO_PRIORITY_DEFAULT || (int)p > MORO_PRIORITY_LOW)
		return -1;
	o->priority = p;
	return 0;
}

int
moro_options_set_id(struct moro_options *o, const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > LIMIT_ID)
		return -1;
	memcpy(o->id, id, len + 1);
	return 0;
}

/* Sets a time that is in range. */
static int
choices_set_ms(uint64_t *out, uint64_t ms)
{
	if (ms > LIMIT_TIME_MS_MAX)
		return -1;
	*out = ms;
	return 0;
}

int
moro_options_set_timeout(struct moro_options *o, uint64_t ms)
{
	return choices_set_ms(&o->timeout_ms, ms);
}

int
moro_options_set_run_timeout(struct moro_options *o, uint64_t ms)
{
	return choices_set_ms(&o->run_timeout_ms, ms);
}

int
moro_options_set_queue_timeout(struct moro_options *o, uint64_t ms)
{
	return choices_set_ms(&o->queue_timeout_ms, ms);
}

/* Packs a string. Returns 0, or -1: no memory. */
static int
choices_pack_text(msgpack_packer *pk, const char *text)
{
	return msgpack_pack_str_with_body(pk, text, strlen(text));
}

/* Packs one pair whose value is text; NULL: nothing. */
static int
choices_pack_pair(msgpack_packer *pk, const char *name, const char *text)
{
	if (text == NULL)
		return 0;
	return choices_pack_text(pk, name) | choices_pack_text(pk, text);
}

/* Packs one time; 0: nothing. */
static int
choices_pack_ms(msgpack_packer *pk, const char *name, uint64_t ms)
{
	if (ms == 0)
		return 0;
	return choices_pack_text(pk, name) | msgpack_pack_uint64(pk, ms);
}

int
choices_pack(const struct moro_options *o, msgpack_packer *pk)
{
	const char *priority =
	    o->priority == MORO_PRIORITY_DEFAULT
		? NULL
		: priority_name(choices_priorities[o->priority]);
	const char *id = o->id[0] == '\0' ? NULL : o->id;
	size_t n = (priority != NULL) + (id != NULL) + (o->timeout_ms != 0) +
		   (o->run_timeout_ms != 0) + (o->queue_timeout_ms != 0);
	int rc = msgpack_pack_map(pk, n);

	rc |= choices_pack_pair(pk, "priority", priority);
	rc |= choices_pack_pair(pk, "id", id);
	rc |= choices_pack_ms(pk, "timeout", o->timeout_ms);
	rc |= choices_pack_ms(pk, "runTimeout", o->run_timeout_ms);
	rc |= choices_pack_ms(pk, "queueTimeout", o->queue_timeout_ms);
	return rc == 0 ? 0 : -1;
}

#include "client/choices.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fdpass.h"
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
	int fds[FDPASS_MAX]; /* the program's own */
	uint32_t n_fds;
	int result_fd; /* index of the one for the result, or -1 */
};

struct moro_options *
moro_options_new(void)
{
	struct moro_options *o = calloc(1, sizeof *o);

	if (o != NULL)
		o->result_fd = -1;
	return o;
}

struct moro_options *
choices_copy(const struct moro_options *o)
{
	struct moro_options *copy = moro_options_new();

	if (copy != NULL && o != NULL)
		*copy = *o;
	return copy;
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

int
moro_options_add_file(struct moro_options *o, int fd)
{
	if (fd < 0 || o->n_fds == FDPASS_MAX)
		return -1;
	o->fds[o->n_fds] = fd;
	return (int)o->n_fds++;
}

int
moro_options_set_result_file(struct moro_options *o, int fd)
{
	int index = moro_options_add_file(o, fd);

	if (index == -1)
		return -1;
	o->result_fd = index;
	return 0;
}

void
moro_options_clear_files(struct moro_options *o)
{
	o->n_fds = 0;
	o->result_fd = -1;
}

uint32_t
choices_fds(const struct moro_options *o, const int **fds)
{
	*fds = o->fds;
	return o->n_fds;
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

/* Packs one number, if it is given. */
static int
choices_pack_number(msgpack_packer *pk, const char *name, uint64_t n,
    bool given)
{
	if (!given)
		return 0;
	return choices_pack_text(pk, name) | msgpack_pack_uint64(pk, n);
}

/* Packs one time; 0: nothing. */
static int
choices_pack_ms(msgpack_packer *pk, const char *name, uint64_t ms)
{
	return choices_pack_number(pk, name, ms, ms != 0);
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
		   (o->run_timeout_ms != 0) + (o->queue_timeout_ms != 0) +
		   (o->n_fds != 0) + (o->result_fd != -1);
	int rc = msgpack_pack_map(pk, n);

	rc |= choices_pack_pair(pk, "priority", priority);
	rc |= choices_pack_pair(pk, "id", id);
	rc |= choices_pack_ms(pk, "timeout", o->timeout_ms);
	rc |= choices_pack_ms(pk, "runTimeout", o->run_timeout_ms);
	rc |= choices_pack_ms(pk, "queueTimeout", o->queue_timeout_ms);
	rc |= choices_pack_number(pk, "fds", o->n_fds, o->n_fds != 0);
	rc |= choices_pack_number(pk, "resultFd", (uint64_t)o->result_fd,
	    o->result_fd != -1);
	return rc == 0 ? 0 : -1;
}

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

/* Bits of moro_options_set_retry() in the words of the wire. */
static const struct {
	unsigned int bit;
	const char *name;
} choices_retry_on[] = {
    {MORO_RETRY_CRASH, "crash"},
    {MORO_RETRY_ERROR, "error"},
};

#define CHOICES_RETRY_ON (sizeof choices_retry_on / sizeof choices_retry_on[0])

struct moro_options {
	enum moro_priority priority;
	char id[LIMIT_ID + 1]; /* "": none */
	uint64_t timeout_ms; /* these three: 0: none */
	uint64_t run_timeout_ms;
	uint64_t queue_timeout_ms;
	bool has_grace;
	uint64_t cancel_grace_ms; /* 0: killed at once */
	bool progress;
	bool idempotent;
	bool wait_when_full;
	bool batch;
	uint64_t retry_max; /* 0: no retries */
	uint64_t backoff_ms; /* these two: 0: the server's */
	uint64_t max_backoff_ms;
	unsigned int retry_on; /* MORO_RETRY_, or-ed; 0: the server's */
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
moro_options_set_cancel_grace(struct moro_options *o, uint64_t ms)
{
	if (choices_set_ms(&o->cancel_grace_ms, ms) == -1)
		return -1;
	o->has_grace = true;
	return 0;
}

void
moro_options_set_progress(struct moro_options *o, int flag)
{
	o->progress = flag != 0;
}

void
moro_options_set_idempotent(struct moro_options *o, int flag)
{
	o->idempotent = flag != 0;
}

void
moro_options_set_wait_when_full(struct moro_options *o, int flag)
{
	o->wait_when_full = flag != 0;
}

void
moro_options_set_batch(struct moro_options *o, int flag)
{
	o->batch = flag != 0;
}

int
moro_options_set_retry(struct moro_options *o, uint32_t max,
    uint64_t backoff_ms, uint64_t max_backoff_ms, unsigned int on)
{
	if (max > MORO_RETRY_MAX || backoff_ms > LIMIT_TIME_MS_MAX ||
	    max_backoff_ms > LIMIT_TIME_MS_MAX ||
	    (on & ~(unsigned int)(MORO_RETRY_CRASH | MORO_RETRY_ERROR)) != 0)
		return -1;
	o->retry_max = max;
	o->backoff_ms = backoff_ms;
	o->max_backoff_ms = max_backoff_ms;
	o->retry_on = on;
	return 0;
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

bool
choices_may_repeat(const struct moro_options *o)
{
	unsigned int on = o->retry_on == 0 ? MORO_RETRY_CRASH : o->retry_on;

	if (o->result_fd != -1)
		return false;
	if (o->retry_max != 0)
		return (on & MORO_RETRY_CRASH) != 0;
	return o->idempotent;
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

/* Packs one flag, if it is set. */
static int
choices_pack_flag(msgpack_packer *pk, const char *name, bool flag)
{
	if (!flag)
		return 0;
	return choices_pack_text(pk, name) | msgpack_pack_true(pk);
}

/* Packs what the retries are for. */
static int
choices_pack_retry_on(const struct moro_options *o, msgpack_packer *pk)
{
	size_t n = 0;
	int rc = choices_pack_text(pk, "on");

	for (size_t i = 0; i < CHOICES_RETRY_ON; i++)
		n += (o->retry_on & choices_retry_on[i].bit) != 0;
	rc |= msgpack_pack_array(pk, n);
	for (size_t i = 0; i < CHOICES_RETRY_ON; i++) {
		if (o->retry_on & choices_retry_on[i].bit)
			rc |= choices_pack_text(pk, choices_retry_on[i].name);
	}
	return rc;
}

/* Packs the retries, if there are any. */
static int
choices_pack_retry(const struct moro_options *o, msgpack_packer *pk)
{
	size_t n = 1u + (o->backoff_ms != 0) + (o->max_backoff_ms != 0) +
		   (o->retry_on != 0);
	int rc;

	if (o->retry_max == 0)
		return 0;
	rc = choices_pack_text(pk, "retry") | msgpack_pack_map(pk, n);
	rc |= choices_pack_number(pk, "max", o->retry_max, true);
	rc |= choices_pack_ms(pk, "backoffMs", o->backoff_ms);
	rc |= choices_pack_ms(pk, "maxBackoffMs", o->max_backoff_ms);
	if (o->retry_on != 0)
		rc |= choices_pack_retry_on(o, pk);
	return rc;
}

/* The priority's word, or NULL: the default, which is not sent. */
static const char *
choices_priority(const struct moro_options *o)
{
	if (o->priority == MORO_PRIORITY_DEFAULT)
		return NULL;
	return priority_name(choices_priorities[o->priority]);
}

/* How many pairs choices_pack() packs. */
static size_t
choices_count(const struct moro_options *o)
{
	return (size_t)(o->priority != MORO_PRIORITY_DEFAULT) +
	       (o->id[0] != '\0') + (o->timeout_ms != 0) +
	       (o->run_timeout_ms != 0) + (o->queue_timeout_ms != 0) +
	       (o->n_fds != 0) + (o->result_fd != -1) + o->has_grace +
	       o->progress + o->idempotent + (o->retry_max != 0) +
	       o->wait_when_full + o->batch;
}

int
choices_pack(const struct moro_options *o, msgpack_packer *pk)
{
	const char *id = o->id[0] == '\0' ? NULL : o->id;
	int rc = msgpack_pack_map(pk, choices_count(o));

	rc |= choices_pack_pair(pk, "priority", choices_priority(o));
	rc |= choices_pack_pair(pk, "id", id);
	rc |= choices_pack_ms(pk, "timeout", o->timeout_ms);
	rc |= choices_pack_ms(pk, "runTimeout", o->run_timeout_ms);
	rc |= choices_pack_ms(pk, "queueTimeout", o->queue_timeout_ms);
	rc |= choices_pack_number(pk, "fds", o->n_fds, o->n_fds != 0);
	rc |= choices_pack_number(pk, "resultFd", (uint64_t)o->result_fd,
	    o->result_fd != -1);
	rc |= choices_pack_number(pk, "cancelGrace", o->cancel_grace_ms,
	    o->has_grace);
	rc |= choices_pack_flag(pk, "progress", o->progress);
	rc |= choices_pack_flag(pk, "idempotent", o->idempotent);
	rc |= choices_pack_retry(o, pk);
	rc |=
	    choices_pack_pair(pk, "onFull", o->wait_when_full ? "wait" : NULL);
	rc |= choices_pack_flag(pk, "batch", o->batch);
	return rc == 0 ? 0 : -1;
}

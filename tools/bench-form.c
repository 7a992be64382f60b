#include "tools/bench-form.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/number.h"
#include "proto/range.h"
#include "tools/bench-spawn.h"

#define FORM_INLINE ((size_t)4 << 10) /* longer payloads are not copied */
#define FORM_ID_AT 3 /* in a request: behind 0x94, 0x00, 0xce */
#define FORM_FIRST_ID 0x10000u /* the least that is written as 0xce */
#define FORM_BIN_HEAD 5
#define FORM_EXT8 0xc7
#define FORM_OPTIONS 32 /* bytes of the options, at most */
#define FORM_NOISE_SEED 88172645463325252ull

void
form_noise(uint8_t *out, size_t len)
{
	uint64_t x = FORM_NOISE_SEED;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = (uint8_t)(x >> 24);
	}
}

/* Writes the header of bytes, as short as it can be: the answer has it so. */
static size_t
form_bin(uint8_t *out, size_t len)
{
	if (len <= UINT8_MAX) {
		out[0] = 0xc4;
		out[1] = (uint8_t)len;
		return 2;
	}
	if (len <= UINT16_MAX) {
		out[0] = 0xc5;
		number_put(out + 1, 2, len);
		return 3;
	}
	out[0] = 0xc6;
	number_put(out + 1, 4, len);
	return FORM_BIN_HEAD;
}

/* Writes {"priority": P, "fds": N, "resultFd": 1}, the parts that there are. */
static size_t
form_options(uint8_t *out, const char *priority, unsigned int n_fds)
{
	static const char key[] = "\250priority", fds[] = "\243fds",
			  result[] = "\250resultFd\1";
	bool with_result = n_fds > 1;
	size_t n = 0, len;

	out[n++] =
	    (uint8_t)(0x80u + (priority != NULL) + (n_fds > 0) + with_result);
	if (priority != NULL) {
		len = strlen(priority);
		memcpy(out + n, key, sizeof key - 1);
		n += sizeof key - 1;
		out[n++] = (uint8_t)(0xa0u | len);
		memcpy(out + n, priority, len);
		n += len;
	}
	if (n_fds > 0) {
		memcpy(out + n, fds, sizeof fds - 1);
		n += sizeof fds - 1;
		out[n++] = (uint8_t)n_fds;
	}
	if (with_result) {
		memcpy(out + n, result, sizeof result - 1);
		n += sizeof result - 1;
	}
	return n;
}

/* Splits a payload into what is copied and what is not. */
static size_t
form_split(struct form *f, size_t payload)
{
	size_t copied = payload > FORM_INLINE ? FORM_ID_BYTES : payload;

	f->tail_len = payload - copied;
	f->tail = spawn_alloc(f->tail_len + 1);
	form_noise(f->tail, f->tail_len);
	return copied;
}

void
form_bare(struct form *f, size_t payload)
{
	memset(f, 0, sizeof *f);
	f->head_len = form_split(f, payload);
	f->head = spawn_alloc(f->head_len);
	form_noise(f->head, f->head_len);
	f->id_at = 0;
	f->stamp_at = FORM_NOWHERE;
	f->bare = payload;
}

void
form_task(struct form *f, const struct form_task *task, const int *fds,
    const int *result_fds)
{
	bool options = task->priority != NULL || fds != NULL;
	size_t method = strlen(task->type), n;

	memset(f, 0, sizeof *f);
	f->head = spawn_alloc(
	    ENVELOPE_HEAD_MAX + method + task->data_len + FORM_OPTIONS);
	n = envelope_request(f->head, FORM_FIRST_ID, task->type, method,
	    options ? 2 : 1);
	memcpy(f->head + n, task->data, task->data_len);
	n += task->data_len;
	if (options)
		n += form_options(f->head + n, task->priority,
		    (fds != NULL) + (result_fds != NULL));
	f->head_len = n;
	assert(fds == NULL || task->tail_len == 0); /* see the sender */
	f->tail = spawn_alloc(task->tail_len + 1);
	if (task->tail_len > 0)
		memcpy(f->tail, task->tail, task->tail_len);
	f->tail_len = task->tail_len;
	f->fds = fds;
	f->result_fds = result_fds;
	f->id_at = FORM_ID_AT;
	f->stamp_at = FORM_NOWHERE;
	if (result_fds == NULL)
		return;
	assert(fds != NULL); /* it is descriptor 1 */
	f->expect[0] = FORM_EXT8;
	f->expect[1] = RANGE_BODY;
	f->expect[2] = RANGE_EXT;
	f->expect_len = 3;
}

/* The type of echo requests. */
static const char *form_type = "debug:echo";

void
form_set_echo(const char *type)
{
	form_type = type;
}

void
form_echo(struct form *f, size_t payload, const char *priority)
{
	const size_t method_len = strlen(form_type);
	size_t copied, n;

	memset(f, 0, sizeof *f);
	copied = form_split(f, payload);
	f->head =
	    spawn_alloc(ENVELOPE_HEAD_MAX + method_len + copied + FORM_OPTIONS);
	f->expect_len = form_bin(f->expect, payload);
	f->result_len = f->expect_len + payload;
	n = envelope_request(f->head, FORM_FIRST_ID, form_type, method_len,
	    priority != NULL ? 2 : 1);
	memcpy(f->head + n, f->expect, f->expect_len);
	n += f->expect_len;
	f->stamp_at = n;
	form_noise(f->head + n, copied);
	n += copied;
	if (priority != NULL)
		n += form_options(f->head + n, priority, 0);
	f->head_len = n;
	f->id_at = FORM_ID_AT;
}

void
form_clear(struct form *f)
{
	free(f->head);
	free(f->tail);
	memset(f, 0, sizeof *f);
}

size_t
form_size(const struct form *f)
{
	return f->head_len + f->tail_len;
}

void
form_number(const struct form *f, uint8_t *head, uint32_t id)
{
	number_put(head + f->id_at, FORM_ID_BYTES, id);
	if (f->stamp_at != FORM_NOWHERE)
		number_put(head + f->stamp_at, FORM_ID_BYTES, id);
}

#include "client/letter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msgpack.h>

#include "client/lookup.h"

/* The options of the wire, in the order in which they stand there. */
static const char *const letter_names[LETTER_LIMITS] = {
    [LETTER_TIMEOUT] = "timeout",
    [LETTER_QUEUE] = "queueTimeout",
};

/* Notes what the message says of its limits. */
static void
letter_read_times(struct letter *l, const struct frame *frame, uint64_t since)
{
	struct value options = {l->bytes + frame->options.at,
	    frame->options.len};

	if (frame->n_params < 2)
		return;
	for (size_t i = 0; i < LETTER_LIMITS; i++) {
		struct value v = lookup_field(options, letter_names[i]);
		struct item item = lookup_item(v);

		if (item.type != READER_UINT)
			continue;
		l->times[i].ms = item.n;
		l->times[i].since = since;
		l->times[i].at = (size_t)(v.at - l->bytes);
		l->times[i].len = v.len;
	}
}

struct letter *
letter_new(const uint8_t *bytes, const struct frame *frame, const int *fds,
    uint32_t n, uint64_t since)
{
	struct letter *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->bytes = malloc(frame->size);
	if (l->bytes == NULL)
		goto fail;
	memcpy(l->bytes, bytes, frame->size);
	l->len = frame->size;
	for (; l->n_fds < n; l->n_fds++) {
		int fd = fcntl(fds[l->n_fds], F_DUPFD_CLOEXEC, 0);

		if (fd == -1)
			goto fail;
		l->fds[l->n_fds] = fd;
	}
	letter_read_times(l, frame, since);
	return l;
fail:
	letter_free(l);
	return NULL;
}

void
letter_free(struct letter *l)
{
	if (l == NULL)
		return;
	while (l->n_fds > 0)
		close(l->fds[--l->n_fds]);
	/* keys and passwords are kept no longer than they are needed */
	if (l->bytes != NULL)
		explicit_bzero(l->bytes, l->len);
	free(l->bytes);
	free(l);
}

/* What is left of a limit; not 0, which would be none. */
static uint64_t
letter_left(const struct letter_time *t, uint64_t now)
{
	uint64_t gone = now > t->since ? now - t->since : 0;

	return gone < t->ms ? t->ms - gone : 1;
}

int
letter_pack(const struct letter *l, struct buffer *out, uint64_t now)
{
	size_t begin = buffer_len(out), done = 0;
	msgpack_packer pk;
	int rc = 0;

	msgpack_packer_init(&pk, out, buffer_write);
	for (size_t i = 0; i < LETTER_LIMITS; i++) {
		const struct letter_time *t = &l->times[i];

		if (t->ms == 0)
			continue;
		rc |= buffer_append(out, l->bytes + done, t->at - done);
		rc |= msgpack_pack_uint64(&pk, letter_left(t, now));
		done = t->at + t->len;
	}
	rc |= buffer_append(out, l->bytes + done, l->len - done);
	if (rc == 0)
		return 0;
	buffer_truncate(out, begin);
	return -1;
}

/* When one limit is reached. */
static uint64_t
letter_time_end(const struct letter_time *t)
{
	return t->ms == 0 ? UINT64_MAX : t->since + t->ms;
}

uint64_t
letter_end(const struct letter *l)
{
	uint64_t end = UINT64_MAX;

	for (size_t i = 0; i < LETTER_LIMITS; i++) {
		if (letter_time_end(&l->times[i]) < end)
			end = letter_time_end(&l->times[i]);
	}
	return end;
}

void
letter_expired(const struct letter *l, uint64_t now, const char *path,
    struct failure *f)
{
	size_t i = 0;

	while (i + 1 < LETTER_LIMITS && letter_time_end(&l->times[i]) > now)
		i++;
	failure_set(f, MORO_TIMEOUT,
	    "timeout: %s of %llu ms was reached while there was no connection "
	    "to %s",
	    letter_names[i], (unsigned long long)l->times[i].ms, path);
	failure_reason(f, "queue");
	fault_add_text(&f->fault, "option", letter_names[i]);
	fault_add_number(&f->fault, "limit", (int64_t)l->times[i].ms);
}

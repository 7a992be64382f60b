#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "proto/scan.h"
#include "server/log.h"
#include "server/process.h"
#include "worker/call.h"
#include "worker/registry.h"

#define INPUT_MIN ((size_t)256 << 10)
#define INPUT_KEPT ((size_t)1 << 20) /* larger buffers are given back */
#define OUTPUT_KEPT INPUT_KEPT
#define WORKER_SNDBUF 212992 /* what distributions allow everyone */

/* Bytes from the dispatcher; one message at a time begins at 0. */
struct input {
	uint8_t *bytes;
	size_t len;
	size_t cap;
};

struct worker {
	const struct worker_setup *setup;
	struct input in;
	struct output out;
	struct scan scan;
	msgpack_zone zone; /* values of the task; kept */
	uint64_t begun;
};

/* Overwrites what may hold secrets, so that it stays no longer than needed. */
static void
worker_wipe(void *at, size_t len)
{
	explicit_bzero(at, len);
}

/* Makes room for one more read of a message of at least `wanted` bytes. */
static void
worker_room(struct worker *w, size_t wanted)
{
	struct input *in = &w->in;
	size_t cap = wanted < INPUT_MIN ? INPUT_MIN : wanted;
	uint8_t *bytes;

	if (in->cap >= cap && in->cap > in->len)
		return;
	if (cap < 2 * in->len)
		cap =
		    2 * in->len; /* so that moving costs no more than reading */
	/* No realloc: it would leave a copy behind that nobody wipes. */
	bytes = malloc(cap + 1);
	if (bytes == NULL)
		fatal("no memory for a message of %zu bytes", cap);
	if (in->len > 0)
		memcpy(bytes, in->bytes, in->len);
	if (in->bytes != NULL)
		worker_wipe(in->bytes, in->len);
	free(in->bytes);
	in->bytes = bytes;
	in->cap = cap + 1;
}

/* Reads until a whole message is there. False: the dispatcher is gone. */
static bool
worker_read(struct worker *w)
{
	for (;;) {
		enum scan_status status =
		    scan_feed(&w->scan, w->in.bytes, w->in.len);
		ssize_t got;

		if (status == SCAN_FRAME)
			return true;
		if (status == SCAN_BAD)
			fatal("the dispatcher sent no message: %s",
			    scan_fault_text(scan_fault(&w->scan)));
		worker_room(w, scan_wanted(&w->scan));
		got = recv(w->setup->sock, w->in.bytes + w->in.len,
		    w->in.cap - w->in.len, 0);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		w->in.len += (size_t)got;
	}
}

/* Sends bytes whole. False: the dispatcher is gone. */
static bool
worker_send(struct worker *w, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(w->setup->sock, bytes, len, MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* Takes the message's bytes out of the input, and the secrets in them. */
static void
worker_consume(struct worker *w, size_t size, bool secret)
{
	struct input *in = &w->in;

	if (secret)
		worker_wipe(in->bytes, size);
	memmove(in->bytes, in->bytes + size, in->len - size);
	in->len -= size;
	if (in->len == 0 && in->cap > INPUT_KEPT) {
		free(in->bytes);
		memset(in, 0, sizeof *in);
	}
	scan_reset(&w->scan);
}

/* Gives the type of a call, when it is offered; NULL with the fault set. */
static const struct task_type *
worker_type(struct worker *w, const struct frame *f, struct fault *fault)
{
	const char *name = (const char *)w->in.bytes + f->method.at;
	const struct task_type *type = registry_find(name, f->method.len);

	if (type != NULL &&
	    (w->setup->debug_tasks || !(type->flags & TYPE_DEBUG)))
		return type;
	fault_set(fault, CODE_UNKNOWN_TASK, NULL,
	    "this worker has no task type \"%.*s\"", (int)f->method.len, name);
	return NULL;
}

/* Makes values of the data's bytes. False with the fault set. */
static bool
worker_unpack(struct worker *w, const struct frame *f, msgpack_object *data,
    struct fault *fault)
{
	size_t offset = 0;
	msgpack_unpack_return rc =
	    msgpack_unpack((const char *)w->in.bytes + f->data.at, f->data.len,
		&offset, &w->zone, data);

	if (rc == MSGPACK_UNPACK_SUCCESS)
		return true;
	/* The scanner has passed it: what is left is memory. */
	fault_set(fault, CODE_WORKER_ERROR, "memory",
	    "no memory for data of %zu bytes", f->data.len);
	return false;
}

/* Appends a message's error and nil. */
static void
worker_pack_fault(struct worker *w, const struct fault *fault)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, &w->out, output_write);
	fault_pack(fault, &pk, FAULT_MAP);
	msgpack_pack_nil(&pk);
}

/* Runs the task and leaves the whole answer in the output. */
static const struct task_type *
worker_run(struct worker *w, const struct frame *f)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	size_t n = envelope_response(head, f->msgid);
	static struct call call;
	struct fault *fault = &call.fault;
	msgpack_object data;
	const struct task_type *type = worker_type(w, f, fault);
	bool done;

	output_write(&w->out, (const char *)head, n);
	if (type == NULL || !worker_unpack(w, f, &data, fault)) {
		worker_pack_fault(w, fault);
		return type;
	}
	head[0] = ENVELOPE_NIL;
	output_write(&w->out, (const char *)head, 1);
	done =
	    call_run(&call, type, &data, &w->out, w->setup->limits.frame) == 0;
	if (!done) {
		w->out.len = n; /* before the nil: an error takes its place */
		worker_pack_fault(w, fault);
	}
	return type;
}

/* Serves one task. False: the dispatcher is gone. */
static bool
worker_serve(struct worker *w)
{
	struct frame f;
	const struct task_type *type;
	bool sent, secret;

	if (!worker_read(w))
		return false;
	scan_frame(&w->scan, &f);
	if (f.kind != FRAME_REQUEST)
		fatal("the dispatcher sent what is no request");
	atomic_store_explicit(&w->setup->page->begun, ++w->begun,
	    memory_order_release);
	type = worker_run(w, &f);
	if (w->out.failed)
		fatal("no memory for an answer");
	sent = worker_send(w, w->out.bytes, w->out.len);
	secret = type == NULL || (type->flags & TYPE_SECRET);
	output_wipe(&w->out);
	if (w->out.cap > OUTPUT_KEPT)
		output_clear(&w->out);
	msgpack_zone_clear(&w->zone);
	worker_consume(w, f.size, secret);
	return sent;
}

/* Makes stdin /dev/null: nothing that a library asks can be answered. */
static void
worker_stdin(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd == -1 || dup2(fd, STDIN_FILENO) == -1)
		fatal("/dev/null: %s", strerror(errno));
	close(fd);
}

/* Leaves what the process inherited and a worker must not have. */
static void
worker_isolate(const struct worker_setup *setup)
{
	struct rlimit none = {0, 0};
	int size = WORKER_SNDBUF;

	setsid();
	worker_stdin();
	if (process_close_others(&setup->sock, 1) == -1)
		fatal("cannot close descriptors: %s", strerror(errno));
	/* A core file would hold what callers entrusted to us. */
	setrlimit(RLIMIT_CORE, &none);
	setsockopt(setup->sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static void
worker_init(struct worker *w, const struct worker_setup *setup)
{
	struct limits limits = setup->limits;

	/* The dispatcher's envelope is a little longer than the client's. */
	limits.frame += LIMIT_ANSWER_SLACK;
	limits.values += SCAN_ENVELOPE_MAX;
	memset(w, 0, sizeof *w);
	w->setup = setup;
	scan_init(&w->scan, &limits);
	output_init(&w->out, limits.frame);
	if (!msgpack_zone_init(&w->zone, MSGPACK_ZONE_CHUNK_SIZE))
		fatal("out of memory");
	worker_room(w, INPUT_MIN);
}

static void
worker_clear(struct worker *w)
{
	msgpack_zone_destroy(&w->zone);
	output_clear(&w->out);
	free(w->in.bytes);
}

/* Says that it is ready for tasks. */
static bool
worker_say_ready(struct worker *w)
{
	uint8_t head[ENVELOPE_HEAD_MAX];

	return worker_send(w, head,
	    envelope_notify(head, "ready", strlen("ready"), 0));
}

void
worker_main(const struct worker_setup *setup)
{
	static struct worker w;
	char role[32];

	snprintf(role, sizeof role, "worker %u", setup->number);
	process_name(role);
	worker_isolate(setup);
	worker_init(&w, setup);
	if (worker_say_ready(&w)) {
		while (worker_serve(&w))
			;
	}
	worker_clear(&w);
	exit(EXIT_SUCCESS);
}

#include "worker/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "proto/info.h"
#include "proto/page.h"
#include "proto/scan.h"
#include "server/log.h"
#include "server/process.h"
#include "server/user.h"
#include "worker/blob.h"
#include "worker/call.h"
#include "worker/exec.h"
#include "worker/files.h"
#include "worker/heap.h"
#include "worker/input.h"
#include "worker/isolate.h"
#include "worker/mapping.h"
#include "worker/module.h"
#include "worker/registry.h"
#include "worker/sandbox.h"
#include "worker/wipe.h"

#define WORKER_SNDBUF 212992 /* what distributions allow everyone */
#define WORKER_OUT_ROOM ((size_t)16 << 10) /* for one more answer, usually */
#define WORKER_OUT_FLUSH ((size_t)128 << 10) /* so much is sent at once */
#define WORKER_KEPT ((size_t)2 << 20) /* larger buffers are given back */
#define WORKER_SMALL ((size_t)64 << 10) /* data that need little memory, */
#define WORKER_SHORT_NS (NS_PER_MS) /* if the task is short as well */
#define WORKER_KEPT_MS 1000 /* but not before they lay idle for so long */
#define NS_PER_MS ((uint64_t)1000000)
#define NS_PER_US 1000
#define NS_PER_S 1000000000

struct worker {
	const struct worker_setup *setup;
	struct page *page;
	struct input in;
	struct output out; /* answers that are not sent yet */
	msgpack_zone zone; /* values of the task; kept */
	struct call call;
	struct files files; /* of the task now */
	struct watch watch; /* likewise */
	const struct task_type *type; /* of the task now; NULL: not offered */
	size_t type_len; /* of its name */
	unsigned int type_index; /* in the registry */
	uint32_t received; /* tasks, which is their number */
	bool was_secret; /* the stack may hold what is, and what files are
			    read into */
	uint64_t bound_ns; /* how long a finished answer may wait */
	uint64_t now_ns; /* when the task before ended */
	uint64_t large_ns; /* when a large one was last done with */
	bool heap_used; /* there may be freed memory to give back */
	uint64_t first_ns; /* when the first of the answers was finished */
};

static uint64_t
worker_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
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

/* Sends the finished answers. False: the dispatcher is gone. */
static bool
worker_flush(struct worker *w)
{
	if (w->was_secret) {
		/* an error names what was given for a field, also by mistake */
		explicit_bzero(&w->call.fault, sizeof w->call.fault);
		wipe_stack();
		blob_wipe();
	}
	w->was_secret = false;
	if (w->out.len == 0)
		return true;
	if (!worker_send(w, w->out.bytes, w->out.len))
		return false;
	page_flushed(w->page);
	if (w->out.own_cap > WORKER_KEPT && !output_is_lent(&w->out))
		w->large_ns = w->now_ns;
	output_wipe(&w->out);
	return true;
}

/* Finds the type of a call; mostly it is the same again. */
static void
worker_find_type(struct worker *w, const struct frame *f)
{
	const char *name = (const char *)input_at(&w->in) + f->method.at;
	const struct task_type *type;

	if (w->type != NULL && w->type_len == f->method.len &&
	    memcmp(w->type->name, name, f->method.len) == 0)
		return;
	type = registry_find(name, f->method.len);
	if (type != NULL && (type->flags & TYPE_DEBUG) &&
	    !w->setup->debug_tasks)
		type = NULL;
	w->type = type;
	w->type_len = f->method.len;
	if (type != NULL)
		w->type_index = registry_index(type);
}

/* Makes values of the data's bytes. False with the fault set. */
static bool
worker_unpack(struct worker *w, const struct frame *f, msgpack_object *data)
{
	size_t offset = 0;
	msgpack_unpack_return rc =
	    msgpack_unpack((const char *)input_at(&w->in) + f->data.at,
		f->data.len, &offset, &w->zone, data);

	if (rc == MSGPACK_UNPACK_SUCCESS)
		return true;
	/* The scanner has passed it: what is left is memory. */
	fault_set(&w->call.fault, CODE_WORKER_ERROR, "memory",
	    "no memory for data of %u bytes", f->data.len);
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

/* Runs the call, or says why it cannot be. */
static bool
worker_call(struct worker *w, const struct frame *f)
{
	msgpack_object data;

	if (w->type == NULL) {
		fault_set(&w->call.fault, CODE_UNKNOWN_TASK, NULL,
		    "this worker has no task type \"%.*s\"", (int)f->method.len,
		    (const char *)input_at(&w->in) + f->method.at);
		return false;
	}
	return worker_unpack(w, f, &data) &&
	       call_run(&w->call, w->type, &data, &w->out,
		   w->setup->limits.frame) == 0;
}

/* There is no room for what must be answered. */
static _Noreturn void
worker_no_memory(void)
{
	quota_blame_memory();
	fatal("no memory for an answer");
}

/* Runs the task and appends the whole answer to the output. */
static void
worker_run(struct worker *w, const struct frame *f)
{
	size_t n = envelope_response_len(f->msgid);
	size_t start = w->out.len;
	uint8_t *head = output_room(&w->out, n + 1);

	if (head == NULL)
		worker_no_memory();
	envelope_response(head, f->msgid);
	head[n] = ENVELOPE_NIL;
	w->out.len += n + 1;
	if (!worker_call(w, f)) {
		/* An error takes the place of the nil. */
		w->out.len = start + n;
		worker_pack_fault(w, &w->call.fault);
	}
	if (w->out.failed)
		worker_no_memory();
	msgpack_zone_clear(&w->zone);
}

/*
 * Whether the answers that are finished must not wait for the task that comes:
 * it is not known to be short, or they have waited, or need the room.
 */
static bool
worker_must_flush(const struct worker *w, unsigned int size)
{
	uint32_t expected;

	if (w->out.len == 0)
		return false;
	if (w->out.len > WORKER_OUT_FLUSH || !output_is_lent(&w->out) ||
	    w->out.cap - w->out.len < WORKER_OUT_ROOM || w->type == NULL)
		return true;
	expected = page_expect(w->page, w->type_index, size);
	return expected == 0 ||
	       w->now_ns + expected - w->first_ns > w->bound_ns;
}

/* Whether what the task holds must not stay in memory. */
static bool
worker_is_secret(const struct worker *w)
{
	return w->type == NULL || (w->type->flags & TYPE_SECRET);
}

/* Takes what the dispatcher says of the task: who waits, descriptors. */
static void
worker_take_info(struct worker *w, const struct frame *f)
{
	struct info info = INFO_NONE;

	w->call.files = NULL;
	if (f->options.len > 1)
		info_parse(&info, input_at(&w->in) + f->options.at,
		    f->options.len);
	w->watch.number = w->received + 1;
	w->watch.msgid = f->msgid;
	w->watch.attempt = info.attempt;
	w->watch.progress = info.progress;
	w->watch.next_ns = 0;
	if (info.fds == 0 || info.fds > FDPASS_MAX)
		return;
	input_take_fds(&w->in, w->files.fds, info.fds);
	w->files.n = info.fds;
	if (info.result_fd < info.fds)
		w->files.result = (int)info.result_fd;
	w->call.files = &w->files;
}

/* Closes them. */
static void
worker_leave_files(struct worker *w)
{
	if (w->call.files == NULL)
		return;
	files_clear(&w->files, worker_is_secret(w));
	w->call.files = NULL;
}

/* Does one task that is there. False: the dispatcher is gone. */
static bool
worker_serve(struct worker *w, const struct frame *f)
{
	unsigned int size;
	bool empty;
	uint64_t now;

	if (f->kind != FRAME_REQUEST)
		fatal("the dispatcher sent what is no request");
	worker_find_type(w, f);
	worker_take_info(w, f);
	size = w->call.files != NULL ? PAGE_SIZE_FILE
				     : page_size_class(f->data.len);
	if (worker_must_flush(w, size)) {
		if (!worker_flush(w))
			return false;
		w->now_ns = worker_clock(); /* sending is not the task's time */
	}
	empty = w->out.len == 0;
	if (page_begin(w->page, ++w->received)) {
		quota_begin(&w->setup->quota);
		worker_run(w, f);
		now = worker_clock();
		page_set_took(w->page, w->received, now - w->now_ns);
		if (output_is_lent(&w->out))
			page_set_ready(w->page, (uint32_t)w->out.len);
		if (w->type != NULL)
			page_learn(w->page, w->type_index, size,
			    now - w->now_ns);
		if (f->size > WORKER_SMALL ||
		    now - w->now_ns > WORKER_SHORT_NS) {
			w->heap_used = true;
			w->large_ns = now;
		}
		w->now_ns = now;
		if (empty)
			w->first_ns = now;
	}
	w->was_secret = w->was_secret || worker_is_secret(w);
	worker_leave_files(w);
	if (mapping_was_used())
		w->large_ns = w->now_ns;
	input_consume(&w->in, f->size, worker_is_secret(w));
	return true;
}

/*
 * Gives back the room of large tasks, once it was not needed for a while: to
 * free it takes milliseconds, in which the dispatcher thinks that this worker
 * is free, and the next large message would have to make it anew.
 */
static void
worker_rest(struct worker *w)
{
	struct pollfd p = {.fd = w->setup->sock, .events = POLLIN};

	if (w->in.cap <= WORKER_KEPT && w->out.own_cap <= WORKER_KEPT &&
	    !mapping_is_kept() && !w->heap_used)
		return;
	if (worker_clock() - w->large_ns < WORKER_KEPT_MS * NS_PER_MS &&
	    poll(&p, 1, WORKER_KEPT_MS) != 0)
		return;
	mapping_forget();
	heap_give_back();
	w->heap_used = false;
	if (w->in.cap > WORKER_KEPT)
		input_rest(&w->in);
	if (w->out.own_cap > WORKER_KEPT)
		output_rest(&w->out);
}

/* Waits for tasks. Answers are sent first, because waiting may be long. */
static bool
worker_wait(struct worker *w)
{
	if (!worker_flush(w))
		return false;
	worker_rest(w);
	if (!input_read(&w->in))
		return false;
	w->now_ns = worker_clock();
	return true;
}

/* Serves tasks until the dispatcher is gone. */
static void
worker_loop(struct worker *w)
{
	struct frame f;

	for (;;) {
		if (input_next(&w->in, &f)) {
			if (!worker_serve(w, &f))
				return;
		} else if (!worker_wait(w)) {
			return;
		}
	}
}

/* Takes the named keys, as they were when the configuration was read. */
static void
worker_keys(const struct worker_setup *setup)
{
	if (keyring_take(setup->keys, setup->n_keys, setup->keys_fd) == -1)
		fatal("cannot take the named keys: %s", strerror(errno));
}

/* Leaves what the process inherited and a worker must not have. */
static void
worker_isolate(const struct worker_setup *setup)
{
	int size = WORKER_SNDBUF;

	isolate_terminal();
	if (setup->runs_programs &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs: %s", strerror(errno));
	if (setup->runs_programs)
		exec_keep_environment(environ);
	isolate_environment();
	isolate_input();
	isolate_output(setup->output);
	log_set_format(LOG_BARE);
	/* or a line would be seen when many more have come, or never */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (process_close_others(&setup->sock, 1) == -1)
		fatal("cannot close descriptors: %s", strerror(errno));
	/* a result that may not be written is an error, not a death */
	signal(SIGXFSZ, SIG_IGN);
	if (quota_apply(&setup->quota, setup->page) == -1)
		fatal("cannot set limits: %s", strerror(errno));
	setsockopt(setup->sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/*
 * Gives up what its tasks are not to have. Modules are loaded between: from
 * files, which can be opened no more then. What runs programs is not in the
 * sandbox, for they would be in it, too: no_new_privs it has.
 */
static void
worker_confine(const struct worker_setup *setup)
{
	if (user_become() == -1)
		fatal("cannot become the user: %s", strerror(errno));
	/* threads that a module starts have what they begin with for good */
	if (!setup->runs_programs && sandbox_prepare() == -1)
		fatal("cannot give up capabilities: %s", strerror(errno));
	module_begin(setup->limits.values);
	if (setup->runs_programs)
		isolate_dumps();
	else if (sandbox_enter(SANDBOX_WORKER) == -1)
		fatal("cannot enter the sandbox: %s", strerror(errno));
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
	w->page = setup->page;
	w->bound_ns = setup->prefetch_us * NS_PER_US;
	input_init(&w->in, setup->sock, &limits);
	files_init(&w->files, setup->max_file);
	w->watch.page = setup->page;
	w->watch.sock = setup->sock;
	w->call.watch = &w->watch;
	/* What one result may have is call_run()'s business. */
	output_init(&w->out, SIZE_MAX);
	output_lend(&w->out, w->page->out, PAGE_OUT);
	if (!msgpack_zone_init(&w->zone, MSGPACK_ZONE_CHUNK_SIZE))
		fatal("out of memory");
}

static void
worker_clear(struct worker *w)
{
	msgpack_zone_destroy(&w->zone);
	output_clear(&w->out);
	input_clear(&w->in);
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
	isolate_core();
	worker_keys(setup);
	worker_isolate(setup);
	worker_confine(setup);
	heap_keep(setup->quota.memory);
	worker_init(&w, setup);
	if (worker_say_ready(&w))
		worker_loop(&w);
	worker_clear(&w);
	keyring_clear();
	module_end();
	exit(EXIT_SUCCESS);
}

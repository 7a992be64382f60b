/*
 * Every task type through its entry in the registry. The first byte names the
 * type; then the input is choices that make data of the type's own table
 * (feed.h), or after a byte 0xff the length of the type's name, the name, and
 * data as they would come from a client. Whatever it is: one value or one error
 * that is allowed, all limits kept, nothing left in the output by a failure.
 * What costs seconds by its nature (a large argon2) is not begun; jq's programs
 * are of a list, as others may by their nature end the process.
 */

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <msgpack.h>

#include "proto/code.h"
#include "proto/page.h"
#include "proto/scan.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/spare.h"
#include "worker/call.h"
#include "worker/registry.h"
#include "worker/watch.h"

#define RESULT_MAX ((size_t)4 << 20)
#define RAW 0xff /* the data follow as they are */
#define PATIENCE_US 200000 /* after it a task is asked to stop */

static struct page page;

/* The time is over: the task is asked to stop, if it is one that asks. */
static void
stop(int sig)
{
	(void)sig;
	page_cancel(&page, 1);
}

static void
start(void)
{
	const char *why;

	if (registry_init(&why) == -1)
		abort();
	signal(SIGALRM, stop);
}

/* Begins and ends the time that a task has. */
static void
set_patience(suseconds_t us)
{
	struct itimerval t = {.it_value = {0, us}};

	page_cancel(&page, 0);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* The types of use: all but those that crash, sleep and print. */
static const struct task_type *
type_at(uint8_t choice)
{
	const struct task_type *type;
	size_t n = 0;

	while ((type = registry_at(n)) != NULL && !(type->flags & TYPE_DEBUG))
		n++;
	assert(n > 0);
	return registry_at(choice % n);
}

/* The type that the input names, or NULL. */
static const struct task_type *
type_named(struct feed *f)
{
	size_t len = feed_byte(f);
	const char *name = (const char *)feed_bytes(f, &len);
	const struct task_type *type = registry_find(name, len);

	return type != NULL && (type->flags & TYPE_DEBUG) == 0 ? type : NULL;
}

/* What the scanner lets through to a worker. False: it would not. */
static bool
scan_value(const uint8_t *bytes, size_t len)
{
	static const uint8_t head[] = {0x94, 0, 1, 0xa3, 'a', ':', 'b', 0x91};
	struct limits limits = LIMITS_DEFAULT;
	uint8_t *whole = malloc(sizeof head + len);
	enum scan_status rc;
	struct scan s;
	struct frame f;

	assert(whole != NULL);
	memcpy(whole, head, sizeof head);
	memcpy(whole + sizeof head, bytes, len);
	scan_init(&s, &limits);
	rc = scan_feed(&s, whole, sizeof head + len);
	if (rc == SCAN_FRAME)
		scan_frame(&s, &f);
	free(whole);
	return rc == SCAN_FRAME && f.size == sizeof head + len;
}

/* The output holds what it did, and one value behind that. */
static void
check_result(const struct output *out)
{
	msgpack_unpacked u;
	size_t off = 1;

	assert(out->bytes[0] == 0xc3 && !out->failed);
	assert(out->len > 1 && out->len - 1 <= RESULT_MAX);
	msgpack_unpacked_init(&u);
	assert(msgpack_unpack_next(&u, (const char *)out->bytes, out->len,
		   &off) == MSGPACK_UNPACK_SUCCESS);
	assert(off == out->len);
	msgpack_unpacked_destroy(&u);
}

/* The error is one that a worker may give, and says something. */
static void
check_fault(const struct output *out, const struct fault *f)
{
	assert(out->len == 1 && out->bytes[0] == 0xc3 && !out->failed);
	assert(code_from_worker(f->code));
	assert(f->message[0] != '\0');
}

static void
run(const struct task_type *type, const msgpack_object *data)
{
	struct watch watch = {.page = &page, .number = 1, .attempt = 1};
	struct call call = {.files = NULL, .watch = &watch};
	struct output out;

	if (spare_is_costly(type, data))
		return;
	output_init(&out, SIZE_MAX);
	output_write(&out, "\xc3", 1);
	set_patience(PATIENCE_US);
	if (call_run(&call, type, data, &out, RESULT_MAX) == 0)
		check_result(&out);
	else
		check_fault(&out, &call.fault);
	set_patience(0);
	output_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static bool started;
	struct feed f = {bytes, len};
	const struct task_type *type;
	msgpack_sbuffer data;
	msgpack_packer pk;
	msgpack_unpacked u;
	uint8_t choice;
	size_t off = 0;

	if (!started)
		start();
	started = true;
	choice = feed_byte(&f);
	type = choice == RAW ? type_named(&f) : type_at(choice);
	if (type == NULL)
		return 0;
	msgpack_sbuffer_init(&data);
	msgpack_packer_init(&pk, &data, msgpack_sbuffer_write);
	if (choice != RAW)
		feed_pack_data(&f, type, &pk);
	else if (f.left > 0)
		msgpack_sbuffer_write(&data, (const char *)f.at, f.left);
	msgpack_unpacked_init(&u);
	if (data.size > 0 && scan_value((uint8_t *)data.data, data.size) &&
	    msgpack_unpack_next(&u, data.data, data.size, &off) ==
		MSGPACK_UNPACK_SUCCESS) {
		spare_replace(type, &u.data, choice);
		run(type, &u.data);
	}
	msgpack_unpacked_destroy(&u);
	msgpack_sbuffer_destroy(&data);
	return 0;
}

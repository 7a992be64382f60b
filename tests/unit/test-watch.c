/* What a task tells while it runs, and what it is told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>
#include <msgpack.h>

#include "worker/watch.h"

static struct page page;
static int peer; /* the other end of the watch's socket */

static struct watch
watch_new(void)
{
	struct watch w = {.page = &page, .number = 7, .progress = true};
	int ends[2];

	memset(&page, 0, sizeof page);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	w.sock = ends[0];
	w.msgid = 300;
	peer = ends[1];
	return w;
}

static void
watch_end(struct watch *w)
{
	close(w->sock);
	close(peer);
}

/* What has come, of which there must be as much; nothing: "". */
static void
expect(const char *bytes, size_t len)
{
	char got[512];
	ssize_t n = recv(peer, got, sizeof got, MSG_DONTWAIT);

	assert_int_equal(n == -1 ? 0 : n, len);
	assert_memory_equal(got, bytes, len);
}

#define EXPECT(literal) expect(literal, sizeof(literal) - 1)

/* A report is a notification; whole numbers are integers. */
static void
test_report(void **state)
{
	struct watch w = watch_new();

	watch_report(&w, 3, 10, "half\n");
	EXPECT("\x93\x02\xa8progress\x92\xcd\x01\x2c\x83\xa4"
	       "done\x03\xa5total\x0a\xa4note\xa5half\n");
	w.next_ns = 0;
	watch_report(&w, 0.5, -1, NULL);
	EXPECT("\x93\x02\xa8progress\x92\xcd\x01\x2c\x81\xa4"
	       "done\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00");
	watch_end(&w);
}

/* Within a twentieth of a second there is one. */
static void
test_not_too_often(void **state)
{
	struct watch w = watch_new();
	char got[64];

	watch_report(&w, 1, -1, NULL);
	assert_true(recv(peer, got, sizeof got, MSG_DONTWAIT) > 0);
	assert_true(w.next_ns != 0);
	w.next_ns = UINT64_MAX; /* it never comes */
	watch_report(&w, 2, -1, NULL);
	EXPECT("");
	watch_end(&w);
}

/* Nothing is sent that nobody wants, or that is no number. */
static void
test_nothing(void **state)
{
	struct watch w = watch_new();

	watch_report(&w, NAN, 1, NULL);
	watch_report(&w, INFINITY, 1, NULL);
	w.progress = false;
	watch_report(&w, 1, 1, NULL);
	EXPECT("");
	assert_int_equal(w.next_ns, 0);
	watch_end(&w);
}

/* A long note is cut, and what is no text in it is replaced. */
static void
test_note(void **state)
{
	struct watch w = watch_new();
	char note[400], got[512];
	ssize_t n;

	memset(note, 'x', sizeof note);
	note[0] = '\x01';
	note[sizeof note - 1] = '\0';
	watch_report(&w, 1, -1, note);
	n = recv(peer, got, sizeof got, MSG_DONTWAIT);
	assert_true(n > WATCH_NOTE);
	assert_memory_equal(got + n - (WATCH_NOTE - 1), "?x", 2);
	assert_int_equal(got[n - 1], 'x');
	watch_end(&w);
}

/* A peer that is gone does not end the process. */
static void
test_gone(void **state)
{
	struct watch w = watch_new();

	close(peer);
	watch_report(&w, 1, 2, "x");
	close(w.sock);
}

/* Exactly the task that is meant is asked to stop. */
static void
test_cancelled(void **state)
{
	struct watch w = watch_new();

	assert_false(watch_is_cancelled(&w));
	page_cancel(&page, 6);
	assert_false(watch_is_cancelled(&w));
	page_cancel(&page, 7);
	assert_true(watch_is_cancelled(&w));
	w.number = 8;
	assert_false(watch_is_cancelled(&w));
	watch_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_report),
	    cmocka_unit_test(test_not_too_often),
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_note),
	    cmocka_unit_test(test_gone),
	    cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

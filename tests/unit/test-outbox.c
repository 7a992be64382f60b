/* What an outbox refuses, and what it leaves as it was. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/outbox.h"

/* What of it comes at the other end of a socket, all of it sent. */
static void
assert_sends(struct outbox *q, const char *text)
{
	char got[64];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(outbox_send(q, fds[0]), OUTBOX_EMPTY);
	close(fds[0]);
	assert_int_equal(recv(fds[1], got, sizeof got, 0), strlen(text));
	assert_memory_equal(got, text, strlen(text));
	assert_int_equal(recv(fds[1], got, sizeof got, 0), 0);
	close(fds[1]);
}

/* Nothing is no piece: it could not be sent, and would be tried for ever. */
static void
test_nothing(void **state)
{
	struct outbox q;

	outbox_init(&q);
	assert_int_equal(outbox_copy(&q, "", 0), 0);
	assert_int_equal(q.n, 0);
	assert_int_equal(outbox_copy(&q, "some", 4), 0);
	assert_int_equal(outbox_copy(&q, "", 0), 0);
	assert_int_equal(q.bytes, 4);
	assert_sends(&q, "some");
	outbox_clear(&q);
}

/*
 * Behind half a message nothing follows, in whatever way; what was there is
 * sent.
 */
static void
test_failed(void **state)
{
	struct chunk *chunk = chunk_new(OUTBOX_REFERENCE);
	struct outbox q;

	assert_non_null(chunk);
	outbox_init(&q);
	assert_int_equal(outbox_copy(&q, "half", 4), 0);
	outbox_fail(&q);
	assert_int_equal(outbox_copy(&q, "more", 4), -1);
	assert_null(outbox_room(&q, 4));
	assert_int_equal(outbox_add(&q, chunk->bytes, OUTBOX_REFERENCE, chunk),
	    -1);
	assert_int_equal(chunk->refs, 1);
	assert_int_equal(q.bytes, 4);
	assert_sends(&q, "half");
	outbox_clear(&q);
	chunk_unref(chunk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_failed),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	chunk_clear();
	return rc;
}

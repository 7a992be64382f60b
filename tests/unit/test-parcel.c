/* Descriptors in libmoro's output: each goes with its request's first byte. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/parcel.h"

static int pair[2];
static struct parcels ps;

static int
setup(void **state)
{
	parcels_init(&ps);
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int
teardown(void **state)
{
	parcels_clear(&ps);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* A descriptor whose file holds one letter. */
static int
letter(char c)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fputc(c, f);
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

/* The letters of the descriptors that come with the next bytes. */
static void
expect(const char *bytes, const char *letters)
{
	char buf[64], c;
	int fds[FDPASS_MAX];
	size_t n;
	ssize_t got =
	    fdpass_receive(pair[1], buf, sizeof buf, fds, &n, MSG_DONTWAIT);

	assert_int_equal(got, strlen(bytes));
	assert_memory_equal(buf, bytes, strlen(bytes));
	assert_int_equal(n, strlen(letters));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(pread(fds[i], &c, 1, 0), 1);
		assert_int_equal(c, letters[i]);
		close(fds[i]);
	}
}

/* Three requests in one buffer, the second and the third with descriptors. */
static void
test_order(void **state)
{
	static const char out[] = "aaabbbccc";
	int fds[] = {letter('1'), letter('2'), letter('3')};
	size_t done = 0;

	assert_int_equal(parcels_add(&ps, 3, fds, 2), 0);
	assert_int_equal(parcels_add(&ps, 6, fds + 2, 1), 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]); /* its own duplicates are what is sent */
	while (done < 9) {
		ssize_t n = parcels_send(&ps, pair[0], out + done, 9 - done);

		assert_int_equal(n, 3);
		done += (size_t)n;
	}
	/* the kernel may glue bytes that come before descriptors to them */
	expect("aaabbb", "12");
	expect("ccc", "3");
	assert_true(TAILQ_EMPTY(&ps.list));
}

/* Positions count from what was sent, however it was cut. */
static void
test_positions(void **state)
{
	int fd = letter('x');

	assert_int_equal(parcels_send(&ps, pair[0], "abcde", 5), 5);
	assert_int_equal(parcels_add(&ps, 2, &fd, 1), 0);
	assert_int_equal(parcels_send(&ps, pair[0], "f", 1), 1);
	assert_int_equal(parcels_send(&ps, pair[0], "ghi", 3), 1);
	assert_int_equal(parcels_send(&ps, pair[0], "hi", 2), 2);
	expect("abcdefghi", "x");
	close(fd);
}

/* A descriptor that is none is refused, and nothing is left of the others. */
static void
test_bad(void **state)
{
	int fds[] = {letter('x'), -1};

	assert_int_equal(parcels_add(&ps, 0, fds, 2), -1);
	assert_true(TAILQ_EMPTY(&ps.list));
	close(fds[0]);
}

/* What was not sent is closed. */
static void
test_clear(void **state)
{
	int fd = dup(pair[0]), next;

	assert_int_equal(parcels_add(&ps, 0, &fd, 1), 0);
	next = TAILQ_FIRST(&ps.list)->fds[0];
	assert_int_equal(fcntl(next, F_GETFD), FD_CLOEXEC);
	parcels_clear(&ps);
	assert_int_equal(fcntl(next, F_GETFD), -1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_positions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clear, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Output to files where the file system knows no files without a name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/sink.h"

static bool refuses; /* files without a name */

/* The linker has calls of open() come here, under either of its names. */
int __real_open64(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

/* Refuses as vfat or an NFS server does. */
int
__wrap_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (refuses && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if ((flags & O_TMPFILE) == O_TMPFILE || (flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return __real_open64(path, flags, mode);
}

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_TMPFILE) == O_TMPFILE || (flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return __wrap_open64(path, flags, mode);
}

/* A folder, and a file in it that is to be written. */
struct place {
	char folder[32];
	char path[64];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	strcpy(p->folder, "/tmp/moro-unit-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof p->path, "%s/file", p->folder);
	refuses = true;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	/* nothing else is left there */
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

/* How many files there are. */
static int
files(const struct place *p)
{
	DIR *d = opendir(p->folder);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Whether a signal has to wait. */
static bool
held(int sig)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, sig) == 1;
}

/* While there is a file of another name, no signal ends the program. */
static void
test_held(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct place *p = *state;
	struct sink s;

	assert_int_equal(sink_open(&s, p->path), 0);
	assert_int_equal(files(p), 1);
	for (size_t i = 0; i < 3; i++)
		assert_true(held(signals[i]));
	sink_drop(&s);
	assert_int_equal(files(p), 0);
	for (size_t i = 0; i < 3; i++)
		assert_false(held(signals[i]));
}

/* What is kept has its name, and signals come again. */
static void
test_kept(void **state)
{
	struct place *p = *state;
	struct stat st;
	struct sink s;

	assert_int_equal(sink_open(&s, p->path), 0);
	assert_int_equal(write(s.fd, "x", 1), 1);
	assert_int_equal(sink_keep(&s), 0);
	assert_false(held(SIGINT));
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(files(p), 1);
	assert_int_equal(sink_write(p->path, "ab", 2, true), 0);
	assert_false(held(SIGINT));
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_size, 3);
}

/* A file without a name needs no such care while it is written. */
static void
test_nameless(void **state)
{
	struct place *p = *state;
	struct sink s;

	refuses = false;
	assert_int_equal(sink_open(&s, p->path), 0);
	assert_int_equal(files(p), 0);
	assert_false(held(SIGINT));
	assert_int_equal(sink_keep(&s), 0);
	assert_false(held(SIGINT));
	assert_int_equal(files(p), 1);
}

/* A secret's file is a new one, whatever was there; what a link names stays. */
static void
test_secret(void **state)
{
	struct place *p = *state;
	char other[sizeof p->path + 8];
	struct stat st;

	snprintf(other, sizeof other, "%s.other", p->path);
	for (int i = 0; i < 2; i++) {
		refuses = i == 0;
		assert_int_equal(sink_write(other, "old", 3, false), 0);
		assert_int_equal(chmod(other, 0666), 0);
		assert_int_equal(symlink(other, p->path), 0);
		assert_int_equal(sink_write_secret(p->path, "ab", 2, true), 0);
		assert_int_equal(lstat(p->path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_size, 3);
		assert_int_equal(chmod(p->path, 0666), 0);
		assert_int_equal(sink_write_secret(p->path, "c", 1, false), 0);
		assert_int_equal(lstat(p->path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_size, 1);
		assert_int_equal(stat(other, &st), 0);
		assert_int_equal(st.st_size, 3);
		assert_int_equal(files(p), 2);
		unlink(p->path);
	}
	unlink(other);
}

int
main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    WITH_PLACE(test_held),
	    WITH_PLACE(test_kept),
	    WITH_PLACE(test_nameless),
	    WITH_PLACE(test_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The line for a worker of which nothing is known but its death. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/log.h"
#include "server/obituary.h"

#define EXITED(code) ((code) << 8) /* as waitpid() gives it */

static char line[LOG_LINE_MAX];

/* Has the line written, and gives it. */
static const char *
bury(int status, uint64_t next)
{
	struct message m = {
	    .type = MSG_MASTER_REAPED,
	    .slot = 2,
	    .pid = 77,
	    .status = status,
	    .n = next,
	};
	int fd = memfd_create("log", MFD_CLOEXEC), real = dup(STDERR_FILENO);
	ssize_t n;

	dup2(fd, STDERR_FILENO);
	obituary_write_stranger(&m);
	dup2(real, STDERR_FILENO);
	n = pread(fd, line, sizeof line - 1, 0);
	line[n > 0 ? n : 0] = '\0';
	close(fd);
	close(real);
	return line;
}

static void
test_text(void **state)
{
	log_set_format(LOG_TEXT);
	assert_non_null(strstr(bury(SIGSEGV, 100),
	    "]: worker 3 (pid 77): killed by SIGSEGV; next one in 100 ms\n"));
	/* not all signals have names */
	assert_non_null(strstr(bury(40, 100),
	    "]: worker 3 (pid 77): killed by signal 40; next one in 100 ms\n"));
	assert_non_null(strstr(bury(EXITED(3), 0),
	    "]: worker 3 (pid 77): exited with status 3; next one in 0 ms\n"));
	assert_non_null(strstr(bury(EXITED(100), CHANNEL_NO_NEXT),
	    "]: worker 3 (pid 77): exited with status 100\n"));
}

static void
test_json(void **state)
{
	log_set_format(LOG_JSON);
	assert_non_null(strstr(bury(SIGKILL, 0),
	    "\"slot\":3,\"workerPid\":77,\"signal\":\"SIGKILL\"}\n"));
	assert_non_null(strstr(bury(EXITED(3), 0),
	    "\"slot\":3,\"workerPid\":77,\"exitCode\":3}\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

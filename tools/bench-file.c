#include "tools/bench-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-spawn.h"
#include "tools/bench-text.h"

#define FILE_SIZE ((size_t)256 << 20)
#define FILE_PIECE ((size_t)1 << 20) /* written at a time */
#define FILE_MODE 0600
#define FILE_LOOK_NS (5 * CLOCK_NS_PER_MS) /* between looks at the memory */
#define FILE_KIB 1024.0
#define FILE_LINE 200 /* bytes of moroctl's complaint */

/* The paths, and the figures, one of each a round. */
struct file {
	const char *input, *output, *log;
	struct samples morod_s, zstd_s, growth_kib;
};

/* Writes the file that is compressed. */
static void
file_make(const char *path)
{
	int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	char *piece = spawn_alloc(FILE_PIECE);
	uint64_t state = 0;

	for (size_t at = 0; fd >= 0 && at < FILE_SIZE; at += FILE_PIECE) {
		text_fill(piece, FILE_PIECE, &state);
		if (write(fd, piece, FILE_PIECE) != (ssize_t)FILE_PIECE) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		cleanup_die("cannot write %s: %s", path, strerror(errno));
	close(fd);
	free(piece);
}

/* The command; gives its time in s, or a negative number: it failed. */
static double
file_zstd(const struct file *f)
{
	const char *const argv[] = {"zstd", "-q", "-3", "--single-thread", "-c",
	    f->input, NULL};
	uint64_t begin;
	int status;

	unlink(f->output); /* cutting an old one takes time */
	begin = clock_ns();
	status = spawn_wait(spawn_run(argv, f->output));

	if (status != 0)
		return -1;
	return (double)(clock_ns() - begin) / CLOCK_NS_PER_S;
}

/* Waits for moroctl, and gives the most memory of the dispatcher meanwhile. */
static double
file_watch(const struct server *s, pid_t pid, int *status)
{
	double most = 0, now;

	while (waitpid(pid, status, WNOHANG) == 0) {
		clock_sleep(FILE_LOOK_NS);
		now = server_memory(s);
		most = now > most ? now : most;
	}
	cleanup_forget(pid);
	return most;
}

/* morod; false: it cannot. */
static bool
file_morod(const struct bench *b, struct file *f)
{
	char program[SPAWN_PATH];
	struct server server;
	const char *const argv[] = {spawn_sibling(program, "moroctl",
					"moroctl"),
	    "--socket", server.socket, "compress", "--format", "zstd",
	    "--level", "3", "--input", f->input, "--output", f->output, NULL};
	uint64_t begin;
	double before, most;
	int status = -1;

	bench_server(b, &server, NULL);
	before = server_memory(&server);
	unlink(f->output);
	begin = clock_ns();
	most = file_watch(&server, spawn_run(argv, f->log), &status);
	begin = clock_ns() - begin;
	server_stop(&server);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return false;
	samples_add(&f->morod_s, (double)begin / CLOCK_NS_PER_S);
	samples_add(&f->growth_kib, (most - before) / FILE_KIB);
	return true;
}

/* Says why moroctl could not. */
static void
file_complain(const struct file *f)
{
	char line[FILE_LINE] = "";
	FILE *log = fopen(f->log, "re");

	if (log != NULL) {
		if (fgets(line, sizeof line, log) == NULL)
			line[0] = '\0';
		fclose(log);
	}
	line[strcspn(line, "\n")] = '\0';
	fprintf(stderr,
	    "moro-bench: file: moroctl compress failed (%s), "
	    "skipping\n",
	    line);
}

/* All rounds; false: one of the two cannot do it. */
static bool
file_rounds(const struct bench *b, struct file *f)
{
	for (int i = 0; i < b->rounds; i++) {
		double s = file_zstd(f);

		if (s < 0) {
			fprintf(stderr, "moro-bench: file: the command zstd "
					"failed, skipping\n");
			return false;
		}
		samples_add(&f->zstd_s, s);
		if (!file_morod(b, f)) {
			file_complain(f);
			return false;
		}
	}
	return true;
}

/* Reports what was measured; the rows take the figures. */
static void
file_report(struct bench *b, struct file *f)
{
	struct row *row = report_begin(&b->report, "file.ratio", UNIT_S, true,
	    "zstd -3 --single-thread");

	row->morod = f->morod_s;
	row->reference = f->zstd_s;
	report_note(row, "the reference is the command zstd -3 "
			 "--single-thread -c");
	report_end(&b->report, row);
	row = report_begin(&b->report, "file.dispatcher_growth_kib", UNIT_KIB,
	    false, NULL);
	row->morod = f->growth_kib;
	report_end(&b->report, row);
}

void
file_run(struct bench *b)
{
	struct file f = {.input = cleanup_file("input"),
	    .output = cleanup_file("output"),
	    .log = cleanup_file("moroctl.log")};

	report_title(&b->report,
	    "file: 256 MiB through moroctl compress, level 3");
	file_make(f.input);
	if (file_rounds(b, &f)) {
		file_report(b, &f);
	} else {
		samples_clear(&f.morod_s);
		samples_clear(&f.zstd_s);
		samples_clear(&f.growth_kib);
	}
	unlink(f.input);
	unlink(f.output);
}

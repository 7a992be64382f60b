/* moroctl map: a task for each line, several at a time, answers in order. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msgpack.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/interrupt.h"
#include "tools/lines.h"
#include "tools/meter.h"
#include "tools/moroctl.h"
#include "tools/sink.h"

#define MAP_PARALLEL 64 /* tasks under way, if --parallel does not say */
#define MAP_PARALLEL_MAX 4096
#define MAP_FLAW (CONVERT_ERROR + 64) /* bytes of what is wrong with a line */

/* One task under way. */
struct map_task {
	uint64_t number; /* of its request */
	uint64_t read; /* bytes of input, this line's included */
};

struct map {
	struct ctl *c;
	struct moro *m;
	struct lines in;
	FILE *out;
	struct sink sink; /* where out writes */
	msgpack_unpacked fixed; /* the fields that all tasks have */
	const char *field; /* that the line is; NULL: it is the data */
	msgpack_sbuffer data; /* of the task that is made */
	uint64_t read; /* bytes of lines that were taken */
	uint64_t line; /* of the input, from 1 */
	uint64_t failed; /* tasks */
	bool ended; /* no more lines are taken: it was the last, or see flaw */
	enum moro_code flaw_code; /* MORO_OK: the input is wrong */
	char flaw[MAP_FLAW]; /* what is said of it at the end, or "" */
	uint32_t first, n, parallel; /* a ring of tasks, oldest first */
	struct map_task tasks[MAP_PARALLEL_MAX];
};

/* Reads --parallel. */
static int
map_read_parallel(struct map *map)
{
	const char *text = map->c->values[CTL_PARALLEL];
	uint64_t n = MAP_PARALLEL;

	if (text != NULL && units_number(text, 1, MAP_PARALLEL_MAX, &n) != 0)
		return complain_usage("--parallel takes a number from 1 to %d, "
				      "not %s",
		    MAP_PARALLEL_MAX, text);
	map->parallel = (uint32_t)n;
	return EXIT_DONE;
}

/* Reads the fields that all tasks have. */
static int
map_read_fixed(struct map *map)
{
	const struct ctl *c = map->c;
	const char *text = c->n_args > 1 ? c->args[1] : "{}";
	char error[CONVERT_ERROR];
	msgpack_sbuffer bytes;
	msgpack_packer pk;
	size_t off = 0;
	int rc = EXIT_DONE;

	if (c->n_args > 1 && map->field == NULL)
		return complain_usage("fields for all tasks go with --field");
	msgpack_sbuffer_init(&bytes);
	msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
	if (convert_from_json(text, strlen(text), &pk, error) == -1)
		rc = complain_usage("the fields are %s", error);
	else if (msgpack_unpack_next(&map->fixed, bytes.data, bytes.size,
		     &off) != MSGPACK_UNPACK_SUCCESS ||
		 map->fixed.data.type != MSGPACK_OBJECT_MAP)
		rc = complain_usage("the fields take a JSON object");
	/* strings of it stand in there */
	if (rc == EXIT_DONE)
		msgpack_zone_push_finalizer(map->fixed.zone, free, bytes.data);
	else
		msgpack_sbuffer_destroy(&bytes);
	return rc;
}

/* Whether the answers go to a file. */
static bool
map_has_file(const struct map *map)
{
	const char *path = map->c->values[CTL_OUTPUT];

	return path != NULL && strcmp(path, "-") != 0;
}

/* Says that an answer could not be written. */
static int
map_output_failed(const struct map *map)
{
	return complain_output(ctl_output_name(map->c), errno);
}

/* Opens input and output. */
static int
map_open(struct map *map)
{
	const char *path = map->c->values[CTL_INPUT];
	int fd = STDIN_FILENO;

	if (path != NULL && strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return complain_usage("%s: %s", path, strerror(errno));
	lines_init(&map->in, fd, ctl_input_max(map->c));
	/* what goes to standard output is to be seen as it comes */
	if (!map_has_file(map))
		map->out = fdopen(dup(STDOUT_FILENO), "w");
	else if (sink_open(&map->sink, map->c->values[CTL_OUTPUT]) == EXIT_DONE)
		map->out = fdopen(dup(map->sink.fd), "w");
	else
		return EXIT_FAILED;
	return map->out != NULL ? EXIT_DONE : map_output_failed(map);
}

/* Has progress drawn: bytes of a file's, or else lines. */
static void
map_begin_meter(const struct map *map)
{
	struct stat st;

	if (fstat(map->in.fd, &st) == 0 && S_ISREG(st.st_mode))
		meter_begin(true, (double)st.st_size, METER_AT_ONCE);
	else
		meter_begin(true, METER_UNKNOWN, METER_AT_ONCE);
}

/*
 * Takes no more lines, and keeps why for the end: what is under way by then is
 * finished and printed, for its lines were right.
 */
static void __attribute__((format(printf, 3, 4)))
map_stop(struct map *map, enum moro_code code, const char *format, ...)
{
	va_list ap;

	map->ended = true;
	map->flaw_code = code;
	va_start(ap, format);
	vsnprintf(map->flaw, sizeof map->flaw, format, ap);
	va_end(ap);
}

/* Says why no more lines were taken, if it was not their end. */
static int
map_flaw(const struct map *map)
{
	if (map->flaw[0] == '\0')
		return EXIT_DONE;
	if (map->flaw_code == MORO_OK)
		return complain_usage("%s", map->flaw);
	return ctl_fail(map->c, map->flaw_code, map->flaw);
}

/* Packs a line as the field that it is, behind those that all have. */
static void
map_pack_field(struct map *map, msgpack_packer *pk, const char *line,
    size_t len)
{
	const msgpack_object_map *fixed = &map->fixed.data.via.map;

	msgpack_pack_map(pk, fixed->size + 1u);
	for (uint32_t i = 0; i < fixed->size; i++) {
		msgpack_pack_object(pk, fixed->ptr[i].key);
		msgpack_pack_object(pk, fixed->ptr[i].val);
	}
	msgpack_pack_str_with_body(pk, map->field, strlen(map->field));
	msgpack_pack_str_with_body(pk, line, len);
}

/* Makes a task's data of a line; false: it cannot be. */
static bool
map_pack(struct map *map, const char *line, size_t len)
{
	char error[CONVERT_ERROR];
	msgpack_packer pk;

	msgpack_sbuffer_clear(&map->data);
	msgpack_packer_init(&pk, &map->data, msgpack_sbuffer_write);
	if (map->field != NULL) {
		map_pack_field(map, &pk, line, len);
		return true;
	}
	if (convert_from_json(line, len, &pk, error) == 0)
		return true;
	map_stop(map, MORO_OK, "line %llu is %s", (unsigned long long)map->line,
	    error);
	return false;
}

/* Runs a task for a line. */
static void
map_submit(struct map *map, const char *line, size_t len)
{
	uint32_t at = (map->first + map->n) % map->parallel;
	struct map_task *t = &map->tasks[at];

	map->line++;
	map->read += len + 1;
	if (!map_pack(map, line, len))
		return;
	t->read = map->read;
	t->number = moro_submit(map->m, map->c->args[0], map->data.data,
	    map->data.size, map->c->options, NULL, NULL);
	if (t->number == 0)
		map_stop(map, moro_error(map->m), "line %llu: %s",
		    (unsigned long long)map->line, moro_errstr(map->m));
	else
		map->n++;
}

/* Runs tasks for the lines that are there, as many as may be under way. */
static void
map_fill(struct map *map)
{
	const char *line;
	size_t len;

	while (!map->ended && map->n < map->parallel) {
		switch (lines_next(&map->in, &line, &len)) {
		case LINES_NONE:
			return;
		case LINES_END:
			map->ended = true;
			return;
		case LINES_LONG:
			map_stop(map, MORO_OK,
			    "line %llu has over %zu bytes, which the server "
			    "does not take",
			    (unsigned long long)map->line + 1, map->in.max);
			return;
		case LINES_ONE:
			map_submit(map, line, len);
		}
	}
}

/* Prints an answer on its line. */
static int
map_print(struct map *map, struct moro_reply *r)
{
	char error[CONVERT_ERROR] = "out of memory";
	size_t len;
	const char *text = moro_reply_text(r, &len);

	if (!moro_reply_ok(r)) {
		map->failed++;
		ctl_print_error(map->out, r);
	} else if (text != NULL && ctl_has(map->c, CTL_RAW)) {
		fwrite(text, 1, len, map->out);
	} else if (convert_to_json(map->out, moro_reply_object(r), error) ==
		   -1) {
		complain("OUTPUT", "%s", error);
		return EXIT_FAILED;
	}
	fputc('\n', map->out);
	return EXIT_DONE;
}

/* Whether the connection is of no use any more. */
static bool
map_is_lost(enum moro_code code)
{
	return code == MORO_LOST || code == MORO_GARBLED ||
	       code == MORO_CLOSED || code == MORO_NO_SERVER ||
	       code == MORO_SYSTEM;
}

/* Takes the answers that have come, up to the first that has not. */
static int
map_take(struct map *map)
{
	int rc = EXIT_DONE;

	while (rc == EXIT_DONE && map->n > 0) {
		struct map_task *t = &map->tasks[map->first];
		struct moro_reply *r = moro_wait(map->m, t->number, 0);

		if (r == NULL && moro_error(map->m) == MORO_WAIT_LIMIT)
			break;
		if (map_is_lost(moro_reply_code(r))) {
			rc = ctl_take(map->c, &r, r); /* which frees it */
		} else {
			rc = map_print(map, r);
			moro_reply_free(r);
		}
		meter_set((double)t->read);
		map->first = (map->first + 1) % map->parallel;
		map->n--;
	}
	if (rc == EXIT_DONE && (fflush(map->out) != 0 || ferror(map->out)))
		rc = map_output_failed(map);
	return rc;
}

/* Sleeps until there is something to read, to write or to draw. */
static void
map_sleep(struct map *map)
{
	struct pollfd p[2] = {{.fd = moro_fd(map->m)}, {.fd = map->in.fd}};
	int events = moro_events(map->m);

	p[0].events = (short)((events & MORO_READ ? POLLIN : 0) |
			      (events & MORO_WRITE ? POLLOUT : 0));
	if (map->n == map->parallel || map->in.ended || map->ended)
		p[1].fd = -1; /* no more is wanted for now */
	p[1].events = POLLIN;
	if (interrupt_poll(p, 2, ctl_due(map->c)) > 0 && p[1].revents != 0 &&
	    lines_read(&map->in) == -1)
		map_stop(map, MORO_OK, "the input cannot be read: %s",
		    strerror(errno));
	meter_tick();
}

/* Reads, runs and prints until nothing is left. */
static int
map_loop(struct map *map)
{
	int rc;

	for (;;) {
		map_fill(map);
		rc = map_take(map);
		if (rc != EXIT_DONE)
			return rc;
		if (map->ended && map->n == 0)
			return map_flaw(map);
		/* what was taken made room for lines that are there */
		if (!map->ended && map->n < map->parallel &&
		    map->in.looked < map->in.end - map->in.start)
			continue;
		if (interrupt_count() > 0) {
			map->c->killed_by = interrupt_signal();
			return ctl_fail(map->c, MORO_CANCELLED,
			    "interrupted; the connection ends, and the tasks "
			    "with it");
		}
		map_sleep(map);
	}
}

/* Keeps the output, and tells how many tasks failed. */
static int
map_end(struct map *map, int rc)
{
	if (map->out != NULL && fclose(map->out) != 0 && rc == EXIT_DONE)
		rc = map_output_failed(map);
	/* lines that were failed tasks' are output like others */
	if (map->sink.fd != -1 && rc == EXIT_DONE)
		rc = sink_keep(&map->sink);
	else if (map->sink.fd != -1)
		sink_drop(&map->sink);
	if (rc != EXIT_DONE || map->failed == 0)
		return rc;
	complain("WORKER_ERROR", "%llu of %llu tasks failed",
	    (unsigned long long)map->failed, (unsigned long long)map->line);
	return EXIT_FAILED;
}

static void
map_clear(struct map *map)
{
	if (map->in.fd > STDIN_FILENO)
		close(map->in.fd);
	lines_clear(&map->in);
	msgpack_sbuffer_destroy(&map->data);
	msgpack_unpacked_destroy(&map->fixed);
	free(map);
}

/* Does it, once all that was given is read. */
static int
map_run(struct map *map)
{
	int rc = map_open(map);

	if (rc == EXIT_DONE) {
		map_begin_meter(map);
		interrupt_begin();
		rc = map_loop(map);
		interrupt_end();
		meter_end();
	}
	return map_end(map, rc);
}

int
ctl_map(struct ctl *c)
{
	struct map *map;
	int rc;

	rc = ctl_check_type(c, "map");
	if (rc != EXIT_DONE)
		return rc;
	map = calloc(1, sizeof *map);
	if (map == NULL)
		return ctl_fail(c, MORO_NO_MEMORY, "out of memory");
	map->c = c;
	map->sink.fd = map->in.fd = -1;
	map->field = c->values[CTL_FIELD];
	/* a line that finds the queue full is no failure: it has time */
	if (!ctl_has(c, CTL_ON_FULL))
		moro_options_set_wait_when_full(c->options, 1);
	msgpack_sbuffer_init(&map->data);
	msgpack_unpacked_init(&map->fixed);
	rc = map_read_parallel(map);
	if (rc == EXIT_DONE)
		rc = map_read_fixed(map);
	if (rc == EXIT_DONE) {
		map->m = ctl_moro(c);
		if (moro_connected(map->m))
			rc = map_run(map);
		else
			rc = ctl_call(c, c->args[0], NULL, 0, NULL);
	}
	map_clear(map);
	return rc;
}

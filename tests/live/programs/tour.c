/* Everything libmoro offers, on a real morod whose socket is argv[1]. */

#undef NDEBUG
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <msgpack.h>

#include <moro.h>

#define SECRET "a secret of more than thirty-two characters"
#define MANY 200

/* Prints why a reply is not what was wanted, and ends. */
static void
check(struct moro_reply *r)
{
	if (moro_reply_ok(r))
		return;
	fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
	    moro_reply_message(r));
	exit(1);
}

/* Checks that there is a result of whatever kind, and frees it. */
static void
check_free(struct moro_reply *r)
{
	check(r);
	moro_reply_free(r);
}

/* Checks that the reply is this text, and frees it. */
static void
check_text(struct moro_reply *r, const char *text)
{
	check(r);
	assert(moro_reply_text(r, NULL) != NULL);
	assert(strcmp(moro_reply_text(r, NULL), text) == 0);
	moro_reply_free(r);
}

/* Checks that the reply is this error, and frees it. */
static void
check_code(struct moro_reply *r, enum moro_code code)
{
	assert(moro_reply_code(r) == code);
	assert(moro_reply_message(r)[0] != '\0');
	moro_reply_free(r);
}

static void
tour_control(struct moro *m)
{
	struct moro_reply *r;
	int64_t n = -1;

	check_text(moro_ping(m), "pong");
	r = moro_stats(m);
	check(r);
	assert(moro_reply_number(r, "workers", &n) == 0 && n == 2);
	assert(!moro_reply_true(r, "isShuttingDown"));
	moro_reply_free(r);
	r = moro_types(m, NULL);
	check(r);
	assert(moro_reply_object(r)->type == MSGPACK_OBJECT_ARRAY);
	assert(moro_reply_object(r)->via.array.size > 5);
	moro_reply_free(r);
	r = moro_types(m, "crypto:hash");
	check(r);
	assert(moro_reply_object(r)->via.array.size == 1);
	moro_reply_free(r);
	check_code(moro_types(m, "no:such"), MORO_UNKNOWN_TASK);
	assert(strcmp(moro_server_version(m), moro_version()) == 0);
	assert(moro_server_limit(m, "maxFrame") > 0);
}

static void
tour_crypto(struct moro *m)
{
	static const char key[32] = "\0binary key of thirty-two bytes";
	struct moro_reply *r, *back;
	const char *envelope;
	size_t len;

	check_text(moro_hash_data(m, "abc", 3, "md5", NULL),
	    "900150983cd24fb0d6963f7d28e17f72");
	check_text(moro_hash_data(m, "abc", MORO_TEXT, NULL, NULL),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_code(moro_hash_data(m, "abc", 3, "sha0", NULL),
	    MORO_INVALID_ARGUMENT);
	r = moro_encrypt_data(m, "a\0b", 3, key, sizeof key, NULL);
	check(r);
	envelope = moro_reply_text(r, NULL);
	back = moro_decrypt_data(m, envelope, MORO_TEXT, key, sizeof key, NULL);
	check(back);
	assert(memcmp(moro_reply_text(back, &len), "a\0b", 4) == 0);
	assert(len == 3);
	moro_reply_free(back);
	back =
	    moro_decrypt_data(m, envelope, MORO_TEXT, SECRET, MORO_TEXT, NULL);
	check_code(back, MORO_WORKER_ERROR);
	moro_reply_free(r);
}

static void
tour_jwt(struct moro *m)
{
	struct moro_map *payload = moro_map_new(), *jwt = moro_map_new();
	struct moro_reply *r, *verdict;
	const char *token;
	int64_t n;
	double x;
	size_t len;

	moro_map_number(payload, "userId", 7);
	moro_map_text(jwt, "expiresIn", "7d");
	moro_map_text(jwt, "issuer", "me");
	r = moro_sign_jwt(m, moro_map_data(payload), moro_map_size(payload),
	    SECRET, MORO_TEXT, jwt, NULL);
	check(r);
	token = moro_reply_text(r, NULL);
	verdict = moro_verify_jwt(m, token, SECRET, MORO_TEXT, NULL, NULL);
	check(verdict);
	assert(moro_reply_true(verdict, "valid"));
	assert(moro_reply_field(verdict, "payload", NULL) != NULL);
	assert(moro_reply_number(verdict, "payload.userId", &n) == 0 && n == 7);
	assert(moro_reply_real(verdict, "payload.userId", &x) == 0 && x == 7);
	assert(moro_reply_string(verdict, "payload.iss", &len) != NULL);
	assert(len == 2);
	assert(moro_reply_string(verdict, "payload.userId", NULL) == NULL);
	assert(moro_reply_string(verdict, "payload.iss.x", NULL) == NULL);
	assert(moro_reply_real(verdict, "payload", &x) == -1);
	moro_reply_free(verdict);
	verdict = moro_verify_jwt(m, token, "x", MORO_TEXT, NULL, NULL);
	check(verdict);
	assert(!moro_reply_true(verdict, "valid"));
	moro_reply_free(verdict);
	moro_reply_free(r);
	moro_map_free(payload);
	moro_map_free(jwt);
}

static void
tour_data(struct moro *m)
{
	static const char *const formats[] = {NULL, "zstd", "gzip"};
	size_t size = (size_t)3 << 20, len, out;
	char *data = calloc(1, size);

	memset(data, 'x', size / 2);
	for (size_t i = 0; i < 3; i++) {
		struct moro_reply *r = moro_compress_data(m, data, size,
		    formats[i], MORO_LEVEL_DEFAULT, NULL);
		struct moro_reply *back;
		const char *packed;

		check(r);
		packed = moro_reply_text(r, &len);
		assert(len < size / 2);
		back = moro_decompress_data(m, packed, len, NULL, 0, NULL);
		check(back);
		assert(memcmp(moro_reply_text(back, &out), data, size) == 0);
		assert(out == size);
		moro_reply_free(back);
		back = moro_decompress_data(m, packed, len, formats[i],
		    size - 1, NULL);
		assert(!moro_reply_ok(back));
		moro_reply_free(back);
		moro_reply_free(r);
	}
	check_code(moro_compress_data(m, "x", 1, "gzip", 99, NULL),
	    MORO_INVALID_ARGUMENT);
	free(data);
}

/* A file in memory with text that compresses well. */
static int
make_file(size_t lines)
{
	int fd = memfd_create("tour", MFD_CLOEXEC);

	assert(fd != -1);
	while (lines-- > 0)
		assert(write(fd, "a line of a file\n", 17) == 17);
	return fd;
}

static void
tour_files(struct moro *m)
{
	int fd = make_file(50000), packed = make_file(0), back = make_file(1);
	struct moro_options *o = moro_options_new();
	struct moro_map *data = moro_map_new();
	uint64_t offset = 1, len = 0;
	int index = -1, pipes[2];
	struct moro_reply *r;

	assert(moro_server_has(m, "fd") && !moro_server_has(m, "f"));
	check_text(moro_hash_file(m, make_file(0), NULL, NULL),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	r = moro_compress_file(m, fd, packed, NULL, 5, NULL);
	check(r);
	assert(moro_reply_file(r, &index, &offset, &len) == 0);
	assert(index == 1 && offset == 0);
	assert(lseek(packed, 0, SEEK_END) == (off_t)len);
	assert(moro_reply_text(r, NULL) == NULL);
	moro_reply_free(r);
	r = moro_decompress_file(m, packed, back, "zstd", 0, NULL);
	check(r);
	assert(lseek(back, 0, SEEK_END) == 50000 * 17);
	moro_reply_free(r);
	r = moro_decompress_file(m, packed, -1, NULL, 50000 * 17, NULL);
	check(r);
	assert(moro_reply_file(r, &index, &offset, &len) == -1);
	moro_reply_free(r);

	/* a line of the file, by hand, and the descriptor closed at once */
	index = moro_options_add_file(o, fd);
	assert(index == 0);
	moro_map_file(data, "input", index, 17, 17);
	assert(moro_submit(m, "data:compress", moro_map_data(data),
		   moro_map_size(data), o, NULL, NULL) != 0);
	close(fd);
	r = moro_wait_any(m, NULL, MORO_WAIT_DEFAULT);
	check(r);
	moro_reply_free(r);

	assert(pipe(pipes) == 0);
	check_code(moro_hash_file(m, pipes[0], NULL, NULL),
	    MORO_INVALID_ARGUMENT);
	check_code(moro_hash_file(m, fd, NULL, NULL), MORO_INVALID_ARGUMENT);
	assert(moro_options_add_file(o, -1) == -1);
	for (int i = 1; i < 8; i++)
		assert(moro_options_add_file(o, pipes[1]) == i);
	assert(moro_options_set_result_file(o, pipes[1]) == -1);
	check_code(moro_hash_file(m, back, NULL, o), MORO_INVALID_ARGUMENT);
	moro_options_clear_files(o);
	r = moro_hash_file(m, back, NULL, o);
	check(r);
	moro_reply_free(r);
	assert(moro_options_add_file(o, back) == 0);
	moro_map_file(data, "x", 8, 0, 0);
	assert(moro_map_data(data) == NULL);
	moro_map_free(data);
	moro_options_free(o);
	close(pipes[0]);
	close(pipes[1]);
	close(packed);
	close(back);
}

/* Counts answers that are as many as the number they carry says. */
static void
count_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	int64_t n = 0;

	(void)m;
	check(reply);
	assert(moro_reply_number(reply, NULL, &n) == 0);
	*(int64_t *)user += n;
	moro_reply_free(reply);
}

static void
tour_async(struct moro *m)
{
	int64_t sum = 0, kept = 0, n;
	struct moro_reply *r;

	for (int i = 0; i < MANY; i++) {
		unsigned char data = (unsigned char)(i % 100);

		assert(moro_submit(m, "debug:echo", &data, 1, NULL, count_cb,
			   &sum) != 0);
		assert(moro_submit(m, "debug:echo", &data, 1, NULL, NULL,
			   NULL) != 0);
	}
	for (int i = 0; i < MANY; i++) {
		r = moro_wait_any(m, NULL, MORO_WAIT_DEFAULT);
		check(r);
		assert(moro_reply_number(r, NULL, &n) == 0);
		kept += n;
		moro_reply_free(r);
	}
	while (moro_outstanding(m) > 0)
		check_text(moro_ping(m), "pong");
	assert(sum == 2 * 4950 && kept == sum);
}

static void
tour_options(struct moro *m)
{
	struct moro_options *o = moro_options_new();
	struct moro_map *data = moro_map_new();
	struct moro_reply *r;
	const struct msgpack_object *object;

	moro_map_number(data, "ms", 60000);
	moro_options_set_timeout(o, 30);
	moro_options_set_priority(o, MORO_PRIORITY_HIGH);
	moro_options_set_id(o, "mine");
	r = moro_call(m, "debug:sleep", moro_map_data(data),
	    moro_map_size(data), o);
	assert(moro_reply_retryable(r));
	assert(strstr(moro_reply_message(r), "timeout") != NULL);
	check_code(r, MORO_TIMEOUT);
	r = moro_execute_task(m, "id", "debug:sleep", moro_map_data(data),
	    moro_map_size(data), MORO_PRIORITY_LOW, 30);
	check_code(r, MORO_TIMEOUT);
	moro_map_free(data);
	data = moro_map_new();
	moro_map_text(data, "signal", "SIGKILL");
	r = moro_call(m, "debug:crash", moro_map_data(data),
	    moro_map_size(data), NULL);
	assert(strcmp(moro_reply_reason(r), "crashed") == 0);
	check_code(r, MORO_WORKER_ERROR);
	r = moro_stats(m);
	object = moro_reply_object(r);
	check_code(moro_call_object(m, "nosuch", object, NULL),
	    MORO_UNKNOWN_METHOD);
	moro_reply_free(r);
	moro_map_free(data);
	moro_options_free(o);
}

/* Waits for an answer that is of no interest. */
static void
check_nothing(struct moro *m, uint64_t number)
{
	check_free(moro_wait(m, number, MORO_WAIT_DEFAULT));
}

/* Submits a debug task with one number in its data. */
static uint64_t
submit_one(struct moro *m, const char *type, int64_t ms,
    const struct moro_options *o)
{
	struct moro_map *data = moro_map_new();
	uint64_t number;

	moro_map_number(data, "ms", ms);
	number = moro_submit(m, type, moro_map_data(data), moro_map_size(data),
	    o, NULL, NULL);
	assert(number != 0);
	moro_map_free(data);
	return number;
}

/* Whether a cancel has found this state. */
static int
is_state(const struct moro_reply *r, const char *state)
{
	size_t len;
	const char *field = moro_reply_field(r, "state", &len);

	assert(field != NULL);
	return len == strlen(state) + 1 &&
	       memcmp(field + 1, state, len - 1) == 0;
}

/* Checks what a cancel has found, and frees the reply; NULL: unfinished. */
static void
check_state(struct moro_reply *r, const char *state)
{
	check(r);
	if (state != NULL)
		assert(is_state(r, state));
	else
		assert(is_state(r, "queued") || is_state(r, "running"));
	moro_reply_free(r);
}

/* Checks that a request was cancelled. */
static void
check_cancelled(struct moro *m, uint64_t number)
{
	struct moro_reply *r = moro_wait(m, number, MORO_WAIT_DEFAULT);

	assert(strcmp(moro_reply_reason(r), "client") == 0);
	check_code(r, MORO_CANCELLED);
}

static void
tour_cancel(struct moro *m)
{
	struct moro_options *o = moro_options_new();
	uint64_t first = submit_one(m, "debug:sleep", 60000, NULL), number;

	moro_options_set_id(o, "second");
	number = submit_one(m, "debug:sleep", 60000, o);
	check_state(moro_cancel_id(m, "second"), NULL);
	check_cancelled(m, number);
	check_state(moro_cancel(m, number), "done");
	assert(moro_cancel_soon(m, first) == 0);
	check_cancelled(m, first);
	check_code(moro_cancel(m, 0), MORO_NOT_FOUND);
	check_state(moro_cancel_other(m, 999999, 1), "unknown");
	moro_options_free(o);
}

/* Notes the last progress, which only grows. */
static void
progress_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	double *last = user;

	(void)m;
	(void)note;
	assert(number != 0 && done >= *last && total == 100);
	*last = done;
}

static void
tour_progress(struct moro *m)
{
	struct moro_options *o = moro_options_new();
	double last = 0;

	moro_on_progress(m, progress_cb, &last);
	check_nothing(m, submit_one(m, "debug:work", 300, o));
	assert(last == 0);
	moro_options_set_progress(o, 1);
	check_nothing(m, submit_one(m, "debug:work", 300, o));
	assert(last > 0 && last <= 100);
	moro_on_progress(m, NULL, NULL);
	moro_options_free(o);
}

static void
tour_passwords(struct moro *m)
{
	struct moro_map *cost = moro_map_new();
	struct moro_reply *r, *verdict;
	size_t len;

	moro_map_number(cost, "memory", 8 << 20);
	moro_map_number(cost, "iterations", 1);
	r = moro_hash_password(m, "secret", MORO_TEXT, cost, NULL);
	check(r);
	verdict = moro_verify_password(m, "secret", 6, moro_reply_text(r, NULL),
	    NULL, NULL);
	assert(moro_reply_true(verdict, "valid"));
	assert(moro_reply_true(verdict, "needsRehash"));
	moro_reply_free(verdict);
	verdict = moro_verify_password(m, "Secret", MORO_TEXT,
	    moro_reply_text(r, NULL), cost, NULL);
	check(verdict);
	assert(!moro_reply_true(verdict, "valid"));
	moro_reply_free(verdict);
	moro_reply_free(r);
	moro_map_free(cost);
	check_code(moro_verify_password(m, "secret", 6, NULL, NULL, NULL),
	    MORO_INVALID_ARGUMENT);
	check_code(moro_verify_jwt(m, NULL, "secret", 6, NULL, NULL),
	    MORO_INVALID_ARGUMENT);
	r = moro_random_bytes(m, 20, NULL);
	assert(moro_reply_text(r, &len) != NULL && len == 20);
	moro_reply_free(r);
	r = moro_generate_key(m, NULL, NULL);
	assert(moro_reply_text(r, &len) != NULL && len == 64);
	moro_reply_free(r);
	r = moro_generate_key(m, "ec", NULL);
	assert(moro_reply_field(r, "publicKey", NULL) != NULL);
	moro_reply_free(r);
}

static void
tour_json(struct moro *m)
{
	struct moro_map *how = moro_map_new(), *event = moro_map_new();
	struct moro_list *events = moro_list_new(), *parts = moro_list_new();
	struct moro_reply *r;
	const void *bytes;
	size_t len;
	int64_t n;
	double x;

	/* [1, 2] */
	r = moro_transform_json(m, "\x92\x01\x02", 3, "add", 0, NULL);
	assert(moro_reply_number(r, NULL, &n) == 0 && n == 3);
	assert(moro_reply_real(r, NULL, &x) == 0 && x == 3);
	moro_reply_free(r);
	r = moro_transform_json(m, "\x92\x01\x02", 3, "add / 2", 0, NULL);
	assert(moro_reply_real(r, NULL, &x) == 0 && x == 1.5);
	moro_reply_free(r);
	r = moro_transform_json(m, "\x92\x01\x02", 3, ". * 2", 1, NULL);
	assert(moro_reply_elements(r) == 2);
	moro_reply_free(r);
	check_code(moro_transform_json(m, "\x01", 1, "..a", 0, NULL),
	    MORO_INVALID_ARGUMENT);
	moro_map_number(how, "n", 10);
	r = moro_heavy_computation(m, "fibonacci", how, NULL);
	assert(moro_reply_number(r, "digits", &n) == 0 && n == 2);
	moro_reply_free(r);
	check_code(moro_heavy_computation(m, "complex", NULL, NULL),
	    MORO_INVALID_ARGUMENT);
	moro_map_free(how);
	moro_map_text(event, "type", "buy");
	moro_list_map(events, event);
	moro_list_map(events, event);
	how = moro_map_new();
	moro_map_text(how, "groupBy", "type");
	moro_map_flag(how, "partial", 1);
	r = moro_process_analytics(m, events, how, NULL);
	check(r);
	bytes = moro_reply_result(r, &len);
	moro_list_value(parts, bytes, len);
	moro_list_value(parts, bytes, len);
	moro_reply_free(r);
	r = moro_merge_analytics(m, parts, NULL);
	assert(moro_reply_number(r, "events", &n) == 0 && n == 4);
	moro_reply_free(r);
	check_free(moro_process_analytics(m, events, NULL, NULL));
	moro_map_free(how);
	moro_map_free(event);
	moro_list_free(events);
	moro_list_free(parts);
}

/* The server of this tour has no module: that is what the answer says. */
static void
tour_images(struct moro *m)
{
	check_code(moro_resize_image(m, "x", 1, 10, 0, NULL, NULL),
	    MORO_UNSUPPORTED);
	check_code(moro_thumbnail_image(m, "x", 1, 10, NULL, NULL),
	    MORO_UNSUPPORTED);
	check_code(moro_image_info(m, "x", 1, NULL), MORO_UNSUPPORTED);
}

/* A list of data for one type: each element's own outcome, in order. */
static void
tour_batch(struct moro *m)
{
	struct moro_list *list = moro_list_new();
	struct moro_map *map = moro_map_new();
	struct moro_reply *r, *one;
	int64_t n;

	moro_map_text(map, "input", "abc");
	moro_list_map(list, map);
	moro_list_number(list, -5);
	moro_list_real(list, 0.5);
	moro_list_text(list, "text");
	moro_list_bytes(list, "bytes", 5);
	moro_list_value(list, "\xc3", 1);
	r = moro_call_batch(m, "debug:echo", list, NULL);
	check(r);
	assert(moro_reply_elements(r) == 6);
	one = moro_reply_next(r);
	assert(moro_reply_ok(one) && moro_reply_field(one, "input", NULL));
	moro_reply_free(one);
	one = moro_reply_next(r);
	assert(moro_reply_number(one, NULL, &n) == 0 && n == -5);
	moro_reply_free(one);
	check_free(moro_reply_next(r));
	check_text(moro_reply_next(r), "text");
	check_text(moro_reply_next(r), "bytes");
	one = moro_reply_next(r);
	assert(moro_reply_true(one, NULL));
	moro_reply_free(one);
	assert(moro_reply_next(r) == NULL && moro_reply_next(r) == NULL);
	moro_reply_free(r);
	r = moro_call_batch(m, "crypto:hash", list, NULL);
	check_free(moro_reply_next(r));
	one = moro_reply_next(r);
	assert(strcmp(moro_reply_detail_text(one, "field"), "data") == 0);
	check_code(one, MORO_INVALID_ARGUMENT);
	moro_reply_free(r);
	for (int i = 0; i < 70000; i++)
		moro_list_number(list, i);
	r = moro_call_batch(m, "debug:echo", list, NULL);
	assert(moro_reply_elements(r) == 70006);
	moro_reply_free(r);
	moro_map_list(map, "list", list);
	assert(moro_map_size(map) > moro_list_size(list));
	moro_list_value(list, NULL, 0);
	assert(moro_list_data(list) == NULL && moro_list_size(list) == 0);
	assert(moro_call_batch(m, "debug:echo", list, NULL) == NULL);
	moro_list_free(list);
	moro_list_free(NULL);
	moro_map_free(map);
	r = moro_ping(m);
	assert(moro_reply_elements(r) == 0 && moro_reply_next(r) == NULL);
	moro_reply_free(r);
}

static void
tour_admin(struct moro *m)
{
	uint64_t number;

	assert(moro_backpressure(m) == -1);
	check_free(moro_subscribe(m, "backpressure"));
	assert(moro_backpressure(m) == 0);
	check_code(moro_subscribe(m, "weather"), MORO_INVALID_ARGUMENT);
	check_free(moro_unsubscribe(m, "backpressure"));
	assert(moro_backpressure(m) == -1);
	check_free(moro_pause(m, "debug:sleep"));
	number = submit_one(m, "debug:sleep", 1, NULL);
	check_state(moro_cancel(m, number), "queued");
	check_cancelled(m, number);
	number = submit_one(m, "debug:sleep", 1, NULL);
	check_free(moro_resume(m, "debug:sleep"));
	check_nothing(m, number);
	check_free(moro_pause(m, NULL));
	number = submit_one(m, "debug:spin", 1, NULL);
	check_free(moro_drain(m));
	check_code(moro_hash_data(m, "x", 1, NULL, NULL), MORO_SHUTTING_DOWN);
	check_free(moro_resume(m, NULL));
	check_nothing(m, number);
	check_free(moro_hash_data(m, "x", 1, NULL, NULL));
}

/* Notes the last edge in one number: 1 or 0, and the hundreds that wait. */
static void
pressure_cb(struct moro *m, const char *pool, int high, uint64_t queued,
    uint64_t limit, void *user)
{
	int *last = user;

	(void)m;
	assert(strcmp(pool, "default") == 0 && limit == 1000);
	assert(high ? queued >= 500 : queued < 900);
	*last = high;
}

/* Fills a queue past its high mark, and lets it run empty. */
static void
tour_pressure(struct moro *m)
{
	int64_t sum = 0;
	int last = -1;

	moro_on_backpressure(m, pressure_cb, &last);
	check_free(moro_subscribe(m, "backpressure"));
	check_free(moro_pause(m, NULL));
	for (int i = 0; i < 950; i++)
		assert(moro_submit(m, "debug:echo", "\x01", 1, NULL, count_cb,
			   &sum) != 0);
	while (moro_backpressure(m) != 1)
		check_text(moro_ping(m), "pong");
	assert(last == 1);
	check_free(moro_resume(m, NULL));
	while (moro_backpressure(m) != 0 || moro_outstanding(m) > 0)
		check_text(moro_ping(m), "pong");
	assert(last == 0 && sum == 950);
	moro_on_backpressure(m, NULL, NULL);
}

static void
tour_retry(struct moro *m)
{
	struct moro_options *o = moro_options_new();
	struct moro_map *data = moro_map_new();
	struct moro_reply *r;
	int64_t attempt = 0;

	moro_map_number(data, "crashes", 1);
	moro_map_number(data, "fails", 2);
	assert(moro_options_set_retry(o, 2, 1, 5,
		   MORO_RETRY_CRASH | MORO_RETRY_ERROR) == 0);
	moro_options_set_wait_when_full(o, 1);
	r = moro_call(m, "debug:work", moro_map_data(data), moro_map_size(data),
	    o);
	check(r);
	assert(moro_reply_number(r, "attempt", &attempt) == 0 && attempt == 3);
	moro_reply_free(r);
	moro_options_set_retry(o, 0, 0, 0, 0);
	moro_options_set_idempotent(o, 1);
	r = moro_call(m, "debug:work", moro_map_data(data), moro_map_size(data),
	    o);
	assert(strcmp(moro_reply_reason(r), "failed") == 0);
	check_code(r, MORO_WORKER_ERROR);
	moro_map_free(data);
	moro_options_free(o);
}

/* Connects without waiting; what is submitted meanwhile is answered. */
static void
tour_start(const char *path)
{
	struct moro *m = moro_new();
	uint64_t number;

	assert(moro_start(m, path) == 0);
	assert(moro_server_version(m) == NULL);
	assert(moro_outstanding(m) == 0);
	number = moro_submit(m, "debug:echo", "\xa1x", 2, NULL, NULL, NULL);
	assert(number != 0 && moro_outstanding(m) == 1);
	check_text(moro_wait(m, number, MORO_WAIT_DEFAULT), "x");
	assert(moro_server_version(m) != NULL);
	moro_free(m);
}

int
main(int argc, char **argv)
{
	struct moro *m = moro_new();
	struct moro_reply *r;

	assert(argc == 2);
	assert(moro_set_name(m, "tour") == 0);
	moro_set_wait_ms(m, 20000);
	if (moro_connect(m, argv[1]) == -1) {
		fprintf(stderr, "%s\n", moro_errstr(m));
		moro_free(m);
		return 1;
	}
	moro_set_wait_ms(m, 0);
	tour_control(m);
	tour_crypto(m);
	tour_jwt(m);
	tour_data(m);
	tour_files(m);
	tour_async(m);
	tour_options(m);
	tour_cancel(m);
	tour_progress(m);
	tour_batch(m);
	tour_passwords(m);
	tour_json(m);
	tour_images(m);
	tour_retry(m);
	tour_admin(m);
	tour_pressure(m);
	tour_start(argv[1]);
	r = moro_shutdown(m);
	check(r);
	moro_reply_free(r);
	while (moro_dispatch(m) >= 0) {
		struct pollfd p = {.fd = moro_fd(m), .events = POLLIN};

		poll(&p, 1, -1);
	}
	assert(moro_error(m) == MORO_LOST);
	check_code(moro_ping(m), MORO_LOST);
	moro_free(m);
	puts("done");
	return 0;
}

/*
 * image:* without the module's file: what holds before and after a fork, the
 * arithmetic of boxes, refusals, limits. tests/live/test_tasks_image.py looks
 * at the pixels, with Pillow.
 */

#include "tests/unit/tasking.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/image-samples.h"
#include "worker/module-table.h"
#include "worker/modules/image-fit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIELDS 8
#define HANGS 20 /* seconds */

/* Data in the making. */
static msgpack_object_kv kvs[FIELDS];
static msgpack_object data;

static void
begin(const uint8_t *image, size_t len)
{
	data.type = MSGPACK_OBJECT_MAP;
	data.via.map.size = 1;
	data.via.map.ptr = kvs;
	kvs[0].key = tasking_str("image", 5);
	kvs[0].val = tasking_bin(image, len);
}

static msgpack_object *
add(const char *key)
{
	msgpack_object_kv *kv = &kvs[data.via.map.size++];

	assert_true(data.via.map.size <= FIELDS);
	kv->key = tasking_str(key, strlen(key));
	return &kv->val;
}

static void
add_int(const char *key, int64_t n)
{
	msgpack_object *o = add(key);

	o->type = n < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
			: MSGPACK_OBJECT_POSITIVE_INTEGER;
	o->via.i64 = n;
}

static void
add_str(const char *key, const char *text)
{
	*add(key) = tasking_str(text, strlen(text));
}

/* Runs on the data; must succeed. */
static const msgpack_object *
ok(const char *type)
{
	if (tasking_run(type, &data, TASKING_RESULT_MAX) < 0)
		fail_msg("%s: %s", type, tasking_fault()->message);
	return tasking_result();
}

/* Must fail with a code, and with a limit if that is over 0. */
static void
fails(const char *type, enum code code, int64_t limit)
{
	assert_int_equal(tasking_run(type, &data, TASKING_RESULT_MAX), -1);
	assert_int_equal(tasking_fault()->code, code);
	if (code == CODE_WORKER_ERROR)
		assert_string_equal(tasking_fault()->reason, "failed");
	if (limit > 0)
		assert_int_equal(tasking_detail_number(tasking_fault(),
				     "limit"),
		    limit);
}

/* Must be refused for a field. */
static void
refuses(const char *type, const char *field)
{
	fails(type, CODE_INVALID_ARGUMENT, 0);
	assert_string_equal(tasking_detail(tasking_fault(), "field"), field);
	tasking_assert_contains(tasking_fault()->message, field);
}

/* The last result is an image of a format and size. */
static void
gave(const char *format, int64_t width, int64_t height)
{
	const msgpack_object *r = tasking_result();
	uint8_t *copy;

	assert_int_equal(r->type, MSGPACK_OBJECT_BIN);
	copy = malloc(r->via.bin.size);
	memcpy(copy, r->via.bin.ptr, r->via.bin.size);
	begin(copy, r->via.bin.size);
	r = ok("image:info");
	tasking_assert_str(tasking_get(r, "format"), format);
	assert_int_equal(tasking_get(r, "width")->via.i64, width);
	assert_int_equal(tasking_get(r, "height")->via.i64, height);
	free(copy);
}

static int
setup(void **state)
{
	static char memory[65536];
	struct module_arena arena = {.at = memory, .size = sizeof memory};
	struct module_type **types;
	const char *why = NULL;
	char reason[256] = "";
	size_t n = 0;

	if (tasking_setup(state) < 0 || moro_module.init("", &why) < 0)
		return -1;
	types =
	    module_table_make(&moro_module, &arena, &n, reason, sizeof reason);
	for (size_t i = 0; i < n; i++) {
		if (registry_add(&types[i]->type, reason, sizeof reason) < 0)
			n = 0;
	}
	if (n == 0)
		fprintf(stderr, "%s\n", reason);
	return n > 0 ? 0 : -1;
}

/* A fork takes the calling thread alone: there must be no other. */
static void
test_one_thread(void **state)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	assert_int_equal(n, 1);
}

/* What a worker does; the test's own process must not have done it yet. */
static _Noreturn void
child(void)
{
	int rc;

	alarm(HANGS);
	begin(sample_jpeg, sizeof sample_jpeg);
	add_int("size", 4);
	rc = tasking_run("image:thumbnail", &data, TASKING_RESULT_MAX);
	_exit(rc == 0 && tasking_result()->type == MSGPACK_OBJECT_BIN ? 0 : 1);
}

/* Workers are forked from a process that has the library, again and again. */
static void
test_fork(void **state)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		int status;

		assert_int_not_equal(pid, -1);
		if (pid == 0)
			child();
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void
test_table(void **state)
{
	static const char *const names[] = {"image:resize", "image:thumbnail",
	    "image:info"};

	assert_int_equal(moro_module.abi, MORO_MODULE_ABI);
	assert_string_equal(moro_module.name, "image");
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct moro_type *t = moro_module.types[i];

		assert_string_equal(t->name, names[i]);
		assert_true(t->flags & MORO_IDEMPOTENT);
		assert_false(t->flags & MORO_SECRET);
		assert_true(t->timeout_ms > 0);
	}
	assert_null(moro_module.types[COUNT(names)]);
	assert_string_equal(moro_module.types[0]->alias, "image:process");
}

/* Sizes that npm's sharp 0.32 gives, by its documented rules. */
static void
test_plans(void **state)
{
	static const struct {
		int width, height;
		struct image_box box;
		struct image_plan plan;
	} cases[] = {
	    {80, 40, {30, 30, IMAGE_COVER}, {{60, 30}, {30, 30}, {30, 30}}},
	    {80, 40, {30, 30, IMAGE_CONTAIN}, {{30, 15}, {30, 15}, {30, 30}}},
	    {80, 40, {30, 30, IMAGE_FILL}, {{30, 30}, {30, 30}, {30, 30}}},
	    {80, 40, {30, 30, IMAGE_INSIDE}, {{30, 15}, {30, 15}, {30, 15}}},
	    {80, 40, {30, 30, IMAGE_OUTSIDE}, {{60, 30}, {60, 30}, {60, 30}}},
	    {80, 40, {20, 0, IMAGE_COVER}, {{20, 10}, {20, 10}, {20, 10}}},
	    {80, 40, {0, 20, IMAGE_FILL}, {{40, 20}, {40, 20}, {40, 20}}},
	    {80, 40, {160, 20, IMAGE_COVER, true},
		{{80, 40}, {80, 20}, {80, 20}}},
	    {80, 40, {160, 20, IMAGE_FILL, true},
		{{80, 20}, {80, 20}, {80, 20}}},
	    {80, 40, {99, 99, IMAGE_CONTAIN, true},
		{{80, 40}, {80, 40}, {99, 99}}},
	    {80, 40, {0, 99, IMAGE_INSIDE, true},
		{{80, 40}, {80, 40}, {80, 40}}},
	    {1000, 1, {10, 10, IMAGE_INSIDE}, {{10, 1}, {10, 1}, {10, 1}}},
	    {3, 2, {2, 2, IMAGE_INSIDE}, {{2, 1}, {2, 1}, {2, 1}}},
	    {65500, 1, {0, 16383, IMAGE_COVER},
		{{1073086500, 16383}, {1073086500, 16383},
		    {1073086500, 16383}}},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct image_plan p = image_fit_plan(cases[i].width,
		    cases[i].height, &cases[i].box);

		assert_memory_equal(&p, &cases[i].plan, sizeof p);
	}
}

/* Whatever the sizes are, the cut is of the image and on the canvas. */
static void
test_plans_hold(void **state)
{
	for (unsigned int i = 0; i < 200000; i++) {
		struct image_box box = {rand() % 400, 1 + rand() % 400,
		    (enum image_fit)(i % 5), i / 5 % 2};
		struct image_plan p =
		    image_fit_plan(1 + rand() % 4000, 1 + rand() % 4000, &box);

		assert_true(p.cut.width > 0 && p.cut.height > 0);
		assert_true(p.cut.width <= p.scaled.width);
		assert_true(p.cut.height <= p.scaled.height);
		assert_true(p.canvas.width >= p.cut.width);
		assert_true(p.canvas.height >= p.cut.height);
	}
}

static void
test_formats(void **state)
{
	static const char *const names[] = {"jpeg", "png", "webp"};
	static const struct {
		const uint8_t *bytes;
		size_t len;
	} samples[] = {
	    {sample_jpeg, sizeof sample_jpeg},
	    {sample_png, sizeof sample_png},
	    {sample_webp, sizeof sample_webp},
	};

	for (size_t i = 0; i < COUNT(samples); i++) {
		begin(samples[i].bytes, samples[i].len);
		add_int("width", 8);
		ok("image:process");
		gave(names[i], 8, 4);
		for (size_t j = 0; j < COUNT(names); j++) {
			begin(samples[i].bytes, samples[i].len);
			add_int("size", 4);
			add_str("format", names[j]);
			ok("image:thumbnail");
			gave(names[j], 4, 4);
		}
	}
}

static void
test_alpha(void **state)
{
	static const char *const formats[] = {"jpeg", "png", "webp"};

	for (size_t i = 0; i < COUNT(formats); i++) {
		const msgpack_object *alpha;

		begin(sample_alpha, sizeof sample_alpha);
		add_int("width", 8);
		add_str("format", formats[i]);
		ok("image:resize");
		gave(formats[i], 8, 4);
		alpha = tasking_get(tasking_result(), "hasAlpha");
		assert_int_equal(alpha->via.boolean, i > 0);
	}
}

/* Each field by itself: below, above, and of the wrong kind or spelling. */
static void
test_refusals(void **state)
{
	static const struct {
		const char *field;
		int64_t number; /* when text is NULL */
		const char *text;
	} cases[] = {
	    {"height", 0}, {"height", 16384}, {"height", 0, "10"}, {"fit", 1},
	    {"fit", 0, "Cover"}, {"position", 0, "middle"},
	    {"background", 0, "#12345"}, {"background", 0, "#12345g"},
	    {"background", 0, "1234567"}, {"background", 0, "#123456789"},
	    {"background", 0, "#1234567f"}, /* not opaque: JPEG */
	    {"format", 0, "avif"}, {"quality", 0}, {"quality", 101},
	    {"compression", -1}, {"compression", 10}, {"lossless", 1},
	    {"orient", 1}, {"keepMetadata", 0},
	    {"withoutEnlargement", 0, "true"}, {"maxPixels", 0},
	    {"maxPixels", 268435457}, {"size", 10}, /* of the other type */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		begin(sample_jpeg, sizeof sample_jpeg);
		add_int("width", 4);
		if (cases[i].text != NULL)
			add_str(cases[i].field, cases[i].text);
		else
			add_int(cases[i].field, cases[i].number);
		refuses("image:resize", cases[i].field);
	}
}

static void
test_boxes_are_needed(void **state)
{
	static const int64_t sizes[] = {0, 4097};

	begin(sample_jpeg, sizeof sample_jpeg);
	refuses("image:resize", "width");
	refuses("image:thumbnail", "size");
	for (size_t i = 0; i < COUNT(sizes); i++) {
		begin(sample_jpeg, sizeof sample_jpeg);
		add_int("size", sizes[i]);
		refuses("image:thumbnail", "size");
	}
	kvs[0].val.type = MSGPACK_OBJECT_NIL;
	refuses("image:info", "image");
}

/* Pixels of the image: one less than it has is too few. */
static void
test_max_pixels(void **state)
{
	begin(sample_png, sizeof sample_png);
	add_int("size", 4);
	add_int("maxPixels", 128);
	ok("image:thumbnail");
	begin(sample_png, sizeof sample_png);
	add_int("size", 4);
	add_int("maxPixels", 127);
	fails("image:thumbnail", CODE_TOO_LARGE, 127);
}

/* Pixels of the result, and of one that is cut afterwards. */
static void
test_result_pixels(void **state)
{
	begin(sample_png, sizeof sample_png);
	add_int("width", 16383);
	fails("image:resize", CODE_TOO_LARGE, 67108864);
	begin(sample_png, sizeof sample_png);
	add_int("width", 16383);
	add_int("height", 1);
	fails("image:resize", CODE_TOO_LARGE, 67108864);
	begin(sample_png, sizeof sample_png);
	add_int("width", 16383);
	add_int("height", 16383);
	add_str("fit", "contain");
	fails("image:resize", CODE_TOO_LARGE, 67108864);
}

static void
test_result_bytes(void **state)
{
	begin(sample_png, sizeof sample_png);
	add_int("width", 200);
	add_int("compression", 0);
	assert_int_equal(tasking_run("image:resize", &data, 1000), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(tasking_fault(), "limit"), 1000);
}

/* What is none of the three formats is not shown to the library. */
static void
test_no_image(void **state)
{
	static const char *const texts[] = {"", "\xff\xd8", "GIF89a",
	    "\x89PNG\r\n\x1a", "RIFF", "RIFF....WEB", "RIFF....WAVE",
	    "<svg xmlns='http://www.w3.org/2000/svg'/>", "%PDF-1.4", "P6 1 1"};

	for (size_t i = 0; i < COUNT(texts); i++) {
		begin((const uint8_t *)texts[i], strlen(texts[i]));
		fails("image:info", CODE_WORKER_ERROR, 0);
		tasking_assert_contains(tasking_fault()->message,
		    "no JPEG, PNG or WebP");
	}
}

/* Every beginning of an image is an error, and the next image is read. */
static void
cut(const uint8_t *bytes, size_t len, size_t least)
{
	for (size_t n = 0; n < len - least; n += 1 + len / 100) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, bytes, n);
		begin(exact, n);
		add_int("width", 4);
		fails("image:resize", CODE_WORKER_ERROR, 0);
		free(exact);
	}
	begin(bytes, len);
	add_int("width", 4);
	ok("image:resize");
}

static void
test_cut_short(void **state)
{
	cut(sample_jpeg, sizeof sample_jpeg, 2); /* the end mark */
	cut(sample_png, sizeof sample_png, 16); /* IEND, and a checksum */
	cut(sample_webp, sizeof sample_webp, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* these two first: nothing may have been computed before */
	    cmocka_unit_test(test_one_thread),
	    cmocka_unit_test(test_fork),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_plans),
	    cmocka_unit_test(test_plans_hold),
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_alpha),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_boxes_are_needed),
	    cmocka_unit_test(test_max_pixels),
	    cmocka_unit_test(test_result_pixels),
	    cmocka_unit_test(test_result_bytes),
	    cmocka_unit_test(test_no_image),
	    cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

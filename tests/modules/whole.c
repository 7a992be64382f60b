/* A module that uses all of moro_module.h, for tests/live/test_module_api.py. */

#include <moro_module.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 8

enum whole_field {
	WHOLE_INT,
	WHOLE_NUMBER,
	WHOLE_BOOL,
	WHOLE_CHOICE,
	WHOLE_TEXT,
	WHOLE_BYTES,
	WHOLE_MAP,
	WHOLE_LIST,
	WHOLE_ANY,
};

static const char *const whole_choices[] = {"red", "green", "blue", NULL};

static const struct moro_field whole_inner[] = {
    {.name = "depth",
	.alias = "d",
	.kinds = MORO_KIND_INT,
	.min = 1,
	.max = 9,
	.flags = MORO_REQUIRED,
	.about = "How deep."},
    {.name = NULL},
};

/* Limits are for the kinds that have a measure. */
static const struct moro_field whole_kinds[] = {
    {.name = "few",
	.kinds = MORO_KIND_INT | MORO_KIND_STR | MORO_KIND_NIL |
		 MORO_KIND_BOOL | MORO_KIND_MAP,
	.min = 1,
	.max = 3,
	.about = "Up to three, or none."},
    {.name = NULL},
};

static int
whole_kinds_run(struct moro_task *task)
{
	moro_put_array(task, 1); /* one more around it */
	moro_put_value(task, moro_task_value(task, 0));
	return 0;
}

static const struct moro_field whole_map[] = {
    {.name = "inner",
	.kinds = MORO_KIND_MAP,
	.fields = whole_inner,
	.about = "One more."},
    {.name = NULL},
};

static const struct moro_field whole_fields[] = {
    [WHOLE_INT] = {.name = "int",
	.alias = "integer",
	.kinds = MORO_KIND_INT,
	.min = -5,
	.max = 50,
	.fallback = "-3",
	.about = "An integer."},
    [WHOLE_NUMBER] = {.name = "number",
	.kinds = MORO_KIND_NUMBER,
	.fallback = "0.5",
	.about = "A number."},
    [WHOLE_BOOL] = {.name = "bool",
	.kinds = MORO_KIND_BOOL,
	.fallback = "true",
	.about = "A truth."},
    [WHOLE_CHOICE] = {.name = "choice",
	.kinds = MORO_KIND_STR,
	.allowed = whole_choices,
	.noun = "colour",
	.fallback = "green",
	.about = "A colour."},
    [WHOLE_TEXT] = {.name = "text",
	.kinds = MORO_KIND_STR,
	.otherwise = "nothing",
	.about = "A text."},
    [WHOLE_BYTES] = {.name = "bytes",
	.kinds = MORO_KIND_TEXT,
	.about = "Bytes, read as a whole."},
    [WHOLE_MAP] = {.name = "map",
	.kinds = MORO_KIND_MAP,
	.fields = whole_map,
	.about = "A map."},
    [WHOLE_LIST] = {.name = "list",
	.kinds = MORO_KIND_ARRAY,
	.min = 1,
	.max = 4,
	.about = "A list."},
    [WHOLE_ANY] = {.name = "any", .kinds = MORO_KIND_ANY, .about = "Anything."},
    {.name = NULL},
};

/* Answers what it sees of each field. */
static int
whole_fields_run(struct moro_task *task)
{
	char text[TEXT_MAX + 1];
	size_t len;
	const void *bytes = moro_task_bytes(task, WHOLE_BYTES, &len);

	if (moro_task_text(task, WHOLE_TEXT, text, sizeof text) == -1)
		return -1;
	moro_put_map(task, 11);
	moro_put_text(task, "depth");
	moro_put_value(task,
	    moro_value_find(moro_value_find(moro_task_value(task, WHOLE_MAP),
				"inner"),
		"depth"));
	moro_put_text(task, "given");
	moro_put_array(task, WHOLE_ANY + 1);
	for (unsigned int i = 0; i <= WHOLE_ANY; i++)
		moro_put_bool(task, moro_task_has(task, i));
	moro_put_text(task, "int");
	moro_put_int(task, moro_task_int(task, WHOLE_INT));
	moro_put_text(task, "number");
	moro_put_number(task, moro_task_number(task, WHOLE_NUMBER));
	moro_put_text(task, "bool");
	moro_put_bool(task, moro_task_bool(task, WHOLE_BOOL));
	moro_put_text(task, "choice");
	moro_put_int(task, moro_task_choice(task, WHOLE_CHOICE));
	moro_put_text(task, "text");
	moro_put_text(task, text);
	moro_put_text(task, "bytes");
	if (bytes != NULL)
		moro_put_bytes(task, bytes, len);
	else
		moro_put_nil(task);
	moro_put_text(task, "list");
	moro_put_value(task, moro_task_value(task, WHOLE_LIST));
	moro_put_text(task, "any");
	moro_put_value(task, moro_task_value(task, WHOLE_ANY));
	/* none of these is there, or of that kind */
	moro_put_text(task, "none");
	moro_put_array(task, 5);
	moro_put_int(task, moro_task_int(task, WHOLE_TEXT));
	moro_put_number(task, moro_task_number(task, WHOLE_CHOICE));
	moro_put_bool(task, moro_task_bool(task, WHOLE_INT));
	moro_put_int(task, moro_task_choice(task, WHOLE_INT));
	moro_put_value(task, moro_task_value(task, WHOLE_ANY + 1));
	return 0;
}

/* Builds a value again, by what can be asked of it. */
static void
whole_copy(struct moro_task *task, const struct moro_value *v)
{
	size_t n = moro_value_count(v), len;
	const void *bytes = moro_value_bytes(v, &len);

	switch (moro_value_kind(v)) {
	case MORO_KIND_STR:
		moro_put_str(task, bytes, len);
		break;
	case MORO_KIND_BIN:
		moro_put_bytes(task, bytes, len);
		break;
	case MORO_KIND_INT:
		moro_put_int(task, moro_value_int(v));
		break;
	case MORO_KIND_FLOAT:
		moro_put_number(task, moro_value_number(v));
		break;
	case MORO_KIND_BOOL:
		moro_put_bool(task, moro_value_bool(v));
		break;
	case MORO_KIND_NIL:
		moro_put_nil(task);
		break;
	case MORO_KIND_ARRAY:
		moro_put_array(task, n);
		for (size_t i = 0; i < n; i++)
			whole_copy(task, moro_value_item(v, i));
		break;
	case MORO_KIND_MAP:
		moro_put_map(task, n);
		for (size_t i = 0; i < n; i++) {
			whole_copy(task, moro_value_key(v, i));
			whole_copy(task, moro_value_item(v, i));
		}
		break;
	default:
		moro_put_text(task, "other");
	}
}

/* Puts it into one array more. */
static int
whole_wrap_run(struct moro_task *task)
{
	moro_put_array(task, 1);
	moro_put_value(task, moro_task_data(task));
	return 0;
}

static int
whole_copy_run(struct moro_task *task)
{
	const struct moro_value *data = moro_task_data(task);
	const struct moro_value *only = moro_value_find(data, "only");

	whole_copy(task, only != NULL ? only : data);
	return 0;
}

/* Reads a field piece by piece: how many there were, and the sum of bytes. */
static int
whole_read_run(struct moro_task *task)
{
	const void *at;
	size_t len, n = 0;
	uint64_t sum = 0;

	for (;;) {
		if (moro_task_read(task, 0, &at, &len) == -1)
			return -1;
		if (len == 0)
			break;
		n++;
		for (size_t i = 0; i < len; i++)
			sum += ((const uint8_t *)at)[i];
	}
	moro_put_array(task, 2);
	moro_put_int(task, (int64_t)n);
	moro_put_int(task, (int64_t)sum);
	return 0;
}

static const struct moro_field whole_read_fields[] = {
    {.name = "file",
	.kinds = MORO_KIND_TEXT,
	.flags = MORO_REQUIRED | MORO_STREAMED,
	.about = "Bytes of any length."},
    {.name = NULL},
};

/* Fails in the way that its data says. */
static int
whole_fail_run(struct moro_task *task)
{
	const struct moro_value *data = moro_task_data(task);
	int64_t how = moro_value_int(data);

	if (how < 0)
		return -1; /* without a word */
	if (how <= MORO_FAIL_PERMISSION_DENIED) {
		moro_fail(task, (enum moro_failure)how, "code %d", (int)how);
		moro_fail_add_int(task, "limit", how);
		moro_fail_add_text(task, "allowed", "try another");
		return -1;
	}
	if (how == 10)
		return moro_fail_field(task, "colour", "colour takes %s",
		    "red");
	if (how == 11)
		return moro_fail_memory(task);
	return moro_fail(task, (enum moro_failure)how, "no such code");
}

/* Puts what is not one value. */
static int
whole_put_run(struct moro_task *task)
{
	char *place;

	switch (moro_value_int(moro_task_data(task))) {
	case 0:
		return 0; /* nothing */
	case 1:
		moro_put_int(task, 1);
		moro_put_int(task, 2);
		return 0;
	case 2:
		moro_put_map(task, 2);
		moro_put_text(task, "a");
		return 0;
	case 3:
		place = moro_put_place(task, MORO_KIND_STR, 3);
		if (place == NULL)
			return -1;
		memcpy(place, "abc", 3);
		return 0;
	case 4:
		return moro_put_place(task, MORO_KIND_BIN, SIZE_MAX / 4) != NULL
			   ? 0
			   : -1;
	case 5:
		moro_put_array(task, 2000000);
		for (int i = 0; i < 2000000; i++)
			moro_put_nil(task);
		return 0;
	default:
		return 1; /* as good as -1 */
	}
}

/* Goes on until it is told to stop. */
static int
whole_wait_run(struct moro_task *task)
{
	double n = 0;

	while (!moro_task_cancelled(task))
		moro_task_progress(task, ++n, -1, "waiting");
	return moro_fail_cancelled(task);
}

/* Takes more memory than it allows itself; how often it was begun. */
static int
whole_memory_run(struct moro_task *task)
{
	const size_t much = (size_t)64 << 20;
	void *before, *within;

	if (moro_memory_allow(much / 2) == -1)
		return moro_fail(task, MORO_FAIL_WORKER_ERROR, "%s",
		    strerror(errno));
	within = malloc(much);
	moro_memory_restore();
	before = malloc(much);
	moro_put_array(task, 3);
	moro_put_bool(task, within != NULL);
	moro_put_bool(task, before != NULL);
	moro_put_int(task, moro_task_attempt(task));
	free(within);
	free(before);
	/* and leaves it bounded, which is morod's to end */
	return moro_memory_allow(much / 2);
}

#define WHOLE_TYPE(id, text, of_fields, more)                    \
	static const struct moro_type id##_type = {.name = text, \
	    .about = "For tests.",                               \
	    .flags = (more),                                     \
	    .fields = (of_fields),                               \
	    .run = id##_run}

WHOLE_TYPE(whole_fields, "whole:fields", whole_fields, MORO_IDEMPOTENT);
WHOLE_TYPE(whole_copy, "whole:copy", NULL, MORO_SECRET | MORO_URGENT);
WHOLE_TYPE(whole_wrap, "whole:wrap", NULL, 0);
WHOLE_TYPE(whole_kinds, "whole:kinds", whole_kinds, 0);
WHOLE_TYPE(whole_read, "whole:read", whole_read_fields, 0);
WHOLE_TYPE(whole_fail, "whole:fail", NULL, 0);
WHOLE_TYPE(whole_put, "whole:put", NULL, 0);
WHOLE_TYPE(whole_wait, "whole:wait", NULL, MORO_SOFT_CANCEL | MORO_PROGRESS);
WHOLE_TYPE(whole_memory, "whole:memory", NULL, 0);

static const struct moro_type *const whole_types[] = {&whole_fields_type,
    &whole_copy_type, &whole_wrap_type, &whole_kinds_type, &whole_read_type,
    &whole_fail_type, &whole_put_type, &whole_wait_type, &whole_memory_type,
    NULL};

const struct moro_module moro_module = {
    .abi = MORO_MODULE_ABI,
    .name = "whole",
    .types = whole_types,
};

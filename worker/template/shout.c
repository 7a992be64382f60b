/* A task module to begin with: see MODULES.md. */
#include <moro_module.h>

#include <ctype.h>

enum shout_field { SHOUT_TEXT, SHOUT_MARKS };

/* What the data may have. morod checks it, and `moroctl types` shows it. */
static const struct moro_field shout_fields[] = {
    [SHOUT_TEXT] = {.name = "text",
	.kinds = MORO_KIND_STR,
	.flags = MORO_REQUIRED,
	.max = 1 << 20,
	.about = "What to shout."},
    [SHOUT_MARKS] = {.name = "marks",
	.kinds = MORO_KIND_INT,
	.min = 0,
	.max = 10,
	.fallback = "1",
	.about = "Exclamation marks behind it."},
    {.name = NULL},
};

/* Runs in a worker process, one task at a time. */
static int
shout_run(struct moro_task *task)
{
	size_t len, marks = (size_t)moro_task_int(task, SHOUT_MARKS);
	const unsigned char *text = moro_task_bytes(task, SHOUT_TEXT, &len);
	unsigned char *out;

	if (len == 0)
		return moro_fail_field(task, "text", "text is empty");
	/* the result is one value: here a string, made in its place */
	out = moro_put_place(task, MORO_KIND_STR, len + marks);
	if (out == NULL)
		return -1;
	for (size_t i = 0; i < len + marks; i++)
		out[i] = i < len ? (unsigned char)toupper(text[i]) : '!';
	return 0;
}

static const struct moro_type shout_type = {
    .name = "text:shout",
    .about = "Says it louder.",
    .result = "The text in capitals.",
    .example = "{\"text\": \"hello\", \"marks\": 3}",
    .flags = MORO_IDEMPOTENT,
    .timeout_ms = 5000,
    .fields = shout_fields,
    .run = shout_run,
};

static const struct moro_type *const types[] = {&shout_type, NULL};

const struct moro_module moro_module = {.abi = MORO_MODULE_ABI,
    .flags = MORO_FORK_CLEAN,
    .name = "shout",
    .types = types};

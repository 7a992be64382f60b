/* A module as small as they get, for tests/live/test_modules.py. */

#include <moro_module.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef DOUBLE_ABI
#define DOUBLE_ABI MORO_MODULE_ABI
#endif
#ifndef DOUBLE_TYPE
#define DOUBLE_TYPE "test:double"
#endif
#ifndef DOUBLE_FLAGS
#define DOUBLE_FLAGS 0
#endif
#ifndef DOUBLE_NAME
#define DOUBLE_NAME "double"
#endif

#ifdef DOUBLE_BYTES
char double_bytes[DOUBLE_BYTES]; /* of memory that it has from the start */
#endif

static int double_ready; /* set by init(), or tasks fail */

#ifdef DOUBLE_AT_INIT
static void *
double_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void __attribute__((unused)) double_start_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, double_thread, NULL);
}
#endif

static int
double_init(const char *settings, const char **why)
{
	(void)settings;
	(void)why;
#ifdef DOUBLE_AT_INIT
	DOUBLE_AT_INIT;
#endif
#ifdef DOUBLE_WHY
	*why = DOUBLE_WHY;
	return -1;
#else
	double_ready = 1;
	return 0;
#endif
}

#ifdef DOUBLE_AT_LOAD
/* Libraries have such things. */
static void __attribute__((constructor)) double_constructor(void)
{
	DOUBLE_AT_LOAD;
}
#endif

#ifdef DOUBLE_AT_END
static void __attribute__((destructor)) double_destructor(void)
{
	DOUBLE_AT_END;
}
#endif

static int
double_run(struct moro_task *task)
{
	if (!double_ready)
		return moro_fail(task, MORO_FAIL_WORKER_ERROR,
		    "not initialised");
	moro_put_int(task, 2 * moro_task_int(task, 0));
	return 0;
}

static const struct moro_field double_fields[] = {
    {.name = "n",
	.kinds = MORO_KIND_INT,
	.min = -1000,
	.max = 1000,
	.flags = MORO_REQUIRED,
	.about = "What to double."},
    {.name = NULL},
};

static const struct moro_type double_type = {
    .name = DOUBLE_TYPE,
    .alias = "test:twice",
    .about = "Doubles a number.",
    .result = "An integer.",
    .example = "{\"n\": 21}",
    .fields = double_fields,
    .run = double_run,
};

static const struct moro_type *const double_types[] = {&double_type, NULL};

const struct moro_module moro_module = {
    .abi = DOUBLE_ABI,
    .flags = DOUBLE_FLAGS,
    .name = DOUBLE_NAME,
    .types = double_types,
    .init = double_init,
};

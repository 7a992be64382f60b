/*
 * The guide's heavy:computation: computes off the program's own event loop, says
 * how far it is, and stops in time.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moro.h>
#include <msgpack.h>

#define TIMEOUT_MS 300

/* Ends the program when a reply is an error. */
static void
check(const struct moro_reply *r)
{
	if (moro_reply_ok(r))
		return;
	fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
	    moro_reply_message(r));
	exit(1);
}

/* The value of a name in a result that is a map of msgpack-c, or NULL. */
static const msgpack_object *
member(const msgpack_object *map, const char *name)
{
	const msgpack_object_kv *kv;
	size_t len = strlen(name);
	uint32_t i;

	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (i = 0; i < map->via.map.size; i++) {
		kv = &map->via.map.ptr[i];
		if (kv->key.via.str.size == len &&
		    memcmp(kv->key.via.str.ptr, name, len) == 0)
			return &kv->val;
	}
	return NULL;
}

/* A float of a result that is a map. */
static double
real(struct moro_reply *r, const char *name)
{
	const msgpack_object *value = member(moro_reply_object(r), name);

	return value != NULL && value->type == MSGPACK_OBJECT_FLOAT
		   ? value->via.f64
		   : 0;
}

/* A number that no integer of C holds: it comes as text. */
static void
compute_fibonacci(struct moro *m)
{
	struct moro_map *params = moro_map_new();
	const msgpack_object *value;
	struct moro_reply *r;

	moro_map_number(params, "n", 100);
	r = moro_heavy_computation(m, "fibonacci", params, NULL);
	check(r);
	value = member(moro_reply_object(r), "value");
	if (value != NULL && value->type == MSGPACK_OBJECT_STR)
		printf("fibonacci(100) = %.*s\n", (int)value->via.str.size,
		    value->via.str.ptr);
	moro_reply_free(r);
	moro_map_free(params);
}

static void
compute_statistics(struct moro *m)
{
	static const int64_t numbers[] = {2, 4, 4, 4, 5, 5, 7, 9};
	struct moro_map *params = moro_map_new();
	struct moro_list *values = moro_list_new();
	struct moro_reply *r;
	size_t i;

	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		moro_list_number(values, numbers[i]);
	moro_map_list(params, "values", values);
	r = moro_heavy_computation(m, "statistics", params, NULL);
	check(r);
	printf("mean %g, deviation %g\n", real(r, "mean"),
	    real(r, "populationStddev"));
	moro_reply_free(r);
	moro_list_free(values);
	moro_map_free(params);
}

/* Draws how far a task is. */
static void
progress_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	(void)m;
	(void)number;
	(void)note;
	(void)user;
	if (total > 0)
		fprintf(stderr, "%3.0f%%\n", 100 * done / total);
}

/* Counts primes, and says how far it is: news come while it waits. */
static void
compute_primes(struct moro *m)
{
	struct moro_options *options = moro_options_new();
	struct moro_map *params = moro_map_new();
	struct moro_reply *r;
	int64_t count = -1;

	moro_map_number(params, "to", 100000000);
	moro_map_flag(params, "list", 0);
	moro_options_set_progress(options, 1);
	moro_on_progress(m, progress_cb, NULL);
	r = moro_heavy_computation(m, "primes", params, options);
	check(r);
	moro_reply_number(r, "count", &count);
	printf("%" PRId64 " primes\n", count);
	moro_reply_free(r);
	moro_map_free(params);
	moro_options_free(options);
}

/* The guide's "Handle Timeouts". The work really stops: its worker is free. */
static void
compute_too_long(struct moro *m)
{
	struct moro_options *options = moro_options_new();
	struct moro_map *params = moro_map_new();
	struct moro_reply *r;

	moro_map_number(params, "samples", 10000000000);
	moro_options_set_timeout(options, TIMEOUT_MS);
	r = moro_heavy_computation(m, "monte-carlo-pi", params, options);
	if (moro_reply_code(r) == MORO_TIMEOUT)
		printf("504 Processing timeout\n");
	else
		check(r);
	moro_reply_free(r);
	moro_map_free(params);
	moro_options_free(options);
}

int
main(void)
{
	struct moro *m = moro_new();

	moro_connect(m, NULL);
	compute_fibonacci(m);
	compute_statistics(m);
	compute_primes(m);
	compute_too_long(m);
	moro_free(m);
	return 0;
}

/*
 * The guide's "Analytics Processing": 2,500 events in batches of 1,000 at low
 * priority, and one result of all.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <moro.h>

#define EVENTS 2500
#define BATCH 1000
#define BATCHES ((EVENTS + BATCH - 1) / BATCH)

/* A line for each group. */
#define LINES                                               \
	"[.groups[] | \"\\(.key.type): \\(.count) events, " \
	"sum \\(.metrics[\"sum:amount\"]), "                \
	"average \\(.metrics[\"avg:amount\"]), "            \
	"p95 \\(.metrics[\"p95:ms\"]) ms\"] | join(\"\\n\")"

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

/* Event number i of what a program would have in its database. */
static struct moro_map *
make_event(int i)
{
	static const char *const types[] = {"view", "buy", "login"};
	struct moro_map *event = moro_map_new();

	moro_map_text(event, "type", types[i % 3]);
	moro_map_number(event, "amount", i % 50);
	moro_map_number(event, "ms", i % 97);
	return event;
}

/* The data of one batch, which begins with event number `from`. */
static struct moro_map *
make_batch(int from)
{
	static const char *const metrics[] = {"count", "sum:amount",
	    "avg:amount", "p95:ms", NULL};
	struct moro_list *events = moro_list_new();
	struct moro_map *data = moro_map_new(), *event;
	int i;

	for (i = from; i < from + BATCH && i < EVENTS; i++) {
		event = make_event(i);
		moro_list_map(events, event);
		moro_map_free(event);
	}
	moro_map_list(data, "events", events);
	moro_map_text(data, "groupBy", "type");
	moro_map_texts(data, "metrics", metrics);
	/* a result that can be merged with others */
	moro_map_flag(data, "partial", 1);
	moro_list_free(events);
	return data;
}

/*
 * Submits all batches and waits for all, as the guide's Promise.all. They go
 * last: everybody else's tasks of normal and high priority go before. *spread
 * is how many events there are by the guide's {...acc, ...r}, where each name
 * has what the last result says.
 */
static struct moro_list *
process_batches(struct moro *m, int64_t *spread)
{
	struct moro_options *low = moro_options_new();
	struct moro_list *partials = moro_list_new();
	uint64_t numbers[BATCHES];
	struct moro_map *data;
	struct moro_reply *r;
	const void *result;
	size_t len;
	int i;

	moro_options_set_priority(low, MORO_PRIORITY_LOW);
	for (i = 0; i < BATCHES; i++) {
		data = make_batch(i * BATCH);
		numbers[i] = moro_submit(m, "analytics:process",
		    moro_map_data(data), moro_map_size(data), low, NULL, NULL);
		moro_map_free(data);
	}
	for (i = 0; i < BATCHES; i++) {
		r = moro_wait(m, numbers[i], MORO_WAIT_DEFAULT);
		check(r);
		result = moro_reply_result(r, &len);
		moro_list_value(partials, result, len);
		moro_reply_number(r, "events", spread);
		moro_reply_free(r);
	}
	moro_options_free(low);
	return partials;
}

/* Prints the groups of a result. */
static void
print_groups(struct moro *m, const struct moro_reply *merged)
{
	size_t len;
	const void *result = moro_reply_result(merged, &len);
	struct moro_reply *r =
	    moro_transform_json(m, result, len, LINES, 0, NULL);

	check(r);
	puts(moro_reply_text(r, NULL));
	moro_reply_free(r);
}

int
main(void)
{
	struct moro *m = moro_new();
	struct moro_list *partials;
	struct moro_reply *merged;
	int64_t all = -1, spread = -1;

	moro_connect(m, NULL);
	partials = process_batches(m, &spread);
	/* What one call on all events would have given. */
	merged = moro_merge_analytics(m, partials, NULL);
	check(merged);
	print_groups(m, merged);
	moro_reply_number(merged, "events", &all);
	printf("events: %" PRId64 ", not %" PRId64 "\n", all, spread);
	moro_reply_free(merged);
	moro_list_free(partials);
	moro_free(m);
	return 0;
}

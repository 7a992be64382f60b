/*
 * The guide's "Batch Related Tasks": hashes every line of standard input, and
 * prints `HASH  LINE`.
 *
 * A batch is one request with many data; the workers share them, and other
 * clients take their turns in between. An element that fails has its error in
 * its place and costs the others nothing. Tasks that are not of one type are
 * submitted one by one: see analytics.c.
 *
 * The guide hashes passwords so. That is what moro_hash_password() is for; this
 * is for names, files, records.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>

#include <moro.h>

#define BATCH 1000 /* a server takes up to 100,000 */

/* Adds the data of one task. */
static void
add_line(struct moro_list *list, const char *line)
{
	struct moro_map *data = moro_map_new();

	moro_map_text(data, "input", line);
	moro_map_text(data, "algorithm", "sha256");
	moro_list_map(list, data);
	moro_map_free(data);
}

/* Reads up to BATCH lines. Returns how many. */
static size_t
read_lines(char **lines)
{
	size_t size, n = 0;
	ssize_t len;

	while (n < BATCH) {
		lines[n] = NULL;
		size = 0;
		len = getline(&lines[n], &size, stdin);
		if (len == -1) {
			free(lines[n]);
			break;
		}
		if (lines[n][len - 1] == '\n')
			lines[n][len - 1] = '\0';
		n++;
	}
	return n;
}

/* Prints what came of n lines. Returns 0, or -1: one of them failed. */
static int
print_answers(struct moro_reply *answer, char *const *lines, size_t n)
{
	struct moro_reply *r;
	size_t i;
	int rc = 0;

	for (i = 0; i < n && (r = moro_reply_next(answer)) != NULL; i++) {
		if (moro_reply_ok(r)) {
			printf("%s %s\n", moro_reply_text(r, NULL), lines[i]);
		} else {
			fprintf(stderr, "%s: %s: %s\n", lines[i],
			    moro_reply_code_name(r), moro_reply_message(r));
			rc = -1;
		}
		moro_reply_free(r);
	}
	return rc;
}

/* Hashes n lines in one request. Returns 0, or -1. */
static int
hash_lines(struct moro *m, char *const *lines, size_t n)
{
	struct moro_options *normal = moro_options_new();
	struct moro_list *list = moro_list_new();
	struct moro_reply *r;
	size_t i;
	int rc = -1;

	moro_options_set_priority(normal, MORO_PRIORITY_NORMAL);
	for (i = 0; i < n; i++)
		add_line(list, lines[i]);
	r = moro_call_batch(m, "crypto:hash", list, normal);
	if (moro_reply_ok(r))
		rc = print_answers(r, lines, n);
	else
		fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
		    moro_reply_message(r));
	moro_reply_free(r);
	moro_list_free(list);
	moro_options_free(normal);
	return rc;
}

int
main(void)
{
	struct moro *m = moro_new();
	char *lines[BATCH];
	size_t n, i;
	int rc = 0;

	moro_connect(m, NULL);
	while ((n = read_lines(lines)) > 0) {
		if (hash_lines(m, lines, n) == -1)
			rc = 1;
		for (i = 0; i < n; i++)
			free(lines[i]);
	}
	moro_free(m);
	return rc;
}

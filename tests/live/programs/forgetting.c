/*
 * Sends a key to the morod whose socket is argv[1] in many ways, frees what it
 * got and forgets its own copy. Reads the key, in hex, from standard input; says
 * "held" while it has it, goes on with the next byte it reads, and says "gone";
 * what is in its memory then is what libmoro has kept. Ends with its input.
 */

#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moro.h>

#define KEY_HEX 64
#define COPIES 2000 /* of the key in a large message */
#define SENT 50 /* large ones at a time: more than a socket takes */

static char key[KEY_HEX + 1];

static void
say(const char *word)
{
	assert(
	    write(STDOUT_FILENO, word, strlen(word)) == (ssize_t)strlen(word));
}

/* In an option, and in an answer that is copied. */
static void
small(struct moro *m)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *r;

	moro_map_text(map, "data", "x");
	moro_map_text(map, "key", key);
	r = moro_call(m, "crypto:encrypt", moro_map_data(map),
	    moro_map_size(map), NULL);
	assert(moro_reply_ok(r));
	moro_reply_free(r);
	r = moro_call(m, "debug:echo", moro_map_data(map), moro_map_size(map),
	    NULL);
	assert(moro_reply_ok(r));
	moro_reply_free(r);
	moro_map_free(map);
}

/* In messages that go and come in pieces; some answers are never taken. */
static void
large(struct moro *m, struct moro_options *twice)
{
	struct moro_map *map = moro_map_new();
	size_t size = (size_t)COPIES * KEY_HEX;
	char *text = malloc(size + 1);

	assert(text != NULL);
	for (int i = 0; i < COPIES; i++)
		memcpy(text + (size_t)i * KEY_HEX, key, KEY_HEX);
	text[size] = '\0';
	moro_map_text(map, "a", key);
	moro_map_text(map, "b", text);
	for (int i = 0; i < SENT; i++)
		assert(moro_submit(m, "debug:echo", moro_map_data(map),
			   moro_map_size(map), i % 2 == 0 ? twice : NULL, NULL,
			   NULL) != 0);
	while (moro_outstanding(m) > 0)
		moro_reply_free(moro_wait_any(m, NULL, -1));
	for (int i = 0; i < SENT; i++)
		assert(moro_submit(m, "debug:echo", moro_map_data(map),
			   moro_map_size(map), NULL, NULL, NULL) != 0);
	moro_map_free(map);
	explicit_bzero(text, size);
	free(text);
}

int
main(int argc, char **argv)
{
	struct moro_options *twice = moro_options_new();
	struct moro *m = moro_new();
	char byte;

	assert(argc == 2);
	assert(read(STDIN_FILENO, key, KEY_HEX) == KEY_HEX);
	say("held\n");
	assert(read(STDIN_FILENO, &byte, 1) == 1);
	moro_options_set_idempotent(twice, 1);
	assert(moro_set_reconnect(m, 1, 1, 0) == 0);
	assert(moro_connect(m, argv[1]) == 0);
	small(m);
	large(m, twice);
	moro_close(m);
	explicit_bzero(key, sizeof key);
	say("gone\n");
	assert(read(STDIN_FILENO, &byte, 1) == 0);
	moro_options_free(twice);
	moro_free(m);
	return 0;
}

#include "tools/bench-text.h"

#include <stdio.h>
#include <string.h>

#define TEXT_LINE 256
#define TEXT_SEED 0x9e3779b97f4a7c15ull

/* The next random number. */
static uint64_t
text_random(uint64_t *x)
{
	if (*x == 0)
		*x = TEXT_SEED;
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x >> 11;
}

/* One line; returns its length. */
static size_t
text_line(char *out, uint64_t *x)
{
	static const char *const words[] = {"alpha", "beta", "gamma", "delta",
	    "request", "answer", "user", "queue", "worker", "timeout", "north",
	    "south", "east", "west", "open", "closed"};
	const size_t n = sizeof words / sizeof words[0];
	uint64_t r = text_random(x);

	return (size_t)snprintf(out, TEXT_LINE,
	    "{\"id\":%llu,\"name\":\"%s %s\",\"state\":\"%s\",\"value\":%llu,"
	    "\"tags\":[\"%s\",\"%s\"]}\n",
	    (unsigned long long)(r % 10000000), words[(r >> 3) % n],
	    words[(r >> 7) % n], words[(r >> 11) % n],
	    (unsigned long long)(text_random(x) % 100000), words[(r >> 15) % n],
	    words[(r >> 19) % n]);
}

void
text_fill(char *out, size_t len, uint64_t *state)
{
	char line[TEXT_LINE];

	for (size_t at = 0; at < len;) {
		size_t n = text_line(line, state);

		if (n > len - at)
			n = len - at;
		memcpy(out + at, line, n);
		at += n;
	}
}

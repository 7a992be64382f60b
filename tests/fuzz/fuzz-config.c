/*
 * The configuration file. What is refused is refused with a line for each
 * error; what is taken gives a text that is taken, too, and gives itself.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "tests/fuzz/fuzz.h"

/* Drops the comments that say where values are from. */
static void
drop_origins(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0'; at++) {
		if (strncmp(at, " ; ", 3) == 0)
			at += strcspn(at, "\n");
		*to++ = *at;
	}
	*to = '\0';
}

/* Parses bytes; gives the configuration as text, or NULL when refused. */
static char *
parse(const char *bytes, size_t len)
{
	struct config config;
	char *errors, *text = NULL;
	size_t n;
	FILE *out = open_memstream(&errors, &n);
	int rc;

	assert(out != NULL);
	rc = config_parse_text(&config, "f", bytes, len, out);
	assert(fclose(out) == 0);
	assert((rc == 0) == (n == 0));
	assert(n == 0 || errors[n - 1] == '\n');
	free(errors);
	if (rc == 0) {
		text = config_text(&config);
		assert(text != NULL);
		config_clear(&config);
	}
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *exact = malloc(len + 1);
	char *first, *second;

	memcpy(exact, bytes, len);
	first = parse(exact, len);
	free(exact);
	if (first == NULL)
		return 0;
	second = parse(first, strlen(first));
	assert(second != NULL);
	drop_origins(first);
	drop_origins(second);
	/* the line that names a file aside, there is nothing else to differ */
	assert(strcmp(first, second) == 0);
	free(first);
	free(second);
	return 0;
}

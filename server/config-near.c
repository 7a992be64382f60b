/* What is meant by a name that is mistyped. */
#include "server/config-parts.h"

#include <string.h>

#define NEAR_WORD_MAX 32 /* longer ones are near to nothing */
#define NEAR_WRONG 3 /* a third of it may be wrong */

static unsigned int
near_least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int
config_near_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned int row[NEAR_WORD_MAX + 1];

	if (n > NEAR_WORD_MAX || m > NEAR_WORD_MAX)
		return NEAR_WORD_MAX;
	for (unsigned int j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = near_least(change,
			    1 + near_least(row[j], row[j - 1]));
		}
	}
	return row[m];
}

void
config_near_init(struct config_near *near, const char *name)
{
	near->name = name;
	near->best = NULL;
	near->least = (unsigned int)strlen(name) / NEAR_WRONG + 1;
}

void
config_near_try(struct config_near *near, const char *known)
{
	unsigned int d = config_near_distance(near->name, known);

	if (d >= near->least)
		return;
	near->least = d;
	near->best = known;
}

void
config_near_entries(struct config_near *near, unsigned int where)
{
	for (size_t i = 0; i < config_table_n; i++) {
		if (config_table[i].where & where)
			config_near_try(near, config_table[i].name);
	}
}

void
config_near_hint(const struct config_near *near, char *out, size_t size)
{
	out[0] = '\0';
	if (near->best != NULL)
		snprintf(out, size, "; did you mean %s?", near->best);
}

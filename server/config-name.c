/* Names of options, as they are written and mistyped. */
#include "server/config-parts.h"

#include <string.h>

#define NAME_WORD_MAX 32 /* longer ones are near to nothing */

const struct option_entry *
config_name_find(const char *name, unsigned int where)
{
	for (size_t i = 0; i < config_table_n; i++) {
		if ((config_table[i].where & where) &&
		    strcmp(config_table[i].name, name) == 0)
			return &config_table[i];
	}
	return NULL;
}

static unsigned int
name_least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int
config_name_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned int row[NAME_WORD_MAX + 1];

	if (n > NAME_WORD_MAX || m > NAME_WORD_MAX)
		return NAME_WORD_MAX;
	for (unsigned int j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = name_least(change,
			    1 + name_least(row[j], row[j - 1]));
		}
	}
	return row[m];
}

unsigned int
config_name_slack(const char *name)
{
	return (unsigned int)strlen(name) / 3 + 1;
}

const char *
config_name_near(const char *name, unsigned int where)
{
	unsigned int least = config_name_slack(name);
	const char *near = NULL;

	for (size_t i = 0; i < config_table_n; i++) {
		unsigned int d =
		    config_name_distance(name, config_table[i].name);

		if ((config_table[i].where & where) && d < least) {
			least = d;
			near = config_table[i].name;
		}
	}
	return near;
}

#include "proto/words.h"

#include <string.h>

#define WORDS_COMMA ","
#define WORDS_BLANKS " \t"

const char *
words_next(const char **list, size_t *len)
{
	const char *word = *list + strspn(*list, WORDS_COMMA WORDS_BLANKS);

	*len = strcspn(word, WORDS_COMMA WORDS_BLANKS);
	*list = word + *len;
	return *len > 0 ? word : NULL;
}

const char *
words_next_path(const char **list, size_t *len)
{
	const char *path = *list + strspn(*list, WORDS_COMMA WORDS_BLANKS);

	*len = strcspn(path, WORDS_COMMA);
	*list = path + *len;
	while (*len > 0 && strchr(WORDS_BLANKS, path[*len - 1]) != NULL)
		--*len;
	return *len > 0 ? path : NULL;
}

#include "tests/unit/seam.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seam_left; /* allocations until one fails; 0: none will */
static int seam_has_failed;
static int seam_n;

void
seam_fail(unsigned int nth)
{
	seam_left = nth;
	seam_has_failed = 0;
}

int
seam_failed(void)
{
	return seam_has_failed;
}

int
seam_living(void)
{
	return seam_n;
}

/* Gives p, unless it is this one's turn to fail. */
static void *
seam_give(void *p)
{
	if (seam_left > 0 && --seam_left == 0) {
		free(p);
		errno = ENOMEM;
		seam_has_failed = 1;
		return NULL;
	}
	seam_n += p != NULL;
	return p;
}

/* What libmoro's objects call by these names: see meson.build. */
void *seam_malloc(size_t size);
void *seam_calloc(size_t n, size_t size);
char *seam_strdup(const char *text);
char *seam_strndup(const char *text, size_t n);
void seam_free(void *p);

void *
seam_malloc(size_t size)
{
	return seam_give(malloc(size));
}

void *
seam_calloc(size_t n, size_t size)
{
	return seam_give(calloc(n, size));
}

char *
seam_strdup(const char *text)
{
	return seam_give(strdup(text));
}

char *
seam_strndup(const char *text, size_t n)
{
	return seam_give(strndup(text, n));
}

void
seam_free(void *p)
{
	seam_n -= p != NULL;
	free(p);
}

#include "worker/wipe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#define WIPE_STACK (32 << 10) /* bytes: deeper than tasks leave secrets */

void *
wipe_malloc(size_t size)
{
	return malloc(size);
}

void
wipe_free(void *p)
{
	if (p == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void *
wipe_realloc(void *p, size_t size)
{
	size_t old = p != NULL ? malloc_usable_size(p) : 0;
	void *next = malloc(size);

	if (next == NULL)
		return NULL;
	if (old > 0)
		memcpy(next, p, old < size ? old : size);
	wipe_free(p);
	return next;
}

void __attribute__((noinline)) wipe_stack(void)
{
	char below[WIPE_STACK];

	explicit_bzero(below, sizeof below);
}

static void *
wipe_crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return wipe_malloc(size);
}

static void *
wipe_crypto_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size > 0)
		return wipe_realloc(p, size);
	wipe_free(p);
	return NULL;
}

static void
wipe_crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	wipe_free(p);
}

void
wipe_install(void)
{
	json_set_alloc_funcs(wipe_malloc, wipe_free);
	/* its decoders leave copies of the private keys that they read */
	CRYPTO_set_mem_functions(wipe_crypto_malloc, wipe_crypto_realloc,
	    wipe_crypto_free);
}

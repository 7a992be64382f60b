/*
 * A key's file: the first byte says how it is read. What is taken is what the
 * file says, and comes to a worker as it was; what is refused has a sentence.
 */

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/fuzz/fuzz.h"
#include "worker/keyring.h"

#define FORMATS 4
#define NAME "k"

/* A file in memory that holds the bytes, and nobody else may read. */
static int
file_of(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("key", MFD_CLOEXEC);

	assert(fd != -1 && fchmod(fd, 0600) == 0);
	assert(write(fd, bytes, len) == (ssize_t)len);
	return fd;
}

static const struct keyring_version *
current(void)
{
	const struct keyring_key *key = keyring_find(NAME, strlen(NAME));

	assert(key != NULL && key->n == 1);
	return &key->versions[0];
}

/* Whether digits, blanks left out, spell the bytes. */
static bool
spells(const uint8_t *text, size_t len, const uint8_t *bytes, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		const char *digits = "0123456789abcdef";
		uint8_t byte = at / 2 < n ? bytes[at / 2] : 0;

		if (strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
			continue;
		if (at / 2 >= n ||
		    tolower(text[i]) !=
			digits[at % 2 == 0 ? byte >> 4 : byte & 15])
			return false;
		at++;
	}
	return at == 2 * n;
}

/* What was taken of a file is what it says. */
static void
check_value(enum keyring_format format, const uint8_t *bytes, size_t len)
{
	const msgpack_object *v = &current()->value;
	const uint8_t *is = (const uint8_t *)v->via.bin.ptr;
	size_t n = v->via.bin.size;

	assert(n > 0 && n <= len);
	assert((v->type == MSGPACK_OBJECT_STR) == (format == KEYRING_TEXT));
	if (format == KEYRING_BINARY)
		assert(n == len);
	if (format == KEYRING_TEXT)
		assert(len - n <= 2 && memchr(is, '\0', n) == NULL);
	if (format == KEYRING_BINARY || format == KEYRING_TEXT)
		assert(memcmp(is, bytes, n) == 0);
	if (format == KEYRING_HEX)
		assert(spells(bytes, len, is, n));
}

/* Who reads what was written has the same key. */
static void
check_given(const struct keyring_source *source)
{
	struct keyring_version before = *current();
	size_t n = before.value.via.bin.size;
	uint8_t *bytes = malloc(n);
	int fd = memfd_create("given", MFD_CLOEXEC);

	assert(bytes != NULL && fd != -1);
	memcpy(bytes, before.value.via.bin.ptr, n);
	assert(keyring_give(fd) == 0);
	keyring_clear();
	assert(keyring_find(NAME, strlen(NAME)) == NULL);
	assert(keyring_take(source, 1, fd) == 0);
	assert(memcmp(current()->id, before.id, KEYRING_ID) == 0);
	assert(strcmp(current()->text, before.text) == 0);
	assert(current()->value.type == before.value.type);
	assert(current()->value.via.bin.size == n);
	assert(memcmp(current()->value.via.bin.ptr, bytes, n) == 0);
	close(fd);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct keyring_source source = {.name = NAME, .owner = geteuid()};
	char path[64], why[KEYRING_WHY] = "";
	int fd;

	if (len == 0)
		return 0;
	source.format = (enum keyring_format)(bytes[0] % FORMATS);
	fd = file_of(bytes + 1, len - 1);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	source.file = path;
	if (keyring_add(&source, why, sizeof why) == 0) {
		assert(why[0] == '\0');
		check_value(source.format, bytes + 1, len - 1);
		check_given(&source);
	} else {
		assert(strstr(why, path) != NULL);
		assert(keyring_find(NAME, strlen(NAME)) == NULL);
	}
	keyring_clear();
	close(fd);
	return 0;
}

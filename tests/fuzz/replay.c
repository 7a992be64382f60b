/*
 * Runs a target over a folder of inputs, without a fuzzer: every test run
 * replays the corpus. Prints what it did in TAP.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)

/* Gives the file to the target; it aborts when it finds something. */
static void
replay(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *bytes = malloc(INPUT_MAX);
	FILE *file;
	size_t len;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL || bytes == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	len = fread(bytes, 1, INPUT_MAX, file);
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, len);
	free(bytes);
}

int
main(int argc, char **argv)
{
	struct dirent **names;
	int n, done = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			replay(argv[1], names[i]->d_name);
			done++;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	printf("%s 1 - %d inputs of %s\n1..1\n", done > 0 ? "ok" : "not ok",
	    done, argv[1]);
	return done > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#include "worker/module-needs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "worker/syscalls.h"

#define NEEDS_MAX 64 /* texts of one list */
#define NEEDS_FLAGS (MORO_NEEDS_THREADS | MORO_NEEDS_CODE)

const char *
module_needs_flaw(const char *path)
{
	int fd;

	if (path[0] != '/')
		return "is no absolute path";
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return strerror(errno);
	close(fd);
	return NULL;
}

static int
needs_too_much(char *why, size_t size)
{
	snprintf(why, size, "what it needs is too much to be said");
	return -1;
}

/*
 * Copies a list of texts, each of which `flaw` may refuse. Returns 0, or -1 with
 * why.
 */
static int
needs_list(const char *const *from, const char *const **to,
    struct module_arena *arena, const char *(*flaw)(const char *), char *why,
    size_t size)
{
	const char **list, *what;
	size_t n = 0;

	if (from == NULL)
		return 0;
	while (n <= NEEDS_MAX && from[n] != NULL)
		n++;
	list = n <= NEEDS_MAX
		   ? module_arena_take(arena, (n + 1) * sizeof(char *))
		   : NULL;
	if (list == NULL)
		return needs_too_much(why, size);
	for (size_t i = 0; i < n; i++) {
		char *copy = module_arena_take(arena, strlen(from[i]) + 1);

		what = flaw(from[i]);
		if (what != NULL) {
			snprintf(why, size, "it needs %s, which %s", from[i],
			    what);
			return -1;
		}
		if (copy == NULL)
			return needs_too_much(why, size);
		list[i] = strcpy(copy, from[i]);
	}
	*to = list;
	return 0;
}

/* The same for what is wrong with a path, as the end of a sentence. */
static const char *
needs_path_flaw(const char *path)
{
	static char text[160];
	const char *flaw = module_needs_flaw(path);

	if (flaw == NULL || path[0] != '/')
		return flaw;
	snprintf(text, sizeof text, "cannot be opened: %s", flaw);
	return text;
}

int
module_needs_take(const struct moro_module *module, struct module_arena *arena,
    struct sandbox_needs *needs, char *why, size_t size)
{
	memset(needs, 0, sizeof *needs);
	needs->flags = module->needs;
	if ((module->needs & ~(unsigned int)NEEDS_FLAGS) != 0) {
		snprintf(why, size, "a need of it is not known");
		return -1;
	}
	if (needs_list(module->reads, &needs->reads, arena, needs_path_flaw,
		why, size) == -1 ||
	    needs_list(module->writes, &needs->writes, arena, needs_path_flaw,
		why, size) == -1)
		return -1;
	return needs_list(module->calls, &needs->calls, arena, syscalls_flaw,
	    why, size);
}

/* Writes the texts of a list, each behind the word that says what it is. */
static void
needs_write(FILE *out, const char *word, const char *const *list, bool *first)
{
	for (; list != NULL && *list != NULL; list++) {
		fprintf(out, "%s%s%s", *first ? "" : ", ", word, *list);
		*first = false;
	}
}

void
module_needs_text(const struct sandbox_needs *needs, FILE *out)
{
	bool first = true;
	const char *const flags[] = {needs->flags & MORO_NEEDS_THREADS
					 ? "threads"
					 : NULL,
	    NULL};
	const char *const code[] = {needs->flags & MORO_NEEDS_CODE
					? "code made at run time"
					: NULL,
	    NULL};

	needs_write(out, "", flags, &first);
	needs_write(out, "", code, &first);
	needs_write(out, "reads ", needs->reads, &first);
	needs_write(out, "writes ", needs->writes, &first);
	needs_write(out, "call ", needs->calls, &first);
	if (first)
		fputs("nothing", out);
}

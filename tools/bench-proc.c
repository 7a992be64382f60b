#include "tools/bench-proc.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROC_LINE 512
#define PROC_PATH 64
#define PROC_KIB 1024

/* Opens a file of a process. */
static FILE *
proc_open(pid_t pid, const char *name)
{
	char path[PROC_PATH];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* The sum of the numbers on lines that begin with a name. */
static uint64_t
proc_sum(pid_t pid, const char *file, const char *prefix)
{
	char line[PROC_LINE];
	uint64_t sum = 0;
	FILE *f = proc_open(pid, file);

	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		const char *colon = strchr(line, ':');

		if (colon != NULL && strncmp(line, prefix, strlen(prefix)) == 0)
			sum += strtoull(colon + 1, NULL, 10);
	}
	if (f != NULL)
		fclose(f);
	return sum;
}

/* The parent of a process, or 0. */
static pid_t
proc_parent(pid_t pid)
{
	char line[PROC_LINE];
	const char *end = NULL;
	int parent = 0;
	FILE *f = proc_open(pid, "stat");

	if (f == NULL)
		return 0;
	if (fgets(line, sizeof line, f) != NULL)
		end = strrchr(line, ')'); /* a name may hold anything */
	if (end == NULL || sscanf(end + 1, " %*c %d", &parent) != 1)
		parent = 0;
	fclose(f);
	return parent;
}

size_t
proc_children(pid_t pid, pid_t *out, size_t max)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (dir != NULL && n < max && (entry = readdir(dir)) != NULL) {
		pid_t one = (pid_t)atoi(entry->d_name);

		if (isdigit((unsigned char)entry->d_name[0]) &&
		    proc_parent(one) == pid)
			out[n++] = one;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

void
proc_name(pid_t pid, char *out, size_t size)
{
	FILE *f = proc_open(pid, "comm");

	out[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(out, (int)size, f) == NULL)
		out[0] = '\0';
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

uint64_t
proc_private(pid_t pid)
{
	return proc_sum(pid, "smaps_rollup", "Private_") * PROC_KIB;
}

uint64_t
proc_sleeps(pid_t pid)
{
	return proc_sum(pid, "status", "voluntary_ctxt_switches");
}

#include "tools/bench-proc.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROC_LINE 512
#define PROC_PATH 64
#define PROC_KIB 1024
#define PROC_CPU_FIELDS 8 /* user, nice, system, idle, iowait, irq, ... */
#define PROC_CPU_IDLE 3
#define PROC_CPU_IOWAIT 4
#define PROC_US_PER_S 1e6

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

double
proc_cpu_all(void)
{
	unsigned long long v[PROC_CPU_FIELDS] = {0}, sum = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0],
		&v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
		&v[7]) == PROC_CPU_FIELDS) {
		for (int i = 0; i < PROC_CPU_FIELDS; i++)
			sum += i == PROC_CPU_IDLE || i == PROC_CPU_IOWAIT
				   ? 0
				   : v[i];
	}
	fclose(f);
	return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

/* The CPU time of processes that getrusage() knows. */
static double
proc_cpu(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) /
		   PROC_US_PER_S;
}

double
proc_cpu_own(void)
{
	return proc_cpu(RUSAGE_SELF) + proc_cpu(RUSAGE_CHILDREN);
}

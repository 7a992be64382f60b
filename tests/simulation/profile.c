/* The configurations that the simulation goes through. */
#include "tests/simulation/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/program-types.h"
#include "worker/registry.h"

#define PROFILE_SPARE 3 /* slots of a pool, besides those of its workers */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const profile_texts[] = {
    /* as it comes */
    "[morod]\n"
    "debug-tasks = yes\n"
    "workers = 2\n",
    /* tight: every limit is met */
    "[morod]\n"
    "debug-tasks = yes\n"
    "workers = 1:3\n"
    "scale-wait = 5ms\n"
    "scale-idle = 50ms\n"
    "max-queue-size = 6\n"
    "max-frame = 4096\n"
    "max-client-tasks = 8\n"
    "max-client-bytes = 12000\n"
    "max-queued-bytes = 30000\n"
    "queue-high-mark = 50\n"
    "queue-low-mark = 20\n"
    "prefetch-us = 0\n"
    "breaker-deaths = 1\n"
    "breaker-window = 1000ms\n"
    "breaker-pause = 50ms\n"
    "frame-timeout = 100ms\n"
    "cancel-grace = 20ms\n"
    "[task debug:sleep]\n"
    "max-running = 1\n"
    "max-queued = 3\n"
    "priority = low\n",
    /* two pools, weights, aging, a reserve; workers are replaced */
    "[morod]\n"
    "debug-tasks = yes\n"
    "workers = 3\n"
    "reserve = 1\n"
    "weights = 4:2:1\n"
    "aging-ms = 20\n"
    "recycle-tasks = 5\n"
    "recycle-age = 700ms\n"
    "max-clients = 4\n"
    "[pool slow]\n"
    "reserve = 0\n"
    "workers = 1:2\n"
    "[task debug:sleep]\n"
    "pool = slow\n"
    "max-running = 1\n"
    "timeout = 40ms\n"
    "[task debug:spin]\n"
    "max-running = 1\n"
    "run-timeout = 30ms\n"
    "queue-timeout = 15ms\n",
    /* programs, and workers that dial in */
    "[morod]\n"
    "debug-tasks = yes\n"
    "workers = 1\n"
    "[pool program]\n"
    "command = /bin/true\n"
    "types = sim:program\n"
    "workers = 1:2\n"
    "ready-timeout = 50ms\n"
    "breaker-deaths = 2\n"
    "breaker-pause = 20ms\n"
    "[pool dial]\n"
    "serve = own\n"
    "types = sim:dial, sim:other\n"
    "workers = 2\n"
    "recycle-tasks = 4\n",
    /* many in a worker's hands */
    "[morod]\n"
    "debug-tasks = yes\n"
    "workers = 1\n"
    "prefetch-us = 1000\n"
    "[task debug:spin]\n"
    "max-running = 2\n",
};

static struct config profiles[COUNT(profile_texts)];
static int profile_files[COUNT(profile_texts)];
static int profile_none = -1; /* an empty report */
static uint32_t profile_now;

/* A file in memory that has the text. */
static int
profile_file(const char *text)
{
	int fd = memfd_create("simulation", MFD_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		sim_fail("no file in memory");
	return fd;
}

/* What dials in offers these: they have the same place in each seed. */
static void
profile_announce(const char *name)
{
	struct program_type said = {.name = name, .name_len = strlen(name)};
	char why[128];

	if (program_types_announce("dial", &said, why, sizeof why) == NULL)
		sim_fail("%s: %s", name, why);
}

/* The types of other profiles' programs are not this one's. */
static void
profile_own_types(struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_tasks; i++) {
		if (config_pool(config, config->tasks[i].pool) != NULL)
			config->tasks[n++] = config->tasks[i];
	}
	config->n_tasks = n;
}

void
profile_init(void)
{
	const char *why;
	char *text;

	if (registry_init(&why) == -1)
		sim_fail("tasks: %s", why);
	profile_announce("sim:dial");
	profile_announce("sim:other");
	profile_none = profile_file("");
	for (uint32_t i = 0; i < COUNT(profile_texts); i++) {
		if (config_parse_text(&profiles[i], "profile", profile_texts[i],
			strlen(profile_texts[i]), stderr) == -1)
			sim_fail("profile %u cannot be read", i);
		profile_own_types(&profiles[i]);
		/* few, for they are made anew for each seed */
		for (size_t j = 0; j < profiles[i].n_pools; j++)
			profiles[i].pools[j].slots =
			    (uint32_t)profiles[i].pools[j].workers.max +
			    PROFILE_SPARE;
		if (config_slots(&profiles[i]) > SIM_SLOTS)
			sim_fail("profile %u has too many slots", i);
		text = config_text(&profiles[i]);
		profile_files[i] = profile_file(text);
		free(text);
	}
}

uint32_t
profile_count(void)
{
	return COUNT(profile_texts);
}

uint32_t
profile_slots(void)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < COUNT(profiles); i++) {
		if (config_slots(&profiles[i]) > most)
			most = config_slots(&profiles[i]);
	}
	return most;
}

const struct config *
profile_take(uint32_t i)
{
	profile_now = i;
	return &profiles[i];
}

int
profile_text(void)
{
	return profile_files[profile_now];
}

int
profile_report(void)
{
	return profile_none;
}

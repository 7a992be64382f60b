/*
 * simulate FROM COUNT: runs the seeds FROM to FROM + COUNT - 1 (sim.h says what
 * that is), and prints what happened in them. simulate --trace SEED: one of
 * them, with each event. A finding ends it with its seed.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/simulation/sim.h"

#define FDS_LOOKED_AT 64 /* behind the first that is free */
#define FDS_MAX 1024
#define AGAIN 50 /* of so many seeds one is run twice */
#define KEPT_BYTES (256 << 20) /* of memory, between seeds */

/* What is there before a seed, and must be there again. */
struct before {
	int fd; /* the first that is free */
	uint64_t memory;
};

static struct before
look(void)
{
	struct before b = {.memory = seam_memory()};

	b.fd = dup(STDOUT_FILENO);
	if (b.fd == -1)
		sim_fail("no descriptor: %s", strerror(errno));
	close(b.fd);
	return b;
}

/* Descriptors and memory are back where they were. */
static void
compare(const struct before *b)
{
	struct pollfd fds[FDS_LOOKED_AT];
	struct before now = look();

	if (now.fd != b->fd)
		sim_fail("descriptor %d is left open or was closed", b->fd);
	for (int i = 0; i < FDS_LOOKED_AT; i++)
		fds[i] = (struct pollfd){.fd = b->fd + i};
	poll(fds, FDS_LOOKED_AT, 0);
	for (int i = 0; i < FDS_LOOKED_AT; i++) {
		if ((fds[i].revents & POLLNVAL) == 0)
			sim_fail("descriptor %d is left open", b->fd + i);
	}
	if (now.memory != b->memory)
		sim_fail("blocks of memory: %" PRIu64 " before, %" PRIu64
			 " after",
		    b->memory, now.memory);
}

/* Runs it again: it must be the same, and leave nothing. */
static void
run_again(uint64_t seed)
{
	uint64_t digest = sim.digest;
	struct before b = look();

	play_seed(seed);
	compare(&b);
	if (sim.digest != digest)
		sim_fail("it is another run the second time");
}

static void
run(uint64_t from, uint64_t count)
{
	struct before b;

	for (uint64_t i = 0; i < count; i++) {
		sim_watch();
		b = look();
		play_seed(from + i);
		/* the first ones make what is kept */
		if (i > 2 * AGAIN)
			compare(&b);
		if (i % AGAIN == 0 || i == count - 1)
			run_again(from + i);
	}
	printf("ok 1 - seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64
	       " events, %" PRIu64 " messages, %" PRIu64 " tasks, %" PRIu64
	       " answers, %" PRIu64 " deaths\n1..1\n",
	    from, from + count - 1, sim.n_events, sim.n_requests, sim.n_tasks,
	    sim.n_answers, sim.n_deaths);
}

static uint64_t
number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "simulate: \"%s\" is no number\n", text);
		exit(2);
	}
	return n;
}

int
main(int argc, char **argv)
{
	bool trace = argc == 3 && strcmp(argv[1], "--trace") == 0;
	struct rlimit fds = {FDS_MAX, FDS_MAX};

	if (argc != 3) {
		fprintf(stderr, "usage: simulate FROM COUNT\n"
				"       simulate --trace SEED\n");
		return 2;
	}
	/* memory stays where it is, and is not asked for anew */
	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	setrlimit(RLIMIT_NOFILE, &fds);
	profile_init();
	boss_init();
	ask_init();
	sim_watch();
	if (!trace) {
		run(number(argv[1]), number(argv[2]));
		return EXIT_SUCCESS;
	}
	sim.trace = true;
	play_seed(number(argv[2]));
	printf("digest %016" PRIx64 "\n", sim.digest);
	run_again(number(argv[2]));
	return EXIT_SUCCESS;
}

#include "tests/simulation/sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define FNV_PRIME UINT64_C(0x100000001b3)
#define PATIENCE_S 30 /* of the processor, for one seed */

struct sim sim;

/* splitmix64: small, and good enough for choices */
static uint64_t
trace_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t
sim_random(uint32_t n)
{
	return (uint32_t)((trace_next(&sim.random) >> 32) * n >> 32);
}

bool
sim_one_in(uint32_t n)
{
	return sim_random(n) == 0;
}

/* The dispatcher's own dice; libbsd's, but the same for the same seed. */
uint32_t arc4random_uniform(uint32_t n);

uint32_t
arc4random_uniform(uint32_t n)
{
	return n == 0 ? 0
		      : (uint32_t)((trace_next(&sim.other) >> 32) * n >> 32);
}

static void
trace_mix(uint64_t n)
{
	sim.digest = (sim.digest ^ n) * FNV_PRIME;
	sim.digest ^= sim.digest >> 29;
}

void
sim_note(const char *what, uint64_t a, uint64_t b, uint64_t c)
{
	trace_mix((uint64_t)(uint8_t)what[0] << 8 | (uint8_t)what[1]);
	trace_mix(a);
	trace_mix(b);
	trace_mix(c);
	if (sim.trace)
		printf("%4" PRIu32 " %" PRIu64 " %s %" PRIu64 " %" PRIu64
		       " %" PRIu64 "\n",
		    sim.step, sim.now_us / US_PER_MS % 1000000000, what, a, b,
		    c);
}

void
sim_fail(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "\nseed %" PRIu64 ", step %" PRIu32 ": ", sim.seed,
	    sim.step);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* Says which seed it was, with calls that a handler may use. */
static void
trace_signal(int sig)
{
	char line[64] = "\nsimulation: signal 00, seed ";
	char *at = line + strlen(line), digits[24];
	size_t n = 0;
	uint64_t seed = sim.seed;

	line[20] = (char)('0' + sig / 10);
	line[21] = (char)('0' + sig % 10);
	do
		digits[n++] = (char)('0' + seed % 10);
	while ((seed /= 10) > 0);
	while (n > 0)
		*at++ = digits[--n];
	*at++ = '\n';
	sim.inside = false;
	if (write(STDERR_FILENO, line, (size_t)(at - line)) == -1)
		_exit(EXIT_FAILURE);
	signal(sig, SIG_DFL);
	raise(sig);
}

void
sim_watch(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
	    SIGPROF};
	struct itimerval t = {.it_value = {.tv_sec = PATIENCE_S}};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], trace_signal);
	signal(SIGPIPE, SIG_IGN);
	setitimer(ITIMER_PROF, &t, NULL);
}

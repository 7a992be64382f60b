#include "client/fork.h"

#include <pthread.h>

static unsigned int fork_count;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void
fork_child(void)
{
	fork_count++;
}

static void
fork_register(void)
{
	/* without memory for it, a child is not told apart: as it was before */
	pthread_atfork(NULL, NULL, fork_child);
}

void
fork_watch(void)
{
	pthread_once(&fork_once, fork_register);
}

unsigned int
fork_generation(void)
{
	return fork_count;
}

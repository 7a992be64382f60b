#include "server/now.h"

#include <time.h>

#define US_PER_S 1000000u
#define NS_PER_US 1000u
#define US_PER_MS 1000u

uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * US_PER_S +
	       (uint64_t)ts.tv_nsec / NS_PER_US;
}

uint64_t
now_ms(void)
{
	return now_us() / US_PER_MS;
}

uint64_t
now_wall(void)
{
	return (uint64_t)time(NULL);
}

#include "worker/heap.h"

#include <stdlib.h> /* says whether this is glibc */

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define HEAP_KEPT (32 << 20) /* bytes at the heap's end that are not in use */
#define HEAP_SHARE 32 /* of a limit: one part of so many is kept */
#define HEAP_MAPPED (4 << 20) /* a larger piece is a mapping of its own */

void
heap_keep(uint64_t limit)
{
	uint64_t kept = HEAP_KEPT;

	if (limit > 0 && limit / HEAP_SHARE < kept)
		kept = limit / HEAP_SHARE;
#ifdef __GLIBC__
	mallopt(M_TRIM_THRESHOLD, (int)kept);
	mallopt(M_MMAP_THRESHOLD, HEAP_MAPPED);
#endif
}

void
heap_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

#ifndef MORO_PROTO_PAGE_H
#define MORO_PROTO_PAGE_H

/*
 * The page that a worker shares with the dispatcher. The worker alone writes
 * it; to the dispatcher it is untrusted input, copied once and checked.
 */

#include <stdatomic.h>
#include <stdint.h>

#define PAGE_SIZE_BYTES 4096

struct page {
	/*
	 * Tasks begun since the worker started, stored before each one runs:
	 * at its death the dispatcher gives back what was handed to it and
	 * not begun.
	 */
	_Atomic uint64_t begun;
};

#endif

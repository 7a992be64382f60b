#ifndef MORO_PROTO_PAGE_H
#define MORO_PROTO_PAGE_H

/*
 * The memory that one worker shares with the dispatcher. It lets short tasks
 * be handed over in batches without a loss: it says which of them were begun,
 * how long each kind takes, and holds the finished answers until they are
 * sent. To the dispatcher it is untrusted input: every word is copied once
 * and checked, and no call here waits for the other side.
 *
 * Tasks count from 1 in the order in which they were handed to the worker.
 * The numbers have 32 bits and wrap; they are compared by their distance.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_TYPES 64 /* task types whose run times are learned */
#define PAGE_SIZES 9 /* classes of data sizes, see page_size_class() */
#define PAGE_SIZE_FILE (PAGE_SIZES - 1) /* of tasks with descriptors */
#define PAGE_TASKS 1024 /* tasks that a worker holds at most */
#define PAGE_TOOK_MAX UINT32_MAX /* 268 s, or more */
#define PAGE_OUT ((size_t)256 << 10) /* bytes of finished answers */

struct page {
	/*
	 * Low half: the task begun last. High half: the last one that was
	 * revoked. Both sides change it by compare and swap, so that a task is
	 * either begun or revoked and never both.
	 */
	_Atomic uint64_t turn;
	/*
	 * The task that is to stop by itself, 0: none. The worker's task asks
	 * for it now and then, if it is of a kind that does.
	 */
	_Atomic uint32_t cancel;
	_Atomic uint32_t memory; /* it dies for want of memory, if not 0 */
	/* Low half: bytes of `out` that are whole answers. High: flushes. */
	_Atomic uint64_t ready;
	/* What a task of the type and size is expected to take, ns; 0: unknown */
	_Atomic uint32_t run_ns[PAGE_TYPES][PAGE_SIZES];
	/* What the tasks that it holds took, by number; steps of 1/16 us */
	_Atomic uint32_t took[PAGE_TASKS];
	uint8_t out[PAGE_OUT];
};

/* Whether task a was handed after task b. */
static inline bool
page_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* The class of `len` bytes of data, below PAGE_SIZE_FILE. */
unsigned int page_size_class(size_t len);

/* Worker: begins task n. False: it was revoked, and must not be run. */
bool page_begin(struct page *p, uint32_t n);

/* Dispatcher: the task begun last; 0: none. */
uint32_t page_begun(const struct page *p);

/*
 * Dispatcher: takes back all tasks up to `handed` that are not begun, and sets
 * *begun to the one begun last. Returns 0, or -1: the worker keeps changing
 * the word, which an honest one does once a task.
 */
int page_revoke(struct page *p, uint32_t handed, uint32_t *begun);

/* Dispatcher: asks task n to stop. Worker: whether its task n is asked to. */
void page_cancel(struct page *p, uint32_t n);
bool page_is_cancelled(const struct page *p, uint32_t n);

/* Worker: it dies because it gets no more memory. Dispatcher: whether it said so. */
void page_blame_memory(struct page *p);
bool page_blames_memory(const struct page *p);

/* Worker: learns from a run; the expectation follows within a few tasks. */
void page_learn(struct page *p, unsigned int type, unsigned int size,
    uint64_t ns);

/* What a task of that kind is expected to take, in ns; 0: unknown. */
uint32_t page_expect(const struct page *p, unsigned int type,
    unsigned int size);

/* Worker: task n took so long; before its answer is shown or sent. */
static inline void
page_set_took(struct page *p, uint32_t n, uint64_t ns)
{
	uint64_t steps = ns * 2 / 125;

	atomic_store_explicit(&p->took[n % PAGE_TASKS],
	    steps < PAGE_TOOK_MAX ? (uint32_t)steps : PAGE_TOOK_MAX,
	    memory_order_relaxed);
}

/*
 * Dispatcher: what task n took, in 1/16 us, once its answer has come and before
 * it hands out task n + PAGE_TASKS.
 */
static inline uint32_t
page_took(const struct page *p, uint32_t n)
{
	return atomic_load_explicit(&p->took[n % PAGE_TASKS],
	    memory_order_relaxed);
}

/* Worker: the first `bytes` of out are whole answers, not sent yet. */
void page_set_ready(struct page *p, uint32_t bytes);

/* Worker: all answers are sent; out is used from its start again. */
void page_flushed(struct page *p);

/*
 * Dispatcher: copies the finished answers to `to`, which has room for
 * PAGE_OUT. Returns their bytes; 0: there are none, or the worker sent them
 * meanwhile.
 */
size_t page_copy_ready(const struct page *p, uint8_t *to);

#endif

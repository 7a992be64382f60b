#include "proto/page.h"

#include <string.h>

#define HALF 32 /* bits */
#define REVOKE_TRIES 1000
/* A revocation this far back would look as if it were still to come. */
#define REVOKED_FAR ((uint32_t)1 << 30)
#define SIZE_FIRST_BITS 6 /* up to 64 bytes: class 0 */
#define SIZE_STEP_BITS 2 /* each further class holds four times as much */
#define LEARN_SHIFT 3 /* a faster run counts as 1/8 */
#define LEARN_SLOWER_SHIFT 2 /* a slower one as 1/4 */

static uint64_t
page_word(uint32_t high, uint32_t low)
{
	return (uint64_t)high << HALF | low;
}

unsigned int
page_size_class(size_t len)
{
	unsigned int class = 0;

	len = len > 0 ? (len - 1) >> SIZE_FIRST_BITS : 0;
	while (len > 0 && class < PAGE_SIZE_FILE - 1) {
		len >>= SIZE_STEP_BITS;
		class ++;
	}
	return class;
}

bool
page_begin(struct page *p, uint32_t n)
{
	uint64_t word = atomic_load_explicit(&p->turn, memory_order_relaxed);
	uint32_t revoked;

	do {
		revoked = (uint32_t)(word >> HALF);
		if (!page_after(n, revoked))
			return false;
		if (n - revoked > REVOKED_FAR)
			revoked = n - 1;
	} while (!atomic_compare_exchange_weak_explicit(&p->turn, &word,
	    page_word(revoked, n), memory_order_acq_rel, memory_order_relaxed));
	return true;
}

uint32_t
page_begun(const struct page *p)
{
	return (uint32_t)atomic_load_explicit(&p->turn, memory_order_acquire);
}

int
page_revoke(struct page *p, uint32_t handed, uint32_t *begun)
{
	uint64_t word = atomic_load_explicit(&p->turn, memory_order_relaxed);

	for (int i = 0; i < REVOKE_TRIES; i++) {
		*begun = (uint32_t)word;
		if (atomic_compare_exchange_strong_explicit(&p->turn, &word,
			page_word(handed, *begun), memory_order_acq_rel,
			memory_order_relaxed))
			return 0;
	}
	return -1;
}

void
page_cancel(struct page *p, uint32_t n)
{
	atomic_store_explicit(&p->cancel, n, memory_order_relaxed);
}

void
page_blame_memory(struct page *p)
{
	atomic_store_explicit(&p->memory, 1, memory_order_relaxed);
}

bool
page_blames_memory(const struct page *p)
{
	return atomic_load_explicit(&p->memory, memory_order_relaxed) != 0;
}

bool
page_is_cancelled(const struct page *p, uint32_t n)
{
	return atomic_load_explicit(&p->cancel, memory_order_relaxed) == n;
}

/*
 * A faster run counts as an eighth, a slower one as a quarter, and at most as
 * one of twice the time: one that was interrupted says little. Between the two
 * the expectation stays near the mean, and a kind that turned slow is known
 * after some ten runs; a batch of it is taken back sooner
 * (server/slot-recall.c).
 */
void
page_learn(struct page *p, unsigned int type, unsigned int size, uint64_t ns)
{
	_Atomic uint32_t *at;
	uint32_t old, run = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;

	if (type >= PAGE_TYPES || size >= PAGE_SIZES)
		return;
	at = &p->run_ns[type][size];
	old = atomic_load_explicit(at, memory_order_relaxed);
	if (run == 0)
		run = 1;
	if (old != 0 && run > old) {
		run = run - old > old ? old : run - old;
		run = old + (run >> LEARN_SLOWER_SHIFT) + 1;
	} else if (old != 0) {
		run = old - ((old - run) >> LEARN_SHIFT);
	}
	if (run != old)
		atomic_store_explicit(at, run, memory_order_relaxed);
}

uint32_t
page_expect(const struct page *p, unsigned int type, unsigned int size)
{
	if (type >= PAGE_TYPES || size >= PAGE_SIZES)
		return 0;
	return atomic_load_explicit(&p->run_ns[type][size],
	    memory_order_relaxed);
}

void
page_set_ready(struct page *p, uint32_t bytes)
{
	uint64_t word = atomic_load_explicit(&p->ready, memory_order_relaxed);

	atomic_store_explicit(&p->ready,
	    page_word((uint32_t)(word >> HALF), bytes), memory_order_release);
}

void
page_flushed(struct page *p)
{
	uint64_t word = atomic_load_explicit(&p->ready, memory_order_relaxed);

	atomic_store_explicit(&p->ready,
	    page_word((uint32_t)(word >> HALF) + 1, 0), memory_order_release);
	/* What overwrites the answers must not be seen before. */
	atomic_thread_fence(memory_order_seq_cst);
}

size_t
page_copy_ready(const struct page *p, uint8_t *to)
{
	uint64_t before = atomic_load_explicit(&p->ready, memory_order_acquire);
	uint32_t bytes = (uint32_t)before;
	uint64_t after;

	if (bytes == 0 || bytes > PAGE_OUT)
		return 0;
	memcpy(to, p->out, bytes);
	atomic_thread_fence(memory_order_seq_cst);
	after = atomic_load_explicit(&p->ready, memory_order_relaxed);
	return before >> HALF == after >> HALF ? bytes : 0;
}

#include "server/task.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/info.h"

#define SLAB_TASKS 1024 /* records made at once */
#define SLAB_BLOCKS 4096
#define INDEX_MASK ((1u << TASK_INDEX_BITS) - 1)

/*
 * From the first size on data stays in its chunk, which it keeps from being
 * freed; from the second on also when the task has to wait.
 */
#define TASK_REFERENCE ((size_t)1 << 10)
#define TASK_REFERENCE_WAITING ((size_t)16 << 10)

_Static_assert(sizeof(void *) != 8 || sizeof(struct task) == 3 * TASK_LINE,
    "a record is three lines of the cache");
_Static_assert(SLAB_TASKS *SLAB_BLOCKS == 1u << TASK_INDEX_BITS,
    "every index must fit in its bits");

struct task_slab {
	struct task *blocks[SLAB_BLOCKS];
	uint32_t n_blocks;
	uint32_t used;
	struct task *free; /* unused records, linked by msgid_next */
	LIST_HEAD(, task) fresh; /* that borrow from what was just read */
	struct task_extra *extras; /* unused ones, linked by `id` */
};

struct task_slab *
task_slab_new(void)
{
	return calloc(1, sizeof(struct task_slab));
}

void
task_slab_free(struct task_slab *slab)
{
	struct task_extra *e;

	for (uint32_t i = 0; i < slab->n_blocks; i++)
		free(slab->blocks[i]);
	while ((e = slab->extras) != NULL) {
		slab->extras = (struct task_extra *)(void *)e->id;
		free(e);
	}
	free(slab);
}

/* Makes one more block of records. */
static int
task_slab_grow(struct task_slab *slab)
{
	struct task *block;

	if (slab->n_blocks == SLAB_BLOCKS)
		return -1;
	block = aligned_alloc(TASK_LINE, SLAB_TASKS * sizeof *block);
	if (block == NULL)
		return -1;
	memset(block, 0, SLAB_TASKS * sizeof *block);
	/* From the last on, so that the first is taken first. */
	for (uint32_t i = SLAB_TASKS; i-- > 0;) {
		block[i].index = slab->n_blocks * SLAB_TASKS + i;
		block[i].state = TASK_ANSWERED;
		block[i].msgid_next = slab->free;
		slab->free = &block[i];
	}
	slab->blocks[slab->n_blocks++] = block;
	return 0;
}

struct task *
task_new(struct task_slab *slab)
{
	struct task *t;
	uint16_t generation;

	if (slab->free == NULL && task_slab_grow(slab) == -1)
		return NULL;
	t = slab->free;
	slab->free = t->msgid_next;
	task_prefetch(slab->free);
	generation = (uint16_t)(t->generation + 1);
	/* Never 0 in the number, which so always has the same length. */
	if ((generation & TASK_GENERATION_MASK) == 0)
		generation++;
	/* Field by field: clearing them all at once takes ten times as long. */
	t->msgid_next = NULL;
	t->client = NULL;
	t->route = NULL;
	t->slot = NULL;
	t->extra = NULL;
	t->msgid = 0;
	t->number = t->cost_ns = t->data_len = 0;
	t->generation = generation;
	t->state = TASK_NEW;
	t->priority = t->returns = 0;
	t->attempt = 1;
	t->place = TASK_IN_RECORD;
	t->size = t->n_fds = 0;
	t->notify = t->counts = t->parked = t->was_parked = false;
	t->unparked = t->member = false;
	t->lifted = 0;
	slab->used++;
	return t;
}

/* Takes it off the list of fresh ones. */
static void
task_age(struct task *t)
{
	if (!t->data.far.fresh)
		return;
	LIST_REMOVE(t, data.far.link);
	t->data.far.fresh = false;
}

/* Overwrites data that is the task's own: a chunk sees to that itself. */
static void __attribute__((cold, noinline)) task_wipe_data(struct task *t)
{
	if (t->place == TASK_IN_RECORD)
		explicit_bzero(t->data.bytes, t->data_len);
	else if (t->place == TASK_IN_MEMORY)
		explicit_bzero((void *)(uintptr_t)t->data.far.at, t->data_len);
}

/* Frees data that is not in the record. */
static void __attribute__((noinline)) task_drop_data(struct task *t)
{
	task_age(t);
	if (t->place == TASK_IN_CHUNK)
		chunk_unref(t->data.far.chunk);
	else if (t->place == TASK_IN_MEMORY)
		free((void *)(uintptr_t)t->data.far.at);
	t->place = TASK_IN_RECORD;
}

int
task_add_extra(struct task_slab *slab, struct task *t)
{
	struct task_extra *e = slab->extras;

	if (e != NULL)
		slab->extras = (struct task_extra *)(void *)e->id;
	else
		e = malloc(sizeof *e);
	if (e == NULL)
		return -1;
	memset(e, 0, sizeof *e);
	e->result_fd = INFO_NO_FD;
	t->extra = e;
	return 0;
}

void
task_attach(struct task *t, struct fdset *fdset)
{
	t->extra->fdset = fdset;
	t->n_fds = (uint8_t)fdset->n;
	t->size = PAGE_SIZE_FILE;
}

/* Gives back what only some tasks have. */
static void __attribute__((noinline))
task_free_extra(struct task_slab *slab, struct task *t)
{
	assert(!deadline_is_set(&t->extra->deadline));
	if (t->extra->secret)
		task_wipe_data(t);
	fdset_unref(t->extra->fdset);
	t->extra->id = (struct task_id *)(void *)slab->extras;
	slab->extras = t->extra;
	t->extra = NULL;
}

void
task_free(struct task_slab *slab, struct task *t)
{
	assert(t->state == TASK_NEW || t->state == TASK_ANSWERED);
	if (t->extra != NULL)
		task_free_extra(slab, t);
	if (t->place != TASK_IN_RECORD)
		task_drop_data(t);
	t->state = TASK_ANSWERED;
	t->msgid_next = slab->free;
	slab->free = t;
	slab->used--;
}

uint32_t
task_slab_used(const struct task_slab *slab)
{
	return slab->used;
}

struct task *
task_find(struct task_slab *slab, uint64_t number)
{
	uint32_t index = (uint32_t)number & INDEX_MASK;
	struct task *t;

	if (number > UINT32_MAX || index / SLAB_TASKS >= slab->n_blocks)
		return NULL;
	t = &slab->blocks[index / SLAB_TASKS][index % SLAB_TASKS];
	if (task_wire_number(t) != number || t->state == TASK_ANSWERED)
		return NULL;
	return t;
}

/* Copies the data to where it is the task's own. Returns 0 or -1. */
static int __attribute__((noinline))
task_copy_far(struct task *t, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		return -1;
	t->place = TASK_IN_MEMORY;
	t->data.far.at = copy;
	t->data.far.fresh = false;
	memcpy(copy, data, len);
	return 0;
}

/* Copies the data into the record, or behind it. Returns 0 or -1. */
static inline int
task_copy_data(struct task *t, const uint8_t *data, size_t len)
{
	if (len > TASK_INLINE)
		return task_copy_far(t, data, len);
	memcpy(t->data.bytes, data, len);
	return 0;
}

/* Leaves the data in the chunk that it came in. */
static void __attribute__((noinline)) task_refer(struct task_slab *slab,
    struct task *t, const uint8_t *data, struct chunk *chunk)
{
	t->place = TASK_IN_CHUNK;
	t->data.far.at = data;
	t->data.far.chunk = chunk_ref(chunk);
	t->data.far.fresh = t->data_len < TASK_REFERENCE_WAITING;
	if (t->data.far.fresh)
		LIST_INSERT_HEAD(&slab->fresh, t, data.far.link);
}

int
task_keep_data(struct task_slab *slab, struct task *t, const uint8_t *data,
    size_t len, struct chunk *chunk)
{
	t->data_len = (uint32_t)len;
	if (t->n_fds == 0)
		t->size = (uint8_t)page_size_class(len);
	if (len < TASK_REFERENCE || chunk == NULL)
		return task_copy_data(t, data, len);
	task_refer(slab, t, data, chunk);
	return 0;
}

void
task_settle(struct task *t)
{
	struct chunk *chunk = t->data.far.chunk;

	if (t->place != TASK_IN_CHUNK || t->data_len >= TASK_REFERENCE_WAITING)
		return;
	task_age(t);
	if (task_copy_data(t, t->data.far.at, t->data_len) == 0)
		chunk_unref(chunk);
}

void
task_settle_fresh(struct task_slab *slab)
{
	struct task *t;

	while ((t = LIST_FIRST(&slab->fresh)) != NULL) {
		if (t->state == TASK_QUEUED || t->state == TASK_GATHERING)
			task_settle(t);
		else
			task_age(t);
	}
}

const char *
task_state_name(enum task_state state)
{
	static const char *const names[TASK_STATES] = {
	    [TASK_NEW] = "new",
	    [TASK_QUEUED] = "queued",
	    [TASK_RUNNING] = "running",
	    [TASK_DELAYED] = "delayed",
	    [TASK_GATHERING] = "gathering",
	    [TASK_ANSWERED] = "answered",
	};

	return names[state];
}

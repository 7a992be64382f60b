#include "worker/mapping.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAPPING_PAGE ((size_t)4096) /* files of larger pages are not mapped */
#define MAPPING_PART ((size_t)4 << 20) /* bytes that are mapped at once */
#define MAPPING_KEPT 32 /* parts that stay mapped, and their bytes in all: */
#define MAPPING_BYTES ((size_t)32 << 20)

/* A part of a file. While it is mapped no other file has the same number. */
struct mapping {
	void *at; /* NULL: this place is free */
	size_t len;
	off_t from;
	int protection; /* PROT_READ, PROT_WRITE */
	dev_t dev;
	ino_t ino;
};

static struct mapping kept[MAPPING_KEPT];
static unsigned int kept_next; /* the place that is given away next */
static const struct mapping *kept_placed; /* is not given away; or NULL */
static size_t kept_bytes;
static bool kept_used;

static void
mapping_drop(struct mapping *m)
{
	if (m->at == NULL)
		return;
	munmap(m->at, m->len);
	kept_bytes -= m->len;
	m->at = NULL;
}

void
mapping_forget(void)
{
	kept_placed = NULL;
	for (unsigned int i = 0; i < MAPPING_KEPT; i++)
		mapping_drop(&kept[i]);
}

bool
mapping_is_kept(void)
{
	return kept_bytes > 0;
}

bool
mapping_was_used(void)
{
	bool used = kept_used;

	kept_used = false;
	return used;
}

bool
mapping_cannot_shrink(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & F_SEAL_SHRINK);
}

/* Whether the bytes are there, and will be. The seal comes first. */
static bool
mapping_is_sealed(int fd, uint64_t end, struct stat *st)
{
	/* huge pages can be used up, which is a SIGBUS */
	return mapping_cannot_shrink(fd) && fstat(fd, st) == 0 &&
	       (size_t)st->st_blksize <= MAPPING_PAGE &&
	       (uint64_t)st->st_size >= end;
}

/* The part, if it is mapped already; or NULL. */
static const struct mapping *
mapping_find(const struct mapping *wanted)
{
	for (unsigned int i = 0; i < MAPPING_KEPT; i++) {
		const struct mapping *m = &kept[i];

		if (m->at != NULL && m->ino == wanted->ino &&
		    m->dev == wanted->dev && m->from == wanted->from &&
		    m->len == wanted->len &&
		    m->protection == wanted->protection)
			return m;
	}
	return NULL;
}

/* Drops what was mapped first until len bytes have room, and gives a place. */
static struct mapping *
mapping_make_room(size_t len)
{
	struct mapping *m = NULL;

	while (m == NULL || kept_bytes + len > MAPPING_BYTES) {
		struct mapping *first = &kept[kept_next];

		kept_next = (kept_next + 1) % MAPPING_KEPT;
		if (first == kept_placed)
			continue;
		mapping_drop(first);
		m = first;
	}
	return m;
}

/* Maps the part, in the place of what was mapped first. NULL: it cannot. */
static const struct mapping *
mapping_add(const struct mapping *wanted, int fd)
{
	struct mapping *m = mapping_make_room(wanted->len);
	/* pages that are to be written to come as they are needed */
	int flags = wanted->protection & PROT_WRITE ? 0 : MAP_POPULATE;
	void *at;

	at = mmap(NULL, wanted->len, wanted->protection, MAP_SHARED | flags, fd,
	    wanted->from);
	if (at == MAP_FAILED)
		return NULL;
	*m = *wanted;
	m->at = at;
	kept_bytes += m->len;
	return m;
}

/* The part of a file, mapped. NULL: it cannot be. */
static const struct mapping *
mapping_of(struct mapping *wanted, int fd, const struct stat *st)
{
	const struct mapping *m;

	wanted->dev = st->st_dev;
	wanted->ino = st->st_ino;
	m = mapping_find(wanted);
	if (m == NULL)
		m = mapping_add(wanted, fd);
	kept_used = kept_used || m != NULL;
	return m;
}

const uint8_t *
mapping_get(int fd, uint64_t offset, uint64_t left, size_t *len)
{
	size_t ahead = (size_t)offset & (MAPPING_PAGE - 1);
	size_t n = left < MAPPING_PART ? (size_t)left : MAPPING_PART;
	struct mapping wanted = {
	    .len = ahead + n,
	    .from = (off_t)(offset - ahead),
	    .protection = PROT_READ,
	};
	const struct mapping *m;
	struct stat st;

	if (!mapping_is_sealed(fd, offset + left, &st))
		return NULL;
	m = mapping_of(&wanted, fd, &st);
	if (m == NULL)
		return NULL;
	*len = n;
	return (const uint8_t *)m->at + ahead;
}

/* Bytes of a file's part for results: the same, whatever is needed of it. */
static size_t
mapping_first_part(const struct stat *st)
{
	return st->st_size < (off_t)MAPPING_PART ? (size_t)st->st_size
						 : MAPPING_PART;
}

uint8_t *
mapping_place(int fd, size_t need, size_t *len)
{
	struct mapping wanted = {.protection = PROT_READ | PROT_WRITE};
	struct stat st;

	kept_placed = NULL;
	if (need > MAPPING_PART || !mapping_is_sealed(fd, need, &st))
		return NULL;
	wanted.len = mapping_first_part(&st);
	kept_placed = mapping_of(&wanted, fd, &st);
	if (kept_placed == NULL)
		return NULL;
	*len = kept_placed->len;
	return kept_placed->at;
}

size_t
mapping_place_room(int fd)
{
	struct stat st;

	return mapping_is_sealed(fd, 0, &st) ? mapping_first_part(&st) : 0;
}

void
mapping_release(void)
{
	kept_placed = NULL;
}

#ifndef MORO_WORKER_MAPPING_H
#define MORO_WORKER_MAPPING_H

/*
 * Memfds that cannot shrink (F_SEAL_SHRINK, fcntl(2)), read and written where
 * they are. A part stays mapped for the tasks that come: a caller that passes
 * the same files again, filled anew, finds them mapped, and to map and unmap
 * costs as much as a copy. The file's memory lives as long. That is no copy:
 * whoever filled the file wipes it for all.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a file is such a one. */
bool mapping_cannot_shrink(int fd);

/*
 * Gives bytes of a file from an offset on: at least one of the `left` that are
 * wanted, *len of them. They stay until the next call. NULL: they must be read.
 */
const uint8_t *mapping_get(int fd, uint64_t offset, uint64_t left, size_t *len);

/*
 * Gives the place of a file's first bytes, at least `need`, *len of them, to be
 * written to. It stays until it is released, or another is given. NULL: it must
 * be written to with pwrite(2).
 */
uint8_t *mapping_place(int fd, size_t need, size_t *len);
void mapping_release(void);

/* How much of it that could give, at most; 0: nothing. */
size_t mapping_place_room(int fd);

/* Whether parts are mapped; and whether one of them was used since asked. */
bool mapping_is_kept(void);
bool mapping_was_used(void);

/* Unmaps all. */
void mapping_forget(void);

#endif

#ifndef MORO_PROTO_INFO_H
#define MORO_PROTO_INFO_H

/*
 * What a worker is told of a task beside its data: the second parameter of
 * its request, a map (proto/PROTOCOL.md, section 10). Later versions add keys.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INFO_NOTHING 0x80 /* all of the map, when there is nothing to say */
#define INFO_NO_FD UINT32_MAX
#define INFO_MAX 64 /* bytes that it takes at most */

struct info {
	uint32_t fds; /* descriptors that come with the request, up to 8 */
	uint32_t result_fd; /* of them, the one for the result; or NO_FD */
	uint32_t attempt; /* from 1; told from 2 on */
	bool progress; /* somebody wants to hear how far it is */
};

/* What a task has of which nothing is said. */
#define INFO_NONE                                     \
	{                                             \
		.result_fd = INFO_NO_FD, .attempt = 1 \
	}

/* Writes the map, one byte if there is nothing to say. Returns its bytes. */
size_t info_pack(uint8_t out[INFO_MAX], const struct info *info);

/* Reads what a scanner has passed; what it does not know it leaves out. */
void info_parse(struct info *info, const uint8_t *buf, size_t len);

#endif

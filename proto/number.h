#ifndef MORO_PROTO_NUMBER_H
#define MORO_PROTO_NUMBER_H

/*
 * Big-endian numbers of 1, 2, 4 or 8 bytes, as MessagePack writes them, at any
 * address (endian.h does the turning). With a constant width each is two
 * instructions.
 */

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* The number in the n bytes at p; n is 1, 2, 4 or 8. */
static inline uint64_t
number_get(const uint8_t *p, unsigned int n)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (n) {
	case 1:
		return *p;
	case 2:
		memcpy(&v16, p, sizeof v16);
		return be16toh(v16);
	case 4:
		memcpy(&v32, p, sizeof v32);
		return be32toh(v32);
	default:
		memcpy(&v64, p, sizeof v64);
		return be64toh(v64);
	}
}

/* Writes the low n bytes of v to p; n is 1, 2, 4 or 8. */
static inline void
number_put(uint8_t *p, unsigned int n, uint64_t v)
{
	const uint16_t v16 = htobe16((uint16_t)v);
	const uint32_t v32 = htobe32((uint32_t)v);
	const uint64_t v64 = htobe64(v);

	switch (n) {
	case 1:
		*p = (uint8_t)v;
		break;
	case 2:
		memcpy(p, &v16, sizeof v16);
		break;
	case 4:
		memcpy(p, &v32, sizeof v32);
		break;
	default:
		memcpy(p, &v64, sizeof v64);
		break;
	}
}

#endif

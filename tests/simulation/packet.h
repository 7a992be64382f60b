#ifndef MORO_SIMULATION_PACKET_H
#define MORO_SIMULATION_PACKET_H

/*
 * Messages written to a buffer of a fixed size. What does not fit is left out,
 * and `full` says so: the writer takes back what it began.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet {
	uint8_t *at;
	uint8_t *end;
	bool full;
};

void packet_raw(struct packet *p, const void *bytes, size_t len);
void packet_byte(struct packet *p, unsigned int byte);
void packet_uint(struct packet *p, uint64_t n);
void packet_str(struct packet *p, const char *text);
void packet_array(struct packet *p, uint32_t n);
void packet_map(struct packet *p, uint32_t n);
void packet_bin(struct packet *p, uint8_t fill, uint32_t len);

#define PACKET_NIL 0xc0
#define PACKET_FALSE 0xc2
#define PACKET_TRUE 0xc3

#endif

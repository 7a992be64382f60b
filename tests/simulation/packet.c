#include "tests/simulation/packet.h"

#include <string.h>

void
packet_raw(struct packet *p, const void *bytes, size_t len)
{
	if ((size_t)(p->end - p->at) < len) {
		p->full = true;
		return;
	}
	memcpy(p->at, bytes, len);
	p->at += len;
}

void
packet_byte(struct packet *p, unsigned int byte)
{
	uint8_t b = (uint8_t)byte;

	packet_raw(p, &b, 1);
}

/* A type byte and a number of so many bytes. */
static void
packet_number(struct packet *p, unsigned int type, uint64_t n, int bytes)
{
	packet_byte(p, type);
	while (bytes-- > 0)
		packet_byte(p, (unsigned int)(n >> 8 * bytes) & 0xff);
}

void
packet_uint(struct packet *p, uint64_t n)
{
	if (n < 0x80)
		packet_byte(p, (unsigned int)n);
	else if (n <= UINT16_MAX)
		packet_number(p, 0xcd, n, 2);
	else if (n <= UINT32_MAX)
		packet_number(p, 0xce, n, 4);
	else
		packet_number(p, 0xcf, n, 8);
}

void
packet_str(struct packet *p, const char *text)
{
	size_t len = strlen(text);

	packet_number(p, 0xd9, len, 1);
	packet_raw(p, text, len);
}

void
packet_array(struct packet *p, uint32_t n)
{
	if (n < 16)
		packet_byte(p, 0x90 | n);
	else
		packet_number(p, 0xdc, n, 2);
}

void
packet_map(struct packet *p, uint32_t n)
{
	packet_byte(p, 0x80 | n);
}

void
packet_bin(struct packet *p, uint8_t fill, uint32_t len)
{
	packet_number(p, 0xc6, len, 4);
	if ((size_t)(p->end - p->at) < len) {
		p->full = true;
		return;
	}
	memset(p->at, fill, len);
	p->at += len;
}

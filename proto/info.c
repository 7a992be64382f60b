#include "proto/info.h"

#include <assert.h>
#include <string.h>

#include "proto/fdpass.h"
#include "proto/reader.h"

#define INFO_NUMBER_MAX 127
#define INFO_TRUE 0xc3
#define INFO_STR 0xa0 /* a str of up to 31 bytes */

/* Writes one pair; the value is one byte: a number below 128, or true. */
static size_t
info_pair(uint8_t *out, const char *key, uint32_t n)
{
	size_t len = strlen(key);

	out[0] = (uint8_t)(INFO_STR | len);
	memcpy(out + 1, key, len);
	out[1 + len] = (uint8_t)n;
	return len + 2;
}

size_t
info_pack(uint8_t out[INFO_MAX], const struct info *info)
{
	size_t len = 1;

	assert(info->fds <= FDPASS_MAX && info->attempt <= INFO_NUMBER_MAX);
	out[0] = INFO_NOTHING;
	if (info->fds > 0) {
		out[0]++;
		len += info_pair(out + len, "fds", info->fds);
	}
	if (info->result_fd < info->fds) {
		out[0]++;
		len += info_pair(out + len, "resultFd", info->result_fd);
	}
	if (info->attempt > 1) {
		out[0]++;
		len += info_pair(out + len, "attempt", info->attempt);
	}
	if (info->progress) {
		out[0]++;
		len += info_pair(out + len, "progress", INFO_TRUE);
	}
	return len;
}

void
info_parse(struct info *info, const uint8_t *buf, size_t len)
{
	static const struct info none = INFO_NONE;
	struct reader r;
	struct item map, key, value;

	*info = none;
	reader_init(&r, buf, len);
	map = reader_next(&r);
	for (uint64_t i = 0; map.type == READER_MAP && i < map.n; i++) {
		key = reader_next(&r);
		value = reader_next(&r);
		if (value.type != READER_UINT && value.type != READER_BOOL)
			return; /* of a later version */
		if (reader_is(&key, "fds"))
			info->fds = (uint32_t)value.n;
		else if (reader_is(&key, "resultFd"))
			info->result_fd = (uint32_t)value.n;
		else if (reader_is(&key, "attempt"))
			info->attempt = (uint32_t)value.n;
		else if (reader_is(&key, "progress"))
			info->progress = value.n != 0;
	}
}

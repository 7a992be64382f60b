#include "tools/bench-bare.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-spawn.h"
#include "tools/bench-text.h"

#define BARE_OUT (2 * BARE_SIZE) /* more than any result has */

struct bare_common bare_common;

const struct bare_family *const bare_families[] = {&bare_hash, &bare_aead,
    &bare_compress, &bare_token, &bare_password, &bare_transform,
    &bare_analytics, &bare_heavy, &bare_image, NULL};

void
bare_check(bool done, const char *what)
{
	if (!done)
		cleanup_die("cannot %s with the library alone", what);
}

void
bare_init(void)
{
	char *text = spawn_alloc(BARE_SIZE);
	uint64_t state = 0;

	bare_check(sodium_init() >= 0, "begin");
	text_fill(text, BARE_SIZE, &state);
	request_input_init(&bare_common.text, text, BARE_SIZE);
	for (int i = 0; i < REQUEST_FILES; i++)
		bare_common.result_fds[i] = request_file_room(BARE_OUT);
	bare_common.out_size = BARE_OUT;
	bare_common.out = spawn_alloc(bare_common.out_size);
}

void
bare_clear(void)
{
	request_input_clear(&bare_common.text);
	for (int i = 0; i < REQUEST_FILES; i++)
		close(bare_common.result_fds[i]);
	free(bare_common.out);
	memset(&bare_common, 0, sizeof bare_common);
}

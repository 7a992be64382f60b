/* keys: which named keys there are, and in which versions. */

#include "server/control-parts.h"

#include <string.h>

#include "proto/words.h"
#include "server/answer.h"

/* Packs the words of a list as an array of strings. */
static void
keys_pack_list(msgpack_packer *pk, const char *list)
{
	const char *count = list, *word;
	uint32_t n = 0;
	size_t len;

	while (words_next(&count, &len) != NULL)
		n++;
	msgpack_pack_array(pk, n);
	while ((word = words_next(&list, &len)) != NULL)
		msgpack_pack_str_with_body(pk, word, len);
}

/* keys []: names and versions; nobody here knows more. */
void
control_keys(struct control *ctl)
{
	const struct config *config = ctl->dispatcher->config;
	struct answer a;

	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, config->n_keys);
	for (size_t i = 0; i < config->n_keys; i++) {
		const struct key_config *k = &config->keys[i];

		msgpack_pack_map(&a.pk, k->types != NULL ? 3 : 2);
		answer_text(&a.pk, "name");
		answer_text(&a.pk, k->name);
		answer_text(&a.pk, "versions");
		keys_pack_list(&a.pk, k->versions != NULL ? k->versions : "");
		if (k->types == NULL)
			continue;
		answer_text(&a.pk, "types");
		keys_pack_list(&a.pk, k->types);
	}
	answer_end(&a, ctl->client);
}

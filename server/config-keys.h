#ifndef MORO_SERVER_CONFIG_KEYS_H
#define MORO_SERVER_CONFIG_KEYS_H

/* What the configuration says of named keys, for who reads their files. */

#include <stdbool.h>

#include "server/config.h"
#include "worker/keyring.h"

/* The key's place, and how it is read; borrowed. */
struct keyring_source config_key_source(const struct key_config *k);

/* Gives up what their files held: no worker is started by this one again. */
void config_keys_close(struct config *config);

/* Whether both have the same keys with the same versions, for the same types. */
bool config_keys_same(const struct config *a, const struct config *b);

#endif

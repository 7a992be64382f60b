#ifndef MORO_TASKS_AEAD_H
#define MORO_TASKS_AEAD_H

/* crypto:encrypt and crypto:decrypt */

#include "worker/type.h"

/* Has all ciphers ready. -1: the system's OpenSSL offers none of them. */
int aead_init(void);

extern const struct task_type aead_encrypt_type;
extern const struct task_type aead_decrypt_type;

#endif

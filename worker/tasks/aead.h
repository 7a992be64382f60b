#ifndef MORO_TASKS_AEAD_H
#define MORO_TASKS_AEAD_H

/* crypto:encrypt and crypto:decrypt */

#include "worker/type.h"

extern const struct task_type aead_encrypt_type;
extern const struct task_type aead_decrypt_type;

#endif

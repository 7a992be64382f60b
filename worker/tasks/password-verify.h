#ifndef MORO_TASKS_PASSWORD_VERIFY_H
#define MORO_TASKS_PASSWORD_VERIFY_H

/* A password against a hash that was understood. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tasks/password-scheme.h"

struct call;

/*
 * Says whether the password is the hash's. Returns 0, or -1 with the call's
 * error set: no memory, or a password that the kind of hash cannot have.
 */
int password_verify(struct call *call, const struct password_hash *h,
    const uint8_t *password, size_t len, bool *valid);

#endif

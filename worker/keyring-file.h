#ifndef MORO_WORKER_KEYRING_FILE_H
#define MORO_WORKER_KEYRING_FILE_H

/* A file that holds a secret: who else could read or write it, is it one. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads a file, which is a path, or as a name without a slash the credential that
 * systemd has for it ($CREDENTIALS_DIRECTORY, systemd.exec(5)). It must be a
 * regular file of root or of `owner`, which nobody else may read or write.
 * Returns its length with bytes that are for sodium_free(), or -1 with a
 * sentence.
 */
int keyring_file_read(const char *file, uid_t owner, size_t max,
    uint8_t **bytes, char *why, size_t size);

#endif

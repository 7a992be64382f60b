#ifndef MORO_WORKER_CAPABILITY_H
#define MORO_WORKER_CAPABILITY_H

/* Capabilities: what root may do, piece by piece (capabilities(7)). */

/*
 * Nothing that this process starts can have any again. Of a process that has
 * none itself it is true already.
 */
void capability_bound(void);

/* This process has none any more. Returns 0, or -1 with errno. */
int capability_clear(void);

#endif

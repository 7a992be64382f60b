#ifndef MORO_TASKS_ANALYTICS_METRIC_H
#define MORO_TASKS_ANALYTICS_METRIC_H

/* Metrics: as they are asked for, and as they are answered. */

#include "worker/tasks/analytics-request.h"

/*
 * Reads all metrics of a request, or the default ones for NULL. Returns 0, or
 * -1 with the call's error set.
 */
int analytics_metric_read(struct analytics_request *r, struct call *call,
    const msgpack_object *metrics, const char *prefix);

/* Packs what was asked for as a map, which may be read again. */
void analytics_metric_pack_asked(const struct analytics_request *r,
    msgpack_packer *pk);

/* Packs a group's metric. */
void analytics_metric_pack(const struct analytics_metric *m,
    const struct analytics_cell *cells, msgpack_packer *pk);

/* The number of values that it packs. */
unsigned int analytics_metric_values(const struct analytics_metric *m);

#endif

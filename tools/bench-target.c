#include "tools/bench-target.h"

#include <stddef.h>
#include <string.h>

#define LEAST true
#define MOST false

static const struct target target_table[] = {
    {"pingpong.64.p50_ratio", MOST, 1.15},
    {"pingpong.64.p99_ratio", MOST, 1.3},
    {"pingpong.1048576.p50_ratio", MOST, 1.10},
    {"pipeline.64.ratio", LEAST, 0.50},
    {"pipeline.64.w4096.ratio", LEAST, 0.40},
    {"pipeline.4096.ratio", LEAST, 0.75},
    {"pipeline.65536.ratio", LEAST, 0.80},
    {"pipeline.1048576.ratio", LEAST, 0.95},
    {"strict.ratio", LEAST, 0.85},
    {"priority.echo.p50_us", MOST, 150},
    {"priority.echo.p99_us", MOST, 400},
    {"priority.100us.p50_us", MOST, 300},
    {"priority.100us.p99_us", MOST, 700},
    {"clients.bytes_per_client", MOST, 1024},
    {"clients.ratio", LEAST, 0.9},
    {"backlog.bytes_per_task", MOST, 256},
    {"backlog.ratio", LEAST, 0.9},
    {"respawn.p50_ms", MOST, 2},
    {"memory.worker_uss_kib", MOST, 512},
    {"idle.wakeups", MOST, 0},
    {"tasks.crypto:hash.ratio", LEAST, 0.85},
    {"tasks.data:compress.ratio", LEAST, 0.85},
    {"tasks.jwt:verify.ratio", LEAST, 0.6},
    {"file.ratio", MOST, 1.0},
    {"file.dispatcher_growth_kib", MOST, 1024},
};

const struct target *
target_find(const char *name)
{
	for (size_t i = 0; i < sizeof target_table / sizeof target_table[0];
	     i++) {
		if (strcmp(target_table[i].name, name) == 0)
			return &target_table[i];
	}
	return NULL;
}

bool
target_met(const struct target *target, double value)
{
	return target->at_least ? value >= target->must : value <= target->must;
}

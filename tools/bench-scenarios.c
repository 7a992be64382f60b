#include "tools/bench-echo.h"
#include "tools/bench-pingpong.h"
#include "tools/bench.h"

const struct scenario bench_scenarios[] = {
    {"pingpong", "latency of one call at a time, 64 B to 1 MiB", false,
	pingpong_run},
    {"pipeline", "throughput of 64 B by window, 1 to 4,096", false,
	echo_pipeline},
    {"payload", "throughput by size, 4 KiB to 64 MiB", false, echo_payload},
    {"strict", "one task a worker, as for types not measured yet", true,
	echo_strict},
    {NULL, NULL, false, NULL},
};

#include "tools/bench-backlog.h"
#include "tools/bench-clients.h"
#include "tools/bench-echo.h"
#include "tools/bench-file.h"
#include "tools/bench-memory.h"
#include "tools/bench-pingpong.h"
#include "tools/bench-priority.h"
#include "tools/bench-respawn.h"
#include "tools/bench-tasks.h"
#include "tools/bench.h"

const struct scenario bench_scenarios[] = {
    {"pingpong", "latency of one call at a time, 64 B to 1 MiB", false,
	pingpong_run},
    {"pipeline", "throughput of 64 B by window, 1 to 4,096", false,
	echo_pipeline},
    {"payload", "throughput by size, 4 KiB to 64 MiB", false, echo_payload},
    {"strict", "one task a worker, as for types not measured yet", true,
	echo_strict},
    {"priority", "latency of high calls under floods of low ones", false,
	priority_run},
    {"clients", "10,000 idle connections", true, clients_run},
    {"backlog", "1,000,000 tasks that wait", true, backlog_run},
    {"respawn", "a killed worker to the next one's answer", true, respawn_run},
    {"memory", "private memory and wake-ups of an idle morod", false,
	memory_run},
    {"tasks", "built-in types against their libraries in a loop", false,
	tasks_run, tasks_part},
    {"file", "a file of 256 MiB through data:compress", false, file_run},
    {NULL, NULL, false, NULL},
};

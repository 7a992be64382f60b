#!/bin/sh
# The guide's "Dynamic Worker Scaling": as many workers as the load asks for.
#
#	scaling.sh [MOST]
#
# MOST is the largest number of workers; without, one less than processors.
#
# A program need not do this: `moroctl scale 1:8` (or morod --workers 1:8) has
# the server itself choose, by how long tasks wait. It is for those who know of
# load before it is there. For root and the server's own user.
set -eu

most=${1:-$(($(nproc) - 1))}
answers=$(mktemp)
before=$(moroctl stats --json | moroctl jq -r '.pools[0] | "\(.min):\(.max)"')

# However this ends, the server is left as it was.
restore()
{
	rm -f "$answers"
	moroctl resume heavy:computation >/dev/null
	moroctl scale "$before" >/dev/null
}
trap restore EXIT

# Adds up the metrics of these names. The server itself answers `stats`, also
# when all workers are busy; moroctl jq would wait for one.
metric()
{
	moroctl stats --format openmetrics | awk -v names=" $* " '
		{ name = $1; sub(/[{].*/, "", name) }
		index(names, " " name " ") { sum += $2 }
		END { print sum + 0 }'
}

load()
{
	metric moro_queued_tasks moro_parked_tasks moro_running_tasks
}

# The guide's adjustWorkers(): a worker for each 100 tasks, 1 to $most.
adjust_workers()
{
	workers=$((($1 + 99) / 100))
	[ "$workers" -le "$most" ] || workers=$most
	[ "$workers" -ge 1 ] || workers=1
	moroctl scale "$workers" >/dev/null
	until [ "$(metric moro_workers)" -eq "$workers" ]; do
		sleep 0.1
	done
	echo "load $1: workers $workers"
}

# 250 tasks come at once. They are held back until the load was looked at, so
# that this example shows the same on every machine.
moroctl pause heavy:computation >/dev/null
i=0
while [ "$i" -lt 250 ]; do
	echo '{"operation": "fibonacci", "params": {"n": 50000}}'
	i=$((i + 1))
done | moroctl map heavy:computation --parallel 250 >"$answers" &
until [ "$(load)" -eq 250 ]; do
	sleep 0.1
done
adjust_workers "$(load)"
moroctl resume heavy:computation >/dev/null
wait "$!"
echo "answers: $(wc -l <"$answers")"
adjust_workers "$(load)"

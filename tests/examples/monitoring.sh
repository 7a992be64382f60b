#!/bin/sh
# The guide's "Monitor Worker Health": looks at the server now and then, and
# warns.
#
#	monitoring.sh [ROUNDS [SECONDS [QUEUE]]]
#
# ROUNDS times (6), each SECONDS (10); a queue of more than QUEUE (500) is worth a
# warning. For Prometheus and its like serve what `moroctl stats --format
# openmetrics` prints: all the numbers, with times. For people there is `moroctl
# top`.
set -eu

rounds=${1:-6}
seconds=${2:-10}
most=${3:-500}
page=$(mktemp)
trap 'rm -f "$page"' EXIT

# Adds up a metric on the page over pools and priorities.
metric()
{
	awk -v wanted="$1" '
		{ name = $1; sub(/[{].*/, "", name) }
		name == wanted { sum += $2 }
		END { print sum + 0 }' "$page"
}

# The guide's getStats(), and what it warns of.
look()
{
	if ! moroctl stats --format openmetrics --wait 5s >"$page"; then
		echo "warning: the server does not answer"
		return
	fi
	workers=$(metric moro_workers)
	queue=$(metric moro_queued_tasks)
	active=$(metric moro_running_tasks)
	echo "workers $workers, queueSize $queue, activeTasks $active"
	if [ "$queue" -gt "$most" ]; then
		echo "warning: the queue is getting long"
	fi
	if [ "$active" -ge "$workers" ]; then
		echo "warning: all workers are busy"
	fi
	# Crashed workers are replaced by the server. This is when that is no use.
	if [ "$workers" -eq 0 ] || grep -q '^moro_pool_up{.*} 0' "$page"; then
		echo "warning: workers die as soon as they start"
	fi
	if [ "$(metric moro_draining)" -ne 0 ]; then
		echo "warning: the server takes no new tasks"
	fi
}

while look; rounds=$((rounds - 1)); [ "$rounds" -gt 0 ]; do
	sleep "$seconds"
done

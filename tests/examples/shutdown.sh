#!/bin/sh
# The guide's "Graceful Shutdown": stops a server, and nothing is lost.
#
# For root and the server's own user. SIGTERM to morod does the same: it takes
# no new tasks, finishes the accepted ones (for --shutdown-timeout), and ends.
# The two steps here have no such limit, and between them one may still change
# one's mind (`moroctl resume`).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# How many tasks the server was ever given.
submitted()
{
	moroctl stats --format openmetrics |
		awk '$1 == "moro_tasks_submitted_total" { print $2 }'
}

# A program has tasks under way.
before=$(submitted)
i=0
while [ "$i" -lt 20 ]; do
	echo '{"operation": "primes", "params": {"to": 20000000, "list": false}}'
	i=$((i + 1))
done >"$folder/tasks"
moroctl map heavy:computation --input "$folder/tasks" >"$folder/answers" &
program=$!
until [ "$(submitted)" -ge $((before + 20)) ]; do
	sleep 0.1
done

echo "Shutting down..."
moroctl drain --until-empty --wait 10m

# What comes now is told no, and why; what came before has its answer.
moroctl hash 'too late' || echo "exit code $?"
wait "$program"
echo "answers: $(grep -c '"count":1270607' "$folder/answers") of 20"

moroctl shutdown
while moroctl ping >/dev/null 2>&1; do
	sleep 0.1
done
echo "the server is gone"

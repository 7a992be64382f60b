#!/bin/sh
# The guide's "Queue is 80% full - implement backpressure", and what it takes
# no looking for.
#
# For root and the server's own user, because `pause` is, which is here so that
# a queue fills in any case.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"; moroctl resume crypto:hash >/dev/null' EXIT

# Adds up the metrics of these names. The server itself answers `stats`, also
# when all workers are busy.
metric()
{
	moroctl stats --format openmetrics | awk -v names=" $* " '
		{ name = $1; sub(/[{].*/, "", name) }
		index(names, " " name " ") { sum += $2 }
		END { print sum + 0 }'
}

queued()
{
	metric moro_queued_tasks moro_parked_tasks
}

# As in the guide: looks first, and says no instead of submitting. Between look
# and submit others may submit: QUEUE_FULL (exit code 5) can come nevertheless.
submit()
{
	if [ "$(queued)" -ge $((limit * 80 / 100)) ]; then
		echo "503 Service busy, try again later"
		return
	fi
	moroctl hash "$1"
}

# Prints N lines.
lines()
{
	i=0
	while [ "$i" -lt "$1" ]; do
		echo "line $i"
		i=$((i + 1))
	done
}

limit=$(metric moro_queue_limit)
moroctl pause crypto:hash >/dev/null
lines $((limit * 80 / 100)) >"$folder/lines"
moroctl map crypto:hash --field input --parallel 4096 --input "$folder/lines" \
	>"$folder/answers" &
until [ "$(queued)" -eq $((limit * 80 / 100)) ]; do
	sleep 0.1
done
submit 'one more'
moroctl resume crypto:hash >/dev/null
wait "$!"
submit 'one more'

# Better than looking: --on-full wait has the server read nothing more from a
# program until there is room. Nothing is refused, and no time is lost. It is
# what `map` does by itself; here three times as many lines as fit.
lines $((limit * 3)) | moroctl map crypto:hash --field input --parallel 4096 \
	--on-full wait >"$folder/answers"
echo "answers: $(wc -l <"$folder/answers"), errors: $(grep -c error "$folder/answers")"

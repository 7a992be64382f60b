#!/bin/sh
# The guide's "Analytics Processing", in batches of 1,000 at low priority.
#
#	analytics.sh EVENTS
#
# EVENTS holds a JSON object a line, with `type`, `amount` and `ms`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Makes one JSON array of the lines of some files.
array()
{
	echo '['
	cat "$@" | paste -sd, -
	echo ']'
}

# One task a batch, all at once: low priority lets everybody else go first.
split -l 1000 -a 4 "$1" "$folder/batch."
jobs=
for batch in "$folder"/batch.*; do
	array "$batch" | moroctl analytics --group-by type \
		--metrics count,sum:amount,avg:amount,p95:ms \
		--partial --priority low --output "$batch.part" &
	jobs="$jobs $!"
done
for job in $jobs; do
	wait "$job"
done

# The guide merges with {...acc, ...r}, which keeps the last batch alone: here
# is how many events it would know of. `--merge` gives what one call on all
# events would have given.
array "$folder"/*.part >"$folder/all"
spread=$(moroctl jq 'reduce .[] as $r ({}; . + $r) | .events' "$folder/all")
moroctl analytics --merge --input "$folder/all" --output "$folder/merged"
moroctl jq -r '.groups[] | "\(.key.type): \(.count) events, " +
	"sum \(.metrics["sum:amount"]), average \(.metrics["avg:amount"]), " +
	"p95 \(.metrics["p95:ms"]) ms"' "$folder/merged"
echo "events: $(moroctl jq .events "$folder/merged"), not $spread"

#!/bin/sh
# The guide's "Batch Related Tasks": hashes every line of standard input, and
# prints `HASH  LINE`.
#
# `moroctl map` has up to --parallel tasks under way, so all workers have work,
# and prints the answers in the order of the lines. A task that fails has
# {"error": ...} in its place and costs the others nothing.
#
# The guide hashes passwords so. That is what password:hash is for; this is for
# names, files, records.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/lines"
moroctl map crypto:hash '{"algorithm": "sha256"}' --field input --raw \
	--priority normal --parallel 64 --input "$folder/lines" >"$folder/hashes"
paste -d ' ' "$folder/hashes" "$folder/lines"

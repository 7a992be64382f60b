#!/bin/sh
# The guide's heavy:computation: computes off the program's own event loop, says
# how far it is, and stops in time.
set -eu

# `moroctl types heavy:computation` lists the operations.
fibonacci=$(moroctl compute fibonacci '{"n": 100}' | moroctl jq -r .value)
echo "fibonacci(100) = $fibonacci"
moroctl compute statistics '{"values": [2, 4, 4, 4, 5, 5, 7, 9], "percentiles": [50]}' |
	moroctl jq -r '"mean \(.mean), deviation \(.populationStddev)"'

# On a terminal the progress is a bar; --progress draws it anywhere. Ctrl-C
# cancels the task.
moroctl compute primes '{"to": 100000000, "list": false}' --progress |
	moroctl jq -r '"\(.count) primes"'

# The guide's "Handle Timeouts". The work really stops: its worker is free.
if ! moroctl compute monte-carlo-pi '{"samples": 10000000000}' \
	--timeout 300ms 2>/dev/null; then
	echo "504 Processing timeout"
fi

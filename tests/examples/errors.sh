#!/bin/sh
# The guide's "Error Handling": one error of each kind, told apart by its code.
#
# moroctl says why it fails in one line on standard error, `moroctl: CODE:
# message`; its exit code stands for a group of codes. With --json there are all
# details: {"error": {"code": ..., "retryable": ..., ...}}.
#
# For root and the server's own user, because `ls` is.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Says what a program would do about the error in the file.
handle()
{
	line=$(cat "$folder/error")
	rest=${line#moroctl: }
	code=${rest%%:*}
	message=${rest#*: }
	case $code in
	WORKER_ERROR) echo "WORKER_ERROR: the task failed: $message" ;;
	TIMEOUT) echo "TIMEOUT: 504 Processing timeout: $message" ;;
	CANCELLED) echo "CANCELLED: nobody wants the result any more" ;;
	UNKNOWN_TASK) echo "UNKNOWN_TASK: an older server? $message" ;;
	INVALID_ARGUMENT | TOO_LARGE) echo "$code: 400 Bad Request: $message" ;;
	NO_SERVER | LOST) echo "$code: 503, is morod running?" ;;
	*) echo "$code: $message" ;;
	esac
}

# Runs a command that fails, and handles its error.
attempt()
{
	if "$@" >/dev/null 2>"$folder/error"; then
		echo "no error: $*"
	else
		handle
	fi
}

# Longer than anybody waits.
long='{"operation": "monte-carlo-pi", "params": {"samples": 10000000000}}'

printf 'not compressed' >"$folder/input"
attempt moroctl decompress --input "$folder/input"
attempt moroctl run heavy:computation "$long" --timeout 200ms
attempt moroctl run no:such '{}'
attempt moroctl run crypto:hash '{}'
attempt moroctl hash text --socket "$folder/none"

# A bomb: a million bytes of the same, where a thousand are allowed.
head -c 1000000 /dev/zero >"$folder/zeros"
moroctl compress --input "$folder/zeros" --output "$folder/bomb"
attempt moroctl decompress --input "$folder/bomb" --max-output 1000

# A signal to moroctl cancels its task, once there is one.
moroctl run heavy:computation "$long" --id cancel-me 2>"$folder/error" &
until moroctl ls --state running --json | grep -q '"cancel-me"'; do
	sleep 0.1
done
kill -TERM "$!"
wait "$!" || handle

# QUEUE_FULL: more tasks than may wait, and none is done for a second. (What
# moroctl map does by itself is to wait for room.) `retryAfterMs` says when it
# is worth another try.
limit=$(moroctl stats --json | moroctl jq .maxQueueSize)
i=0
while [ "$i" -lt $((limit + 50)) ]; do
	echo "$long"
	i=$((i + 1))
done >"$folder/tasks"
moroctl map heavy:computation --parallel 4096 --on-full refuse --timeout 1s \
	--input "$folder/tasks" >"$folder/answers" 2>/dev/null || true
full=$(grep QUEUE_FULL "$folder/answers" | head -n 1)
after=${full##*\"retryAfterMs\":}
after=${after%%[!0-9]*}
if [ -n "$full" ]; then
	echo "QUEUE_FULL: 503 Service busy, retry after $(((after + 999) / 1000)) s"
fi

#!/bin/sh
# The guide's "Image Processing": thumbnails of several images at a time.
#
#	thumbnails.sh FOLDER IMAGE...
#
# They go to FOLDER, under their names. Exit code 77: the server cannot do
# images (morod --module image).
set -eu

folder=$1
shift
moroctl types image:thumbnail >/dev/null 2>&1 || {
	code=$?
	if [ "$code" -eq 6 ]; then # UNKNOWN_TASK, UNSUPPORTED; 3 is "no server"
		echo "skipped: the server has no module image" >&2
		code=77
	fi
	exit "$code"
}

# All are asked for at once; the server's workers share them.
jobs=
for image; do
	moroctl image thumbnail "$image" --size 150 --priority normal \
		--output "$folder/${image##*/}" &
	jobs="$jobs $!"
done

# As Promise.all, but that one which fails does not take the others with it.
status=0
for job in $jobs; do
	wait "$job" || status=1
done
for image; do
	thumbnail=$folder/${image##*/}
	if [ -e "$thumbnail" ]; then
		size=$(moroctl image info "$thumbnail" |
			moroctl jq -r '"\(.width)x\(.height) \(.format)"')
		echo "$thumbnail: $size"
	fi
done
exit "$status"

#!/bin/sh
# The guide's "Data Export/Import":
#
#	export-import.sh export FILE <records.json
#	export-import.sh import FILE
#
# Records are a JSON array of objects with `_id` and `email`. Export changes
# each record and writes them compressed; import reads such a file, from
# whomever, checks every record, and prints what would go to the database, a
# record a line.
set -eu

# The guide gives functions of JavaScript to transformJSON; here it is jq.
exported='{id: (._id | tostring)} + . + {exportedAt: (now | todate)}'
imported='if (.email | type) == "string"
	then . + {importedAt: (now | todate), status: "active"}
	else error("a record without an email") end'

# Files between the steps, and no pipes: a pipe hides that its first part failed.
json=$(mktemp)
trap 'rm -f "$json"' EXIT

export_records()
{
	moroctl jq --each --json "$exported" --output "$json"
	moroctl compress --format gzip --input "$json" --output "$1"
}

import_records()
{
	# 16M of output at the most: a small file may hold gigabytes of zeros
	moroctl decompress --format gzip --max-output 16M --input "$1" \
		--output "$json"
	moroctl jq --each "$imported" --input "$json"
}

case $1 in
export) export_records "$2" ;;
import) import_records "$2" ;;
*) exit 2 ;;
esac

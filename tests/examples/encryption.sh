#!/bin/sh
# The guide's /api/secrets: keeps secrets encrypted.
#
#	encryption.sh FOLDER put NAME <secret
#	encryption.sh FOLDER get NAME
#
# $ENCRYPTION_KEY_FILE names the file with the key; it is made when it is not
# there. Neither key nor secret stands on a command line, where everybody can
# see it (ps).
set -eu

key=$ENCRYPTION_KEY_FILE
if [ ! -e "$key" ]; then
	moroctl keygen --output "$key" # 32 random bytes; only its owner may read it
fi

case $3 in
"" | *[!A-Za-z0-9_-]*)
	echo "a name consists of letters, digits, _ and -" >&2
	exit 2
	;;
esac

# --aad ties the secret to its name: who can write to the folder, but has no
# key, cannot exchange one secret for another.
case $2 in
put) moroctl encrypt --key-file "$key" --aad "secret $3" --output "$1/$3" ;;
get) moroctl decrypt --key-file "$key" --aad "secret $3" --input "$1/$3" ;;
*) exit 2 ;;
esac

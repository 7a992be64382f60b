#!/bin/sh
# The guide's authentication service, each route a command:
#
#	auth.sh USERS register EMAIL <password   prints a token
#	auth.sh USERS login EMAIL <password      prints a token
#	auth.sh USERS profile <token             prints the user
#
# USERS is the file that stands for the database; $JWT_SECRET_FILE names the
# file with the secret (moroctl keygen --output FILE). Passwords and tokens come
# on standard input: what stands on a command line, everybody can see (ps).
#
# Exit code 1: the caller is told no (401), 2: the request is wrong (400).
set -eu

issuer=auth-example
# A hash of no user: so that it takes as long to say no to an unknown user as to
# a wrong password, and nobody can find out who is registered.
nobody='$argon2id$v=19$m=65536,t=2,p=1$I8s0pSNlMc2VCI0cnIAAmg$4NbFLIVWH23aXV+lnV+Wqt8Mfy+QtPuXt1FCuDL34DA'

refuse()
{
	echo "$2" >&2
	exit "$1"
}

# Prints "ID HASH" of a user; of several lines about one, the last counts.
find_user()
{
	found=
	while read -r id email hash; do
		if [ "$email" = "$1" ]; then
			found="$id $hash"
		fi
	done <"$users"
	echo "$found"
}

# Stores a user: id, email and the hash of $password.
store_user()
{
	hash=$(MORO_PASSWORD=$password moroctl password hash)
	printf '%s %s %s\n' "$1" "$2" "$hash" >>"$users"
}

# Prints a token for the user with this id.
sign_token()
{
	moroctl sign "{\"userId\": $1}" --secret-file "$JWT_SECRET_FILE" \
		--algorithm HS256 --issuer "$issuer" --expires-in 7d
}

check_email()
{
	case $1 in
	*[!A-Za-z0-9@._+-]* | *@*@* | @* | *@) refuse 2 "Invalid email" ;;
	*@*) ;;
	*) refuse 2 "Invalid email" ;;
	esac
}

register()
{
	check_email "$1"
	[ "${#password}" -ge 8 ] || refuse 2 "The password is too short"
	[ -z "$(find_user "$1")" ] || refuse 2 "The user exists"
	id=$(($(wc -l <"$users") + 1))
	store_user "$id" "$1"
	sign_token "$id"
}

login()
{
	user=$(find_user "$1")
	# the hash goes by a pipe: no command line for it, either
	verdict=$(printf '%s\n' "${user#* }" | sed "s|^\$|$nobody|" |
		MORO_PASSWORD=$password moroctl password verify 2>&1) || {
		case $verdict in
		*INVALID:*) refuse 1 "Invalid credentials" ;;
		*) refuse 3 "$verdict" ;; # no server, queue full, ...
		esac
	}
	[ -n "$user" ] || refuse 1 "Invalid credentials"
	# it was hashed when hashing cost less, or by another program
	if [ "$verdict" != valid ]; then
		store_user "${user%% *}" "$1"
	fi
	sign_token "${user%% *}"
}

profile()
{
	payload=$(moroctl verify --secret-file "$JWT_SECRET_FILE" \
		--algorithm HS256 --issuer "$issuer") || refuse 1 "Invalid token"
	wanted=$(printf '%s' "$payload" | moroctl jq .userId)
	while read -r id email hash; do
		if [ "$id" = "$wanted" ]; then
			printf '{"id": %s, "email": "%s"}\n' "$id" "$email"
			return
		fi
	done <"$users"
	refuse 1 "Invalid token"
}

users=$1
touch "$users"
chmod 600 "$users"
case $2 in
register | login)
	IFS= read -r password || [ -n "$password" ]
	"$2" "$3"
	;;
profile) profile ;;
*) refuse 2 "register, login or profile" ;;
esac

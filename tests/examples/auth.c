/*
 * The guide's authentication service, each route a command:
 *
 *	auth USERS register EMAIL <password	prints a token
 *	auth USERS login EMAIL <password	prints a token
 *	auth USERS profile <token		prints the user
 *
 * USERS is the file that stands for the database: a line for each user, id,
 * email and hash; of several about one user the last counts. $JWT_SECRET_FILE
 * names the file with the secret (moroctl keygen --output FILE). Passwords and
 * tokens come on standard input: what stands on a command line, everybody can
 * see.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <moro.h>
#include <msgpack.h>

#define ISSUER "auth-example"
#define LINE_MAX_BYTES 8192
#define PASSWORD_MIN 8
#define EMAIL_BYTES 255 /* as in the format of fscanf() below */

/*
 * A hash of no user: so that it takes as long to say no to an unknown user as
 * to a wrong password, and nobody can find out who is registered.
 */
#define NOBODY                            \
	"$argon2id$v=19$m=65536,t=2,p=1$" \
	"I8s0pSNlMc2VCI0cnIAAmg$4NbFLIVWH23aXV+lnV+Wqt8Mfy+QtPuXt1FCuDL34DA"

enum status {
	DONE = 0,
	UNAUTHORIZED = 1, /* 401 */
	BAD_REQUEST = 2, /* 400 */
	UNAVAILABLE = 3, /* 503: no server, the queue is full, ... */
};

struct user {
	long id;
	char email[EMAIL_BYTES];
	char hash[257];
};

/* Says why a route fails, and gives its status. */
static enum status
refuse(enum status status, const char *why)
{
	fprintf(stderr, "%s\n", why);
	return status;
}

/* The same of a reply that is an error of the server, not a word on the user. */
static enum status
refuse_reply(const struct moro_reply *r)
{
	fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
	    moro_reply_message(r));
	return UNAVAILABLE;
}

/* Reads a file's first line, without its end. Returns 0, or -1. */
static int
read_line(FILE *f, char *line, int size)
{
	if (f == NULL || fgets(line, size, f) == NULL)
		return -1;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

/* Reads the secret that signs tokens. Returns 0, or -1. */
static int
read_secret(char *secret, int size)
{
	const char *path = getenv("JWT_SECRET_FILE");
	FILE *f = path != NULL ? fopen(path, "r") : NULL;
	int rc = read_line(f, secret, size);

	if (f != NULL)
		fclose(f);
	return rc;
}

/*
 * Finds a user by email, or by id where email is NULL. Returns how many users
 * there are up to then, negative if there is none.
 */
static long
find_user(const char *users, const char *email, long id, struct user *found)
{
	FILE *f = fopen(users, "r");
	struct user u;
	long lines = 0;
	int hit = 0;

	if (f == NULL)
		return -1;
	while (fscanf(f, "%ld %254s %256s", &u.id, u.email, u.hash) == 3) {
		lines++;
		if (email != NULL ? strcmp(u.email, email) == 0 : u.id == id) {
			*found = u;
			hit = 1;
		}
	}
	fclose(f);
	return hit ? lines : -1 - lines;
}

/* Hashes the password and stores the user with it. */
static enum status
store_user(struct moro *m, const char *users, long id, const char *email,
    const char *password)
{
	struct moro_reply *r =
	    moro_hash_password(m, password, MORO_TEXT, NULL, NULL);
	enum status status = DONE;
	FILE *f;

	if (!moro_reply_ok(r)) {
		status = refuse_reply(r);
	} else if ((f = fopen(users, "a")) == NULL) {
		status = refuse(UNAVAILABLE, "cannot write the users");
	} else {
		fprintf(f, "%ld %s %s\n", id, email, moro_reply_text(r, NULL));
		fclose(f);
	}
	moro_reply_free(r);
	return status;
}

/* Prints a token for a user. */
static enum status
print_token(struct moro *m, const char *secret, long id)
{
	struct moro_map *payload = moro_map_new(), *jwt = moro_map_new();
	struct moro_reply *r;
	enum status status = DONE;

	moro_map_number(payload, "userId", id);
	moro_map_text(jwt, "algorithm", "HS256");
	moro_map_text(jwt, "expiresIn", "7d");
	moro_map_text(jwt, "issuer", ISSUER);
	r = moro_sign_jwt(m, moro_map_data(payload), moro_map_size(payload),
	    secret, MORO_TEXT, jwt, NULL);
	if (moro_reply_ok(r))
		puts(moro_reply_text(r, NULL));
	else
		status = refuse_reply(r);
	moro_reply_free(r);
	moro_map_free(payload);
	moro_map_free(jwt);
	return status;
}

/* Whether it looks like an address, and can stand in the file and in JSON. */
static int
email_ok(const char *email)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789@._+-";
	const char *at = strchr(email, '@');

	return strlen(email) < EMAIL_BYTES &&
	       email[strspn(email, allowed)] == '\0' && at != NULL &&
	       at != email && at[1] != '\0' && strchr(at + 1, '@') == NULL;
}

/* POST /api/register */
static enum status
do_register(struct moro *m, const char *users, const char *secret,
    const char *email, const char *password)
{
	struct user user;
	enum status status;
	long known;

	if (!email_ok(email))
		return refuse(BAD_REQUEST, "Invalid email");
	if (strlen(password) < PASSWORD_MIN)
		return refuse(BAD_REQUEST, "The password is too short");
	known = find_user(users, email, 0, &user);
	if (known >= 0)
		return refuse(BAD_REQUEST, "The user exists");
	/* -1 - lines: the next number is lines + 1 */
	status = store_user(m, users, -known, email, password);
	return status == DONE ? print_token(m, secret, -known) : status;
}

/* POST /api/login */
static enum status
do_login(struct moro *m, const char *users, const char *secret,
    const char *email, const char *password)
{
	struct user user;
	int known = find_user(users, email, 0, &user) >= 0;
	struct moro_reply *r = moro_verify_password(m, password, MORO_TEXT,
	    known ? user.hash : NOBODY, NULL, NULL);
	enum status status = DONE;

	if (!moro_reply_ok(r))
		status = refuse_reply(r);
	else if (!moro_reply_true(r, "valid") || !known)
		status = refuse(UNAUTHORIZED, "Invalid credentials");
	else if (moro_reply_true(r, "needsRehash"))
		/* of a time when hashing cost less, or of another program */
		status = store_user(m, users, user.id, email, password);
	moro_reply_free(r);
	return status == DONE ? print_token(m, secret, user.id) : status;
}

/* The value of a name in a map of msgpack-c, or NULL. */
static const msgpack_object *
member(const msgpack_object *map, const char *name)
{
	const msgpack_object_kv *kv;
	size_t len = strlen(name);
	uint32_t i;

	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (i = 0; i < map->via.map.size; i++) {
		kv = &map->via.map.ptr[i];
		if (kv->key.type == MSGPACK_OBJECT_STR &&
		    kv->key.via.str.size == len &&
		    memcmp(kv->key.via.str.ptr, name, len) == 0)
			return &kv->val;
	}
	return NULL;
}

/* The userId of a verified token, or 0. */
static long
user_of(struct moro_reply *r)
{
	const msgpack_object *id;

	id = member(member(moro_reply_object(r), "payload"), "userId");
	if (id == NULL || id->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return 0;
	return (long)id->via.u64;
}

/*
 * GET /api/profile. A token that is forged, expired or somebody else's is no
 * error of the call: the answer says that it is not valid. The algorithm is
 * the program's choice, never the token's.
 */
static enum status
do_profile(struct moro *m, const char *users, const char *secret,
    const char *token)
{
	static const char *const algorithms[] = {"HS256", NULL};
	struct moro_map *jwt = moro_map_new();
	struct moro_reply *r;
	struct user user;
	enum status status = DONE;

	moro_map_texts(jwt, "algorithms", algorithms);
	moro_map_text(jwt, "issuer", ISSUER);
	r = moro_verify_jwt(m, token, secret, MORO_TEXT, jwt, NULL);
	if (!moro_reply_ok(r))
		status = refuse_reply(r);
	else if (!moro_reply_true(r, "valid") ||
		 find_user(users, NULL, user_of(r), &user) < 0)
		status = refuse(UNAUTHORIZED, "Invalid token");
	else
		printf("{\"id\": %ld, \"email\": \"%s\"}\n", user.id,
		    user.email);
	moro_reply_free(r);
	moro_map_free(jwt);
	return status;
}

int
main(int argc, char **argv)
{
	char secret[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
	enum status status = BAD_REQUEST;
	struct moro *m;

	if (argc < 3 || read_secret(secret, sizeof secret) == -1 ||
	    read_line(stdin, line, sizeof line) == -1)
		return refuse(BAD_REQUEST, "usage: see the source");
	umask(077);
	m = moro_new();
	/* whether that works, every call's reply tells */
	moro_connect(m, NULL);
	if (strcmp(argv[2], "register") == 0 && argc == 4)
		status = do_register(m, argv[1], secret, argv[3], line);
	else if (strcmp(argv[2], "login") == 0 && argc == 4)
		status = do_login(m, argv[1], secret, argv[3], line);
	else if (strcmp(argv[2], "profile") == 0)
		status = do_profile(m, argv[1], secret, line);
	moro_free(m);
	return (int)status;
}

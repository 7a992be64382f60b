#include <string.h>

#include <msgpack.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/convert.h"
#include "tools/moroctl-tasks.h"

#define MS_PER_S 1000

static const struct tasks_secret jwt_secret = {CTL_SECRET, CTL_SECRET_FILE,
    "MORO_SECRET", "secret", 0};

/* Adds a time: digits alone are seconds, anything else is the server's. */
static void
jwt_time(struct moro_map *map, const char *name, const struct ctl *c,
    enum ctl_option option)
{
	const char *value = c->values[option];
	uint64_t s;

	if (value == NULL)
		return;
	if (units_number(value, 0, INT64_MAX, &s) == 0)
		moro_map_number(map, name, (int64_t)s);
	else
		moro_map_text(map, name, value);
}

/* Adds the claims that both commands take. */
static void
jwt_claims(struct moro_map *map, const struct ctl *c)
{
	tasks_text(map, "issuer", c, CTL_ISSUER);
	tasks_text(map, "audience", c, CTL_AUDIENCE);
	tasks_text(map, "subject", c, CTL_SUBJECT);
}

/* The options of jwt:sign. */
static struct moro_map *
jwt_sign_options(const struct ctl *c)
{
	struct moro_map *map = moro_map_new();

	jwt_claims(map, c);
	tasks_text(map, "algorithm", c, CTL_ALGORITHM);
	tasks_text(map, "jwtid", c, CTL_JWTID);
	tasks_text(map, "keyid", c, CTL_KEYID);
	jwt_time(map, "expiresIn", c, CTL_EXPIRES_IN);
	jwt_time(map, "notBefore", c, CTL_NOT_BEFORE);
	if (ctl_has(c, CTL_NO_TIMESTAMP))
		moro_map_flag(map, "noTimestamp", 1);
	return map;
}

/* Adds the payload, which is JSON. */
static int
jwt_payload(struct ctl *c, struct moro_map *map)
{
	char error[CONVERT_ERROR];
	struct source in = {NULL, 0};
	msgpack_sbuffer bytes;
	msgpack_packer pk;
	int rc = tasks_input(c, &in, 0);

	msgpack_sbuffer_init(&bytes);
	msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
	if (rc == EXIT_DONE &&
	    convert_from_json(in.bytes, in.len, &pk, error) == -1)
		rc = complain_usage("the payload is %s", error);
	if (rc == EXIT_DONE)
		moro_map_value(map, "payload", bytes.data, bytes.size);
	msgpack_sbuffer_destroy(&bytes);
	source_clear(&in);
	return rc;
}

int
ctl_sign(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct moro_map *options = jwt_sign_options(c);
	int rc = tasks_secret(map, c, &jwt_secret);

	if (rc == EXIT_DONE)
		rc = jwt_payload(c, map);
	moro_map_map(map, "options", options);
	moro_map_free(options);
	if (rc == EXIT_DONE)
		return tasks_run(c, "jwt:sign", map, true);
	moro_map_free(map);
	return rc;
}

/* The options of jwt:verify. */
static struct moro_map *
jwt_verify_options(const struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	uint64_t ms;

	jwt_claims(map, c);
	if (ctl_has(c, CTL_ALGORITHM))
		moro_map_texts(map, "algorithms", c->algorithms);
	if (ctl_has(c, CTL_CLOCK_TOLERANCE)) {
		/* a part of a second counts as a whole one */
		units_duration(c->values[CTL_CLOCK_TOLERANCE], 0, &ms);
		moro_map_number(map, "clockTolerance",
		    (int64_t)((ms + MS_PER_S - 1) / MS_PER_S));
	}
	if (ctl_has(c, CTL_IGNORE_EXPIRATION))
		moro_map_flag(map, "ignoreExpiration", 1);
	return map;
}

/* Adds the token without the newline that sign has printed behind it. */
static int
jwt_token(struct ctl *c, struct moro_map *map)
{
	struct source in = {NULL, 0};
	int rc = tasks_input(c, &in, 0);

	if (rc == EXIT_DONE) {
		source_chomp(&in);
		moro_map_text(map, "token", in.bytes);
	}
	source_clear(&in);
	return rc;
}

/* Finds a field of a result that is a map. */
static const msgpack_object *
jwt_field(struct moro_reply *reply, const char *name)
{
	const msgpack_object *map = moro_reply_object(reply);

	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.type == MSGPACK_OBJECT_STR &&
		    kv->key.via.str.size == strlen(name) &&
		    memcmp(kv->key.via.str.ptr, name, strlen(name)) == 0)
			return &kv->val;
	}
	return NULL;
}

/* Says why a token is not valid; the exit code of that. */
static int
jwt_invalid(struct ctl *c, struct moro_reply *reply)
{
	const msgpack_object *error = jwt_field(reply, "error");
	bool text = error != NULL && error->type == MSGPACK_OBJECT_STR;
	int rc = EXIT_DONE;

	complain("INVALID", "the token is not valid: %.*s",
	    text ? (int)error->via.str.size : 0,
	    text ? error->via.str.ptr : "");
	if (ctl_has(c, CTL_JSON))
		rc = ctl_put_json(c, reply);
	return rc == EXIT_DONE ? EXIT_FAILED : rc;
}

/* Prints the verdict: the payload, or with --json all of it. */
static int
jwt_verdict(struct ctl *c, struct moro_reply *reply)
{
	if (!moro_reply_true(reply, "valid"))
		return jwt_invalid(c, reply);
	if (ctl_has(c, CTL_JSON))
		return ctl_put_json(c, reply);
	return ctl_put_value(c, jwt_field(reply, "payload"));
}

int
ctl_verify(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct moro_map *options = jwt_verify_options(c);
	struct moro_reply *reply;
	int rc = tasks_secret(map, c, &jwt_secret);

	if (rc == EXIT_DONE)
		rc = jwt_token(c, map);
	moro_map_map(map, "options", options);
	moro_map_free(options);
	if (rc != EXIT_DONE) {
		moro_map_free(map);
		return rc;
	}
	rc = ctl_call_map(c, "jwt:verify", map, &reply);
	if (rc != EXIT_DONE)
		return rc;
	rc = jwt_verdict(c, reply);
	moro_reply_free(reply);
	return rc;
}

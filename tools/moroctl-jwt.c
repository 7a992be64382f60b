#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/moroctl-tasks.h"
#include "tools/view.h"

static const struct tasks_secret jwt_secret = {CTL_SECRET, CTL_SECRET_FILE,
    "MORO_SECRET", "secret", 0};

static const struct ctl_field jwt_sign_options[] = {
    {CTL_ALGORITHM, FORM_TEXT, "algorithm"},
    {CTL_ISSUER, FORM_TEXT, "issuer"},
    {CTL_AUDIENCE, FORM_TEXT, "audience"},
    {CTL_SUBJECT, FORM_TEXT, "subject"},
    {CTL_JWTID, FORM_TEXT, "jwtid"},
    {CTL_KEYID, FORM_TEXT, "keyid"},
    {CTL_EXPIRES_IN, FORM_TIME, "expiresIn"},
    {CTL_NOT_BEFORE, FORM_TIME, "notBefore"},
    {CTL_NO_TIMESTAMP, FORM_TRUE, "noTimestamp"},
    {CTL_HEADER, FORM_JSON, "header"},
    {.name = NULL},
};

const struct ctl_task jwt_sign = {
    .type = "jwt:sign",
    .input = INPUT_JSON,
    .field = "payload",
    .options = jwt_sign_options,
    .secret = &jwt_secret,
    .result = RESULT_LINE,
};

static const struct ctl_field jwt_verify_options[] = {
    {CTL_ALGORITHM, FORM_ALGORITHMS, "algorithms"},
    {CTL_ISSUER, FORM_TEXT, "issuer"},
    {CTL_AUDIENCE, FORM_TEXT, "audience"},
    {CTL_SUBJECT, FORM_TEXT, "subject"},
    {CTL_CLOCK_TOLERANCE, FORM_SECONDS, "clockTolerance"},
    {CTL_IGNORE_EXPIRATION, FORM_TRUE, "ignoreExpiration"},
    {CTL_JWTID, FORM_TEXT, "jwtid"},
    {CTL_NONCE, FORM_TEXT, "nonce"},
    {CTL_TYP, FORM_TEXT, "typ"},
    {CTL_MAX_AGE, FORM_TIME, "maxAge"},
    {CTL_COMPLETE, FORM_TRUE, "complete"},
    {.name = NULL},
};

static const struct ctl_task jwt_verify = {
    .type = "jwt:verify",
    .input = INPUT_ENVELOPE,
    .field = "token",
    .options = jwt_verify_options,
    .secret = &jwt_secret,
};

/* Says why a token is not valid; the exit code of that. */
static int
jwt_invalid(struct ctl *c, struct moro_reply *reply)
{
	size_t len = 0;
	const char *error = moro_reply_string(reply, "error", &len);
	int rc = EXIT_DONE;

	complain("INVALID", "the token is not valid: %.*s", (int)len,
	    error != NULL ? error : "");
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
	return ctl_put_value(c,
	    view_field(moro_reply_object(reply), "payload"));
}

int
ctl_verify(struct ctl *c)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;
	int fd, rc = tasks_data(c, map, &jwt_verify, &fd);

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

#include <string.h>

#include <msgpack.h>

#include "tools/complain.h"
#include "tools/moroctl.h"

int
ctl_ping(struct ctl *c)
{
	struct moro_reply *reply;
	int rc = ctl_call(c, "ping", NULL, 0, &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = ctl_put_text(c, reply, true);
	moro_reply_free(reply);
	return rc;
}

/* Calls a method with the argument that was given, if one was. */
static int
control_call(struct ctl *c, const char *method, struct moro_reply **reply)
{
	msgpack_sbuffer bytes;
	msgpack_packer pk;
	int rc;

	if (c->n_args == 0)
		return ctl_call(c, method, NULL, 0, reply);
	msgpack_sbuffer_init(&bytes);
	msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
	msgpack_pack_str_with_body(&pk, c->args[0], strlen(c->args[0]));
	rc = ctl_call(c, method, bytes.data, bytes.size, reply);
	msgpack_sbuffer_destroy(&bytes);
	return rc;
}

int
ctl_types(struct ctl *c)
{
	struct moro_reply *reply;
	int rc = control_call(c, "types", &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = ctl_has(c, CTL_JSON) ? ctl_put_json(c, reply)
				  : ctl_show_types(c, reply);
	moro_reply_free(reply);
	return rc;
}

int
ctl_log(struct ctl *c)
{
	struct moro_reply *reply;
	int rc = control_call(c, "log", &reply);

	if (rc != EXIT_DONE)
		return rc;
	rc = ctl_put_text(c, reply, true);
	moro_reply_free(reply);
	return rc;
}

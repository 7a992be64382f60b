/* token_init(): what the master does before there are workers. */

#include <string.h>

#include "worker/tasks/token-seal.h"
#include "worker/tasks/token.h"
#include "worker/wipe.h"

static const char start_secret[] = "start";

/* RFC 7515, appendix A.3: everybody's key. */
static const char start_ec_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";
static const char start_ec_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END PUBLIC KEY-----\n";

/* Appendix A.2. Verifying fetches all that signing with RSA needs, too. */
static const char start_rsa_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
    "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
    "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
    "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
    "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
    "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
    "oQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
static const char start_rsa_token[] =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
    "p0igcN_IoypGlUPQGe77Rw";

/* Reads a key as a task does. */
static bool
start_key(const char *text, bool to_sign, struct token_key *key)
{
	struct call call = {.type = NULL};
	msgpack_object arg = {.type = MSGPACK_OBJECT_STR};

	arg.via.str.ptr = text;
	arg.via.str.size = (uint32_t)strlen(text);
	return token_key_read(&call, &arg, to_sign, key) == 0;
}

/* Whether a token is right by a key that is read as a task reads it. */
static bool
start_verify(const char *text, int algorithm, const char *verify_key)
{
	struct token t = {.text = NULL};
	struct token_key key;
	bool right = start_key(verify_key, false, &key) &&
		     token_parse(&t, (const uint8_t *)text, strlen(text),
			 NULL) == NULL &&
		     token_genuine(&t, algorithm, &key);

	token_clear(&t);
	return right;
}

/* Signs with one key and verifies with the other. */
static bool
start_round(int algorithm, const char *sign_key, const char *verify_key)
{
	json_t *header = json_object();
	json_t *payload = json_pack("{s:b}", "start", 1);
	struct token_key key;
	char *text = NULL;
	bool right;

	if (start_key(sign_key, true, &key))
		text = token_make(header, payload, algorithm, &key);
	right = text != NULL && start_verify(text, algorithm, verify_key);
	wipe_free(text);
	json_decref(header);
	json_decref(payload);
	return right;
}

int
token_init(void)
{
	bool right =
	    token_seal_init() == 0 &&
	    start_round(TOKEN_HS256, start_secret, start_secret) &&
	    start_round(TOKEN_HS384, start_secret, start_secret) &&
	    start_round(TOKEN_HS512, start_secret, start_secret) &&
	    start_round(TOKEN_ES256, start_ec_private, start_ec_public) &&
	    start_verify(start_rsa_token, TOKEN_RS256, start_rsa_public);

	/* each worker chooses for itself how its keys are found */
	token_key_forget();
	return right ? 0 : -1;
}

#include "tools/moroctl-options.h"

#include <getopt.h>
#include <string.h>

#include "proto/units.h"
#include "tools/complain.h"

/* getopt_long() gives these for long options: no letter reaches so far. */
#define OPTION_FIRST 256

#define OPTION_LETTERS (CTL_OPTION_N * 2 + 3) /* bytes of getopt's string */

const struct ctl_option_row ctl_options[CTL_OPTION_N] = {
    [CTL_SOCKET] = {"socket", 's', "PATH",
	"the server's socket; else $MORO_SOCKET, else for root\n"
	"/run/moro/morod.sock, else $XDG_RUNTIME_DIR/morod.sock"},
    [CTL_JSON] = {"json", 0, NULL, "print JSON on one line"},
    [CTL_WAIT] = {"wait", 0, "DUR",
	"give up when the server has not answered by then"},
    [CTL_HELP] = {"help", 'h', NULL, "show this, or the help of the command"},
    [CTL_VERSION] = {"version", 'V', NULL, "print the version"},
    [CTL_PRIORITY] = {"priority", 0, "P", "high, normal or low"},
    [CTL_TIMEOUT] = {"timeout", 0, "DUR",
	"stop the task if it has not finished by then"},
    [CTL_RUN_TIMEOUT] = {"run-timeout", 0, "DUR", "the same, of running alone"},
    [CTL_QUEUE_TIMEOUT] = {"queue-timeout", 0, "DUR",
	"the same, of waiting in the queue alone"},
    [CTL_ID] = {"id", 0, "ID", "a name for the task"},
    [CTL_INPUT] = {"input", 'i', "FILE", "read the input from there"},
    [CTL_OUTPUT] = {"output", 'o', "FILE",
	"write the result there, whole or not at all"},
    [CTL_CANCEL_GRACE] = {"cancel-grace", 0, "DUR",
	"how long a task that is cancelled may take to end by\n"
	"itself, where its type can"},
    [CTL_IDEMPOTENT] = {"idempotent", 0, NULL,
	"run it once more when its worker crashes"},
    [CTL_RETRY] = {"retry", 0, "N", "run it up to N times more, 1 to 100"},
    [CTL_BACKOFF] = {"backoff", 0, "DUR",
	"pause before the first retry; doubles each time"},
    [CTL_MAX_BACKOFF] = {"max-backoff", 0, "DUR", "the longest such pause"},
    [CTL_RETRY_ON] = {"retry-on", 0, "LIST",
	"retry after: crash, error, or crash,error"},
    [CTL_ON_FULL] = {"on-full", 0, "HOW",
	"wait or refuse, when the queue is full"},
    [CTL_PROGRESS] = {"progress", 0, NULL,
	"draw how far it is, though stderr is no terminal"},
    [CTL_NO_PROGRESS] = {"no-progress", 0, NULL, "draw nothing"},
    [CTL_RECONNECT] = {"reconnect", 0, "DUR",
	"when there is no server, try again for so long; what\n"
	"was sent goes again only with --idempotent or --retry"},
    [CTL_FIELD] = {"field", 0, "NAME",
	"the field that --input fills: input, or this one"},
    [CTL_PARALLEL] = {"parallel", 'j', "N",
	"how many tasks are under way at a time, 1 to 4096 (64)"},
    [CTL_RAW] = {"raw", 'r', NULL, "print text as it is, not as JSON"},
    [CTL_FORCE] = {"force", 'f', NULL,
	"write bytes to a terminal, too; over a key that is there"},
    [CTL_ALGORITHM] = {"algorithm", 'a', "NAME",
	"moroctl types crypto:hash and so on list them"},
    [CTL_ENCODING] = {"encoding", 0, "NAME",
	"hex, base64, base64url or bin; of encrypt text or bin"},
    [CTL_KEY] = {"key", 0, "TEXT", "the key; others can see it"},
    [CTL_KEY_FILE] = {"key-file", 0, "FILE", "read the key from there"},
    [CTL_NAMED] = {"named", 0, "NAME", "the key of that name of the server's"},
    [CTL_AAD] = {"aad", 0, "TEXT",
	"more text that must be the same when it is decrypted"},
    [CTL_KDF] = {"kdf", 0, "COST",
	"the key is a passphrase: interactive, moderate or\n"
	"sensitive; decrypt: the most that it may cost"},
    [CTL_IV] = {"iv", 0, "HEX", "of aes-256-cbc, if the data do not have it"},
    [CTL_SECRET] = {"secret", 0, "TEXT", "the secret; others can see it"},
    [CTL_SECRET_FILE] = {"secret-file", 0, "FILE",
	"read the secret from there"},
    [CTL_EXPIRES_IN] = {"expires-in", 0, "TIME",
	"7d, 15m, or a number of seconds"},
    [CTL_NOT_BEFORE] = {"not-before", 0, "TIME", "likewise"},
    [CTL_ISSUER] = {"issuer", 0, "TEXT", "the claim iss"},
    [CTL_AUDIENCE] = {"audience", 0, "TEXT", "the claim aud"},
    [CTL_SUBJECT] = {"subject", 0, "TEXT", "the claim sub"},
    [CTL_JWTID] = {"jwtid", 0, "TEXT", "the claim jti"},
    [CTL_KEYID] = {"keyid", 0, "TEXT", "the header kid"},
    [CTL_NO_TIMESTAMP] = {"no-timestamp", 0, NULL, "no claim iat"},
    [CTL_HEADER] = {"header", 0, "JSON", "more of the token's header"},
    [CTL_NONCE] = {"nonce", 0, "TEXT", "the claim nonce"},
    [CTL_TYP] = {"typ", 0, "TEXT",
	"the header typ, when it is not JWT: at+jwt"},
    [CTL_MAX_AGE] = {"max-age", 0, "TIME", "how old a token may be"},
    [CTL_COMPLETE] = {"complete", 0, NULL, "with --json: the header, too"},
    [CTL_CLOCK_TOLERANCE] = {"clock-tolerance", 0, "DUR",
	"how far clocks may differ"},
    [CTL_IGNORE_EXPIRATION] = {"ignore-expiration", 0, NULL,
	"take tokens that have expired"},
    [CTL_FORMAT] = {"format", 0, "NAME",
	"of data: zstd, gzip, deflate or brotli; of images: jpeg,\n"
	"png or webp; of stats: openmetrics"},
    [CTL_LEVEL] = {"level", 0, "N", "how hard to try"},
    [CTL_MAX_OUTPUT] = {"max-output", 0, "SIZE",
	"refuse larger results (64M; as a file --max-file)"},
    [CTL_MAX_RATIO] = {"max-ratio", 0, "N",
	"refuse results so many times as large as the input"},
    [CTL_NO_CHECKSUM] = {"no-checksum", 0, NULL, "zstd without one"},
    [CTL_DICTIONARY] = {"dictionary", 'D', "FILE",
	"a dictionary of zstd, as zstd --train makes them"},
    [CTL_PASSWORD_FILE] = {"password-file", 0, "FILE",
	"read the password from there"},
    [CTL_COST] = {"cost", 0, "NAME", "interactive, moderate or sensitive"},
    [CTL_MEMORY] = {"memory", 0, "SIZE", "memory that a task takes"},
    [CTL_ITERATIONS] = {"iterations", 0, "N", "how often it goes through it"},
    [CTL_BITS] = {"bits", 0, "N", "of an RSA key, 2048 to 4096"},
    [CTL_CURVE] = {"curve", 0, "NAME", "P-256, P-384 or P-521"},
    [CTL_EACH] = {"each", 0, NULL, "run it on each element of an array"},
    [CTL_ARGS] = {"args", 0, "JSON", "an object: $NAME for each of its names"},
    [CTL_GROUP_BY] = {"group-by", 0, "LIST", "fields: type,user.country"},
    [CTL_METRICS] = {"metrics", 0, "LIST",
	"sum:amount,avg:amount,p95:ms,distinct:user"},
    [CTL_BUCKETS] = {"every", 0, "DUR", "count in intervals: 15m, 1h, 1d"},
    [CTL_TIME_FIELD] = {"time-field", 0, "NAME",
	"the time of an event (timestamp)"},
    [CTL_TIME_UNIT] = {"time-unit", 0, "UNIT", "ms or s, of times as numbers"},
    [CTL_SKIP_INVALID] = {"skip-invalid", 0, NULL,
	"count wrong values, do not refuse them"},
    [CTL_PARTIAL] = {"partial", 0, NULL, "give a result for --merge"},
    [CTL_MERGE] = {"merge", 0, NULL, "the input are such results, an array"},
    [CTL_WIDTH] = {"width", 0, "N", "pixels of the result"},
    [CTL_HEIGHT] = {"height", 0, "N", "likewise; one of the two is enough"},
    [CTL_SIZE] = {"size", 0, "N", "pixels of each side (150)"},
    [CTL_FIT] = {"fit", 0, "HOW",
	"cover, contain, fill, inside or outside (cover)"},
    [CTL_POSITION] = {"position", 0, "WHERE",
	"what cover keeps: centre, top, ..., entropy, attention"},
    [CTL_BACKGROUND] = {"background", 0, "COLOUR", "#rrggbb or #rrggbbaa"},
    [CTL_QUALITY] = {"quality", 0, "N", "of JPEG and WebP, 1 to 100 (80)"},
    [CTL_LOSSLESS] = {"lossless", 0, NULL, "of WebP"},
    [CTL_KEEP_METADATA] = {"keep-metadata", 0, NULL,
	"what the camera wrote stays in the image"},
    [CTL_NO_ENLARGEMENT] = {"no-enlargement", 0, NULL,
	"never make it larger than it is"},
    [CTL_NO_ORIENT] = {"no-orient", 0, NULL, "do not turn it upright"},
    [CTL_MAX_PIXELS] = {"max-pixels", 0, "N",
	"refuse larger images (100,000,000)"},
    [CTL_STATE] = {"state", 0, "STATE",
	"queued, running, delayed or gathering"},
    [CTL_TYPE] = {"type", 0, "TYPE", "only tasks of this type"},
    [CTL_CLIENT] = {"client", 0, "N",
	"only this connection; moroctl clients lists them"},
    [CTL_LIMIT] = {"limit", 0, "N", "at most so many (100)"},
    [CTL_SINCE_START] = {"since-start", 0, NULL,
	"times since the server's start, not of the last minute"},
    [CTL_INTERVAL] = {"interval", 0, "DUR",
	"time between two looks, 100ms to 1m (1s)"},
    [CTL_UNTIL_EMPTY] = {"until-empty", 0, NULL,
	"return when the tasks it has are finished"},
    [CTL_POOL] = {"pool", 0, "NAME", "the pool; else the default one"},
    [CTL_NOW] = {"now", 0, NULL, "cancel the tasks instead of finishing them"},
};

bool
ctl_has(const struct ctl *c, enum ctl_option option)
{
	return c->values[option] != NULL;
}

int
ctl_check_type(const struct ctl *c, const char *command)
{
	if (c->n_args == 0)
		return complain_usage("%s takes a task type; moroctl types "
				      "lists them",
		    command);
	if (strchr(c->args[0], ':') == NULL)
		return complain_usage("%s takes a task type, FAMILY:VERB, not "
				      "%s; moroctl types lists them",
		    command, c->args[0]);
	return EXIT_DONE;
}

/* Makes getopt's two tables of ours. */
static void
options_tables(struct option *rows, char *letters)
{
	*letters++ = ':'; /* a missing value is told apart */
	for (int i = 0; i < CTL_OPTION_N; i++) {
		const struct ctl_option_row *row = &ctl_options[i];

		rows[i].name = row->name;
		rows[i].has_arg =
		    row->takes != NULL ? required_argument : no_argument;
		rows[i].flag = NULL;
		rows[i].val = OPTION_FIRST + i;
		if (row->letter == 0)
			continue;
		*letters++ = (char)row->letter;
		if (row->takes != NULL)
			*letters++ = ':';
	}
	memset(&rows[CTL_OPTION_N], 0, sizeof rows[0]);
	*letters = '\0';
}

/* Which option getopt_long() has found. */
static enum ctl_option
options_index(int found)
{
	int i = 0;

	if (found >= OPTION_FIRST)
		return (enum ctl_option)(found - OPTION_FIRST);
	while (ctl_options[i].letter != found)
		i++;
	return (enum ctl_option)i;
}

/* Takes one option. */
static int
options_take(struct ctl *c, enum ctl_option option, const char *value)
{
	size_t n = 0;

	c->values[option] = value != NULL ? value : "";
	if (option != CTL_ALGORITHM)
		return EXIT_DONE;
	while (n < CTL_ALGORITHMS && c->algorithms[n] != NULL)
		n++;
	if (n == CTL_ALGORITHMS)
		return complain_usage("--algorithm is taken %d times at most",
		    CTL_ALGORITHMS);
	c->algorithms[n] = value;
	return EXIT_DONE;
}

int
options_read(struct ctl *c, int argc, char **argv)
{
	struct option rows[CTL_OPTION_N + 1];
	char letters[OPTION_LETTERS];
	int found, rc = EXIT_DONE;

	options_tables(rows, letters);
	opterr = 0;
	while (rc == EXIT_DONE &&
	       (found = getopt_long(argc, argv, letters, rows, NULL)) != -1) {
		const char *text = argv[optind - 1];

		if (found == ':')
			rc = complain_usage("%s takes a value", text);
		else if (found == '?' && optopt != 0 && optopt < OPTION_FIRST)
			rc = complain_usage("no option -%c", optopt);
		else if (found == '?')
			rc = complain_usage("no option %s, or none of that "
					    "shape",
			    text);
		else
			rc = options_take(c, options_index(found), optarg);
	}
	c->args = argv + optind;
	c->n_args = argc - optind;
	return rc;
}

/* Sets one of the task's three times. */
static int
options_set_time(struct ctl *c, enum ctl_option option,
    int (*set)(struct moro_options *o, uint64_t ms))
{
	uint64_t ms;

	if (!ctl_has(c, option))
		return EXIT_DONE;
	units_duration(c->values[option], 0, &ms);
	if (ms > 0 && set(c->options, ms) == 0)
		return EXIT_DONE;
	return complain_usage("--%s takes a time above 0, not %s",
	    ctl_options[option].name, c->values[option]);
}

/* Sets the task's priority. */
static int
options_set_priority(struct ctl *c)
{
	static const char *const names[] = {"", "high", "normal", "low"};
	const char *value = c->values[CTL_PRIORITY];

	if (value == NULL)
		return EXIT_DONE;
	for (int i = MORO_PRIORITY_HIGH; i <= MORO_PRIORITY_LOW; i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		moro_options_set_priority(c->options, (enum moro_priority)i);
		return EXIT_DONE;
	}
	return complain_usage("--priority takes high, normal or low, not %s",
	    value);
}

/* Sets the task's name. */
static int
options_set_id(struct ctl *c)
{
	const char *id = c->values[CTL_ID];

	if (id == NULL || moro_options_set_id(c->options, id) == 0)
		return EXIT_DONE;
	return complain_usage("--id takes 1 to 256 bytes");
}

/* Reads the pause before a retry; 0 when it is not given. */
static uint64_t
options_ms(const struct ctl *c, enum ctl_option option)
{
	uint64_t ms = 0;

	if (ctl_has(c, option))
		units_duration(c->values[option], 0, &ms);
	return ms;
}

/* Reads what retries are for: names with commas between them. */
static int
options_retry_on(const struct ctl *c, unsigned int *on)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} rows[] = {
	    {"crash", MORO_RETRY_CRASH},
	    {"error", MORO_RETRY_ERROR},
	};
	const char *value = c->values[CTL_RETRY_ON], *at = value;

	while (at != NULL) {
		size_t len = strcspn(at, ","), i = 0;

		while (i < 2 && (strlen(rows[i].name) != len ||
				    strncmp(rows[i].name, at, len) != 0))
			i++;
		if (i == 2)
			return complain_usage("--retry-on takes crash, error "
					      "or crash,error, not %s",
			    value);
		*on |= rows[i].bit;
		at = at[len] == ',' ? at + len + 1 : NULL;
	}
	return EXIT_DONE;
}

/* Sets the task's retries. */
static int
options_set_retry(struct ctl *c)
{
	static const enum ctl_option needing[] = {CTL_BACKOFF, CTL_MAX_BACKOFF,
	    CTL_RETRY_ON};
	unsigned int on = 0;
	uint64_t max = 0;

	for (size_t i = 0; i < 3; i++) {
		if (ctl_has(c, needing[i]) && !ctl_has(c, CTL_RETRY))
			return complain_usage("--%s goes with --retry",
			    ctl_options[needing[i]].name);
	}
	if (!ctl_has(c, CTL_RETRY))
		return EXIT_DONE;
	if (units_number(c->values[CTL_RETRY], 1, MORO_RETRY_MAX, &max) != 0)
		return complain_usage("--retry takes a number from 1 to %d, "
				      "not %s",
		    MORO_RETRY_MAX, c->values[CTL_RETRY]);
	if (options_retry_on(c, &on) != EXIT_DONE)
		return EXIT_USAGE;
	moro_options_set_retry(c->options, (uint32_t)max,
	    options_ms(c, CTL_BACKOFF), options_ms(c, CTL_MAX_BACKOFF), on);
	return EXIT_DONE;
}

/* Sets what else there is to choose. */
static int
options_set_choices(struct ctl *c)
{
	const char *full = c->values[CTL_ON_FULL];

	if (ctl_has(c, CTL_PROGRESS) && ctl_has(c, CTL_NO_PROGRESS))
		return complain_usage("--progress and --no-progress exclude "
				      "each other");
	if (full != NULL && strcmp(full, "wait") != 0 &&
	    strcmp(full, "refuse") != 0)
		return complain_usage("--on-full takes wait or refuse, not %s",
		    full);
	moro_options_set_wait_when_full(c->options,
	    full != NULL && strcmp(full, "wait") == 0);
	moro_options_set_idempotent(c->options, ctl_has(c, CTL_IDEMPOTENT));
	if (ctl_has(c, CTL_CANCEL_GRACE))
		moro_options_set_cancel_grace(c->options,
		    options_ms(c, CTL_CANCEL_GRACE));
	return options_set_retry(c);
}

/* Makes the options of a task out of those given. */
static int
options_make(struct ctl *c)
{
	int rc;

	if ((c->command->takes & CTL_BIT(CTL_PRIORITY)) == 0)
		return EXIT_DONE;
	c->options = moro_options_new();
	if (c->options == NULL) {
		complain("NO_MEMORY", "out of memory");
		return EXIT_REFUSED;
	}
	rc = options_set_priority(c);
	if (rc == EXIT_DONE)
		rc = options_set_id(c);
	if (rc == EXIT_DONE)
		rc = options_set_time(c, CTL_TIMEOUT, moro_options_set_timeout);
	if (rc == EXIT_DONE)
		rc = options_set_time(c, CTL_RUN_TIMEOUT,
		    moro_options_set_run_timeout);
	if (rc == EXIT_DONE)
		rc = options_set_time(c, CTL_QUEUE_TIMEOUT,
		    moro_options_set_queue_timeout);
	if (rc == EXIT_DONE)
		rc = options_set_choices(c);
	return rc;
}

/* Checks the values whose kind the table tells. */
static int
options_check_value(const struct ctl *c, int option)
{
	const struct ctl_option_row *row = &ctl_options[option];
	const char *value = c->values[option];
	uint64_t n;

	if (row->takes == NULL)
		return EXIT_DONE;
	if (strcmp(row->takes, "DUR") == 0 && units_duration(value, 0, &n) != 0)
		return complain_usage("--%s takes " UNITS_DURATION_TAKES
				      ", not %s",
		    row->name, value);
	if (strcmp(row->takes, "SIZE") == 0 && units_size(value, &n) != 0)
		return complain_usage("--%s takes bytes such as 4096 or 64M, "
				      "not %s",
		    row->name, value);
	return EXIT_DONE;
}

int
options_check(struct ctl *c)
{
	const char *name = c->command->name;

	for (int i = 0; i < CTL_OPTION_N; i++) {
		if (c->values[i] == NULL)
			continue;
		if ((c->command->takes & CTL_BIT(i)) == 0)
			return complain_usage("%s takes no --%s; see moroctl "
					      "%s --help",
			    name, ctl_options[i].name, name);
		if (options_check_value(c, i) != EXIT_DONE)
			return EXIT_USAGE;
	}
	if (c->n_args > c->command->max_args)
		return complain_usage("%s: one argument too many: %s", name,
		    c->args[c->command->max_args]);
	return options_make(c);
}

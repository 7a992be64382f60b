#include "tools/moroctl-tasks.h"
#include "tools/moroctl.h"

#define GLOBAL                                                         \
	(CTL_BIT(CTL_SOCKET) | CTL_BIT(CTL_JSON) | CTL_BIT(CTL_WAIT) | \
	    CTL_BIT(CTL_HELP) | CTL_BIT(CTL_VERSION))
/* Of tasks whose input is no file. */
#define ALONE (TASK & ~CTL_BIT(CTL_INPUT))
#define CHOICES                                                \
	(CTL_BIT(CTL_CANCEL_GRACE) | CTL_BIT(CTL_IDEMPOTENT) | \
	    CTL_BIT(CTL_RETRY) | CTL_BIT(CTL_BACKOFF) |        \
	    CTL_BIT(CTL_MAX_BACKOFF) | CTL_BIT(CTL_RETRY_ON) | \
	    CTL_BIT(CTL_ON_FULL) | CTL_BIT(CTL_PROGRESS) |     \
	    CTL_BIT(CTL_NO_PROGRESS) | CTL_BIT(CTL_RECONNECT))
#define TASK                                                             \
	(GLOBAL | CTL_BIT(CTL_PRIORITY) | CTL_BIT(CTL_TIMEOUT) |         \
	    CTL_BIT(CTL_RUN_TIMEOUT) | CTL_BIT(CTL_QUEUE_TIMEOUT) |      \
	    CTL_BIT(CTL_ID) | CTL_BIT(CTL_INPUT) | CTL_BIT(CTL_OUTPUT) | \
	    CHOICES)
#define KEY                                                              \
	(CTL_BIT(CTL_KEY) | CTL_BIT(CTL_KEY_FILE) | CTL_BIT(CTL_NAMED) | \
	    CTL_BIT(CTL_AAD) | CTL_BIT(CTL_ALGORITHM) | CTL_BIT(CTL_KDF))
#define TOKEN                                                                  \
	(CTL_BIT(CTL_SECRET) | CTL_BIT(CTL_SECRET_FILE) | CTL_BIT(CTL_NAMED) | \
	    CTL_BIT(CTL_ALGORITHM) | CTL_BIT(CTL_ISSUER) |                     \
	    CTL_BIT(CTL_AUDIENCE) | CTL_BIT(CTL_SUBJECT))
#define SIGN                                                         \
	(TOKEN | CTL_BIT(CTL_EXPIRES_IN) | CTL_BIT(CTL_NOT_BEFORE) | \
	    CTL_BIT(CTL_JWTID) | CTL_BIT(CTL_KEYID) |                \
	    CTL_BIT(CTL_NO_TIMESTAMP) | CTL_BIT(CTL_HEADER))
#define VERIFY                                                             \
	(TOKEN | CTL_BIT(CTL_CLOCK_TOLERANCE) |                            \
	    CTL_BIT(CTL_IGNORE_EXPIRATION) | CTL_BIT(CTL_JWTID) |          \
	    CTL_BIT(CTL_NONCE) | CTL_BIT(CTL_TYP) | CTL_BIT(CTL_MAX_AGE) | \
	    CTL_BIT(CTL_COMPLETE))

#define PASSWORD                                          \
	(CTL_BIT(CTL_PASSWORD_FILE) | CTL_BIT(CTL_COST) | \
	    CTL_BIT(CTL_MEMORY) | CTL_BIT(CTL_ITERATIONS))

#define IMAGE                                                                 \
	(CTL_BIT(CTL_FIT) | CTL_BIT(CTL_POSITION) | CTL_BIT(CTL_BACKGROUND) | \
	    CTL_BIT(CTL_FORMAT) | CTL_BIT(CTL_QUALITY) |                      \
	    CTL_BIT(CTL_LOSSLESS) | CTL_BIT(CTL_KEEP_METADATA) |              \
	    CTL_BIT(CTL_NO_ENLARGEMENT) | CTL_BIT(CTL_NO_ORIENT) |            \
	    CTL_BIT(CTL_MAX_PIXELS) | CTL_BIT(CTL_FORCE))

#define IMAGE_NOTE                                                        \
	"The image is FILE, --input or standard input. Its format "       \
	"stays, unless\n--format or the name of the output says another." \
	"\nFor servers with the module image (morod --module image)."
#define PASSWORD_NOTE                                                      \
	"The password is asked for, without an echo, unless it stands in " \
	"a file\n(the last newline does not count) or in $MORO_PASSWORD."
#define KEY_NOTE                                                              \
	"The key is 64 hexadecimal digits or a long secret text, in "         \
	"$MORO_KEY,\n"                                                        \
	"a file or the command line, where other users can see it (ps). A "   \
	"file\n"                                                              \
	"of exactly 32 bytes is the key itself; of any other file the last\n" \
	"newline does not count. With --kdf it is a passphrase. A key of "    \
	"the\n"                                                               \
	"server's (--named) never leaves it."
#define SECRET_NOTE                                                         \
	"The secret stands in $MORO_SECRET, a file or the command line, "   \
	"where\n"                                                           \
	"other users can see it (ps). The last newline of a file does not " \
	"count.\nRS and ES algorithms take a key in PEM there, see keygen."

/* Every command there is. */
const struct ctl_command ctl_commands[] = {
    {
	.name = "ping",
	.arguments = "",
	.takes = GLOBAL,
	.about = "ask whether the server answers; prints pong",
	.example = "moroctl ping && echo morod is up",
	.run = ctl_ping,
    },
    {
	.name = "stats",
	.arguments = "",
	.takes = GLOBAL | CTL_BIT(CTL_SINCE_START) | CTL_BIT(CTL_FORMAT),
	.about = "show what is wrong, counters, times and workers",
	.more = "Times are those of the last minute. Lines that begin with !\n"
		"say what is wrong. --format openmetrics is for collectors\n"
		"such as Prometheus.",
	.example = "moroctl stats --json | jq .activeTasks",
	.run = ctl_stats,
    },
    {
	.name = "top",
	.arguments = "",
	.takes = GLOBAL | CTL_BIT(CTL_INTERVAL),
	.about = "watch workers and tasks live, and cancel tasks",
	.more = "Needs a terminal. The key h shows the keys.",
	.example = "moroctl top --interval 500ms",
	.run = ctl_top,
    },
    {
	.name = "ls",
	.arguments = "",
	.takes = GLOBAL | CTL_BIT(CTL_STATE) | CTL_BIT(CTL_TYPE) |
		 CTL_BIT(CTL_CLIENT) | CTL_BIT(CTL_LIMIT),
	.about = "list the tasks that run and that wait",
	.example = "moroctl ls --state queued --type crypto:hash",
	.run = ctl_ls,
    },
    {
	.name = "slow",
	.arguments = "[N]",
	.max_args = 1,
	.takes = GLOBAL,
	.about = "list the slowest tasks of the last ten minutes",
	.more = "N is how many, up to 64; without, 20.",
	.example = "moroctl slow 5",
	.run = ctl_slow,
    },
    {
	.name = "poison",
	.arguments = "",
	.takes = GLOBAL,
	.about = "list the tasks that crashed each time they were run",
	.example = "moroctl poison",
	.run = ctl_poison,
    },
    {
	.name = "keys",
	.arguments = "",
	.takes = GLOBAL,
	.about = "list the named keys and their versions",
	.more =
	    "The first version is the current one, which signs and encrypts.",
	.example = "moroctl keys",
	.run = ctl_keys,
    },
    {
	.name = "clients",
	.arguments = "",
	.takes = GLOBAL | CTL_BIT(CTL_CLIENT) | CTL_BIT(CTL_LIMIT),
	.about = "list the connections, and what they do",
	.example = "moroctl clients",
	.run = ctl_clients,
    },
    {
	.name = "types",
	.arguments = "[TYPE]",
	.max_args = 1,
	.takes = GLOBAL,
	.about = "list the task types, or describe one",
	.example = "moroctl types crypto:hash",
	.run = ctl_types,
    },
    {
	.name = "cancel",
	.arguments = "CLIENT MSGID",
	.max_args = 2,
	.takes = GLOBAL,
	.about = "cancel a task of any client",
	.more = "The numbers are those that moroctl ls shows. What runs is\n"
		"stopped, what waits is dropped; its caller is answered\n"
		"CANCELLED. A task that is gone already is an error.",
	.example = "moroctl cancel 3 17",
	.run = ctl_cancel,
    },
    {
	.name = "drain",
	.arguments = "",
	.takes = GLOBAL | CTL_BIT(CTL_UNTIL_EMPTY),
	.about = "take no more tasks and finish those there are",
	.more = "New tasks are answered SHUTTING_DOWN until moroctl resume;\n"
		"the server stays.",
	.example = "moroctl drain --until-empty --wait 10m",
	.run = ctl_drain,
    },
    {
	.name = "pause",
	.arguments = "[TYPE]",
	.max_args = 1,
	.takes = GLOBAL,
	.about = "have tasks wait, all or those of a type",
	.more = "They are still taken, and wait in the queue; what runs is\n"
		"finished. moroctl resume has them run.",
	.example = "moroctl pause data:compress",
	.run = ctl_pause,
    },
    {
	.name = "resume",
	.arguments = "[TYPE]",
	.max_args = 1,
	.takes = GLOBAL,
	.about = "end a pause; without a type a drain, too",
	.example = "moroctl resume",
	.run = ctl_resume,
    },
    {
	.name = "scale",
	.arguments = "N | MIN:MAX",
	.max_args = 1,
	.takes = GLOBAL | CTL_BIT(CTL_POOL),
	.about = "set how many workers a pool has",
	.more = "MIN:MAX has the server choose between them, by how long\n"
		"tasks wait. Busy workers finish what they do.",
	.example = "moroctl scale 2:8 --pool images",
	.run = ctl_scale,
    },
    {
	.name = "reload",
	.arguments = "",
	.takes = GLOBAL,
	.about = "have the server read its configuration again",
	.more = "Limits are in force at once, workers are replaced one by\n"
		"one, no task is lost. A file with a mistake changes nothing;\n"
		"the error tells where the mistake is.",
	.example = "moroctl reload",
	.run = ctl_reload,
    },
    {
	.name = "shutdown",
	.arguments = "",
	.takes = GLOBAL | CTL_BIT(CTL_NOW),
	.about = "have the server finish its tasks and end",
	.more = "Returns when the server has agreed, not when it is gone.\n"
		"With --now unfinished tasks are answered CANCELLED.",
	.example = "moroctl shutdown",
	.run = ctl_shutdown,
    },
    {
	.name = "log",
	.arguments = "[LEVEL]",
	.max_args = 1,
	.takes = GLOBAL,
	.about = "show what the server logs, or have it log more or less",
	.more = "LEVEL is error, warning, info or debug.",
	.example = "moroctl log debug",
	.run = ctl_log,
    },
    {
	.name = "run",
	.arguments = "TYPE [JSON | -]",
	.max_args = 2,
	.takes = TASK | CTL_BIT(CTL_FIELD),
	.about = "run a task of any type",
	.more = "The data are JSON, as an argument or (-) on standard input;\n"
		"without, null. Bytes in JSON are {\"$bin\": \"base64\"}.\n"
		"--input FILE puts the file's bytes into the data, which are\n"
		"then an object, as field input (--field NAME: as another).\n"
		"The result is printed as JSON. --output FILE gets a result\n"
		"that is text or bytes as it is (--json: as JSON, too).\n"
		"A file over the server's limit for messages goes as a\n"
		"descriptor, to types that take such.\n"
		"Ctrl-C cancels the task; a second one gives up waiting.",
	.example = "moroctl run crypto:hash '{\"input\": \"hello\"}' "
		   "--timeout 2s",
	.run = ctl_run,
    },
    {
	.name = "map",
	.arguments = "TYPE [JSON]",
	.max_args = 2,
	.takes = TASK | CTL_BIT(CTL_FIELD) | CTL_BIT(CTL_PARALLEL) |
		 CTL_BIT(CTL_RAW),
	.about = "run a task for each line of input, several at a time",
	.more = "A line is the task's data as JSON; with --field NAME it is\n"
		"the text of that field, and the argument, an object, says\n"
		"the others. Answers come in order, a line of JSON each;\n"
		"{\"error\": ...} where a task failed, and exit code 1 then.",
	.example = "moroctl map crypto:hash --field input --raw < words",
	.run = ctl_map,
    },
    {
	.name = "hash",
	.arguments = "[TEXT]",
	.max_args = 1,
	.takes = TASK | CTL_BIT(CTL_ALGORITHM) | CTL_BIT(CTL_ENCODING) |
		 CTL_BIT(CTL_KEY) | CTL_BIT(CTL_KEY_FILE) | CTL_BIT(CTL_NAMED) |
		 CTL_BIT(CTL_FORCE),
	.about = "print the digest of text, a file or standard input",
	.more = "With a key it is an HMAC, or a keyed BLAKE2.",
	.example = "moroctl hash --algorithm sha512 --input a.iso",
	.task = &tasks_hash,
	.run = ctl_do_task,
    },
    {
	.name = "password hash",
	.arguments = "",
	.takes = ALONE | PASSWORD,
	.about = "hash a password, to be stored",
	.more = PASSWORD_NOTE,
	.example = "moroctl password hash --cost moderate",
	.run = ctl_password_hash,
    },
    {
	.name = "password verify",
	.arguments = "[HASH]",
	.max_args = 1,
	.takes = TASK | PASSWORD,
	.about = "check a password against a hash",
	.more = "The hash may come on standard input as well. A wrong "
		"password ends\nwith exit code 1. The other options say what "
		"a hash costs today: is\nthis one cheaper, a new one is "
		"asked for.\n" PASSWORD_NOTE,
	.example = "moroctl password verify \"$(cat hash)\"",
	.run = ctl_password_verify,
    },
    {
	.name = "random",
	.arguments = "[N]",
	.max_args = 1,
	.takes = ALONE | CTL_BIT(CTL_ENCODING) | CTL_BIT(CTL_FORCE),
	.about = "print N random bytes, 32 without",
	.example = "moroctl random 16 --encoding base64url",
	.task = &tasks_random,
	.run = ctl_do_task,
    },
    {
	.name = "keygen",
	.arguments = "[secret | rsa | ec]",
	.max_args = 1,
	.takes = ALONE | CTL_BIT(CTL_ENCODING) | CTL_BIT(CTL_BITS) |
		 CTL_BIT(CTL_CURVE) | CTL_BIT(CTL_FORCE),
	.about = "make a key for encrypt, or a pair of keys for sign",
	.more = "Of a pair the public key is printed behind the private one; "
		"with\n--output FILE it goes to FILE.pub. Only its owner may "
		"read FILE, and\none that is there is kept, unless --force.",
	.example = "moroctl keygen ec --output key.pem",
	.run = ctl_keygen,
    },
    {
	.name = "encrypt",
	.arguments = "[TEXT]",
	.max_args = 1,
	.takes = TASK | KEY | CTL_BIT(CTL_ENCODING) | CTL_BIT(CTL_FORCE),
	.about = "encrypt text, a file or standard input",
	.more = KEY_NOTE,
	.example = "moroctl encrypt --key-file key < letter > letter.enc",
	.task = &tasks_encrypt,
	.run = ctl_do_task,
    },
    {
	.name = "decrypt",
	.arguments = "[TEXT]",
	.max_args = 1,
	.takes = TASK | KEY | CTL_BIT(CTL_IV),
	.about = "give back what was encrypted",
	.more = KEY_NOTE,
	.example = "moroctl decrypt --key-file key < letter.enc > letter",
	.task = &tasks_decrypt,
	.run = ctl_do_task,
    },
    {
	.name = "sign",
	.arguments = "[JSON]",
	.max_args = 1,
	.takes = TASK | SIGN,
	.about = "make a token (JWT) of a payload",
	.more = "The payload is a JSON object, as an argument or on "
		"standard input.\n" SECRET_NOTE,
	.example = "moroctl sign '{\"userId\": 7}' --expires-in 7d "
		   "--secret-file secret",
	.task = &jwt_sign,
	.run = ctl_do_task,
    },
    {
	.name = "verify",
	.arguments = "[TOKEN]",
	.max_args = 1,
	.takes = TASK | VERIFY,
	.about = "check a token (JWT) and print its payload",
	.more = "A token that is not valid ends with exit code 1.\n"
		"--algorithm may be given several times.\n" SECRET_NOTE,
	.example = "moroctl verify --secret-file secret < token",
	.run = ctl_verify,
    },
    {
	.name = "compress",
	.arguments = "",
	.takes = TASK | CTL_BIT(CTL_FORMAT) | CTL_BIT(CTL_LEVEL) |
		 CTL_BIT(CTL_NO_CHECKSUM) | CTL_BIT(CTL_DICTIONARY) |
		 CTL_BIT(CTL_FORCE),
	.about = "compress a file or standard input",
	.example = "moroctl compress --format gzip --level 9 < a > a.gz",
	.task = &tasks_compress,
	.run = ctl_do_task,
    },
    {
	.name = "decompress",
	.arguments = "",
	.takes = TASK | CTL_BIT(CTL_FORMAT) | CTL_BIT(CTL_MAX_OUTPUT) |
		 CTL_BIT(CTL_MAX_RATIO) | CTL_BIT(CTL_DICTIONARY),
	.about = "give back what was compressed",
	.example = "moroctl decompress < a.zst > a",
	.task = &tasks_decompress,
	.run = ctl_do_task,
    },
    {
	.name = "jq",
	.arguments = "FILTER [FILE]",
	.max_args = 2,
	.takes = TASK | CTL_BIT(CTL_EACH) | CTL_BIT(CTL_ARGS) |
		 CTL_BIT(CTL_RAW) | CTL_BIT(CTL_MEMORY),
	.about = "run a jq program on JSON, one output a line",
	.more = "The input is one JSON value: FILE, --input or standard "
		"input. For\na value a line there is moroctl map.",
	.example = "moroctl jq '.[] | .name' < users.json",
	.run = ctl_jq,
    },
    {
	.name = "compute",
	.arguments = "OPERATION [JSON]",
	.max_args = 2,
	.takes = ALONE,
	.about = "compute primes, statistics and more",
	.more = "moroctl types heavy:computation lists the operations and "
		"what\neach takes, a JSON object. The name of a task type "
		"runs that.",
	.example = "moroctl compute fibonacci '{\"n\": 1000}'",
	.task = &tasks_compute,
	.run = ctl_do_task,
    },
    {
	.name = "analytics",
	.arguments = "",
	.takes = TASK | CTL_BIT(CTL_GROUP_BY) | CTL_BIT(CTL_METRICS) |
		 CTL_BIT(CTL_BUCKETS) | CTL_BIT(CTL_TIME_FIELD) |
		 CTL_BIT(CTL_TIME_UNIT) | CTL_BIT(CTL_SKIP_INVALID) |
		 CTL_BIT(CTL_PARTIAL) | CTL_BIT(CTL_MERGE),
	.about = "count and measure events by groups",
	.more = "The events are a JSON array of objects.",
	.example = "moroctl analytics --group-by type --metrics sum:amount "
		   "< events.json",
	.run = ctl_analytics,
    },
    {
	.name = "image resize",
	.arguments = "[FILE]",
	.max_args = 1,
	.takes = TASK | IMAGE | CTL_BIT(CTL_WIDTH) | CTL_BIT(CTL_HEIGHT),
	.about = "resize a JPEG, PNG or WebP",
	.more = IMAGE_NOTE,
	.example = "moroctl image resize a.jpg --width 800 -o b.webp",
	.task = &image_resize,
	.run = ctl_do_task,
    },
    {
	.name = "image thumbnail",
	.arguments = "[FILE]",
	.max_args = 1,
	.takes = TASK | IMAGE | CTL_BIT(CTL_SIZE),
	.about = "make a square thumbnail",
	.more = IMAGE_NOTE,
	.example = "moroctl image thumbnail a.jpg --size 200 -o b.jpg",
	.task = &image_thumbnail,
	.run = ctl_do_task,
    },
    {
	.name = "image info",
	.arguments = "[FILE]",
	.max_args = 1,
	.takes = TASK,
	.about = "tell format, size and more of an image",
	.example = "moroctl image info a.jpg",
	.task = &image_info,
	.run = ctl_do_task,
    },
    {.name = NULL},
};

#include "tools/moroctl-tasks.h"
#include "tools/moroctl.h"

#define GLOBAL                                                         \
	(CTL_BIT(CTL_SOCKET) | CTL_BIT(CTL_JSON) | CTL_BIT(CTL_WAIT) | \
	    CTL_BIT(CTL_HELP) | CTL_BIT(CTL_VERSION))
#define CHOICES                                                \
	(CTL_BIT(CTL_CANCEL_GRACE) | CTL_BIT(CTL_IDEMPOTENT) | \
	    CTL_BIT(CTL_RETRY) | CTL_BIT(CTL_BACKOFF) |        \
	    CTL_BIT(CTL_MAX_BACKOFF) | CTL_BIT(CTL_RETRY_ON) | \
	    CTL_BIT(CTL_ON_FULL) | CTL_BIT(CTL_PROGRESS) |     \
	    CTL_BIT(CTL_NO_PROGRESS))
#define TASK                                                             \
	(GLOBAL | CTL_BIT(CTL_PRIORITY) | CTL_BIT(CTL_TIMEOUT) |         \
	    CTL_BIT(CTL_RUN_TIMEOUT) | CTL_BIT(CTL_QUEUE_TIMEOUT) |      \
	    CTL_BIT(CTL_ID) | CTL_BIT(CTL_INPUT) | CTL_BIT(CTL_OUTPUT) | \
	    CHOICES)
#define KEY (CTL_BIT(CTL_KEY) | CTL_BIT(CTL_KEY_FILE) | CTL_BIT(CTL_AAD))
#define TOKEN                                              \
	(CTL_BIT(CTL_SECRET) | CTL_BIT(CTL_SECRET_FILE) |  \
	    CTL_BIT(CTL_ALGORITHM) | CTL_BIT(CTL_ISSUER) | \
	    CTL_BIT(CTL_AUDIENCE) | CTL_BIT(CTL_SUBJECT))
#define SIGN                                                         \
	(TOKEN | CTL_BIT(CTL_EXPIRES_IN) | CTL_BIT(CTL_NOT_BEFORE) | \
	    CTL_BIT(CTL_JWTID) | CTL_BIT(CTL_KEYID) |                \
	    CTL_BIT(CTL_NO_TIMESTAMP))
#define VERIFY \
	(TOKEN | CTL_BIT(CTL_CLOCK_TOLERANCE) | CTL_BIT(CTL_IGNORE_EXPIRATION))

#define KEY_NOTE                                                              \
	"The key is 64 hexadecimal digits or a long secret text, in "         \
	"$MORO_KEY,\n"                                                        \
	"a file or the command line, where other users can see it (ps). A "   \
	"file\n"                                                              \
	"of exactly 32 bytes is the key itself; of any other file the last\n" \
	"newline does not count."
#define SECRET_NOTE                                                         \
	"The secret stands in $MORO_SECRET, a file or the command line, "   \
	"where\n"                                                           \
	"other users can see it (ps). The last newline of a file does not " \
	"count."

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
		 CTL_BIT(CTL_FORCE),
	.about = "print the digest of text, a file or standard input",
	.example = "moroctl hash --algorithm sha512 --input a.iso",
	.task = &tasks_hash,
	.run = ctl_do_task,
    },
    {
	.name = "encrypt",
	.arguments = "[TEXT]",
	.max_args = 1,
	.takes = TASK | KEY,
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
	.takes = TASK | KEY,
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
    {.name = NULL},
};

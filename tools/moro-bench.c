#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "proto/units.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-form.h"
#include "tools/bench-json.h"
#include "tools/bench-plot.h"
#include "tools/bench-proc.h"
#include "tools/bench-table.h"
#include "tools/bench.h"

#define BENCH_USAGE 2 /* exit status */
#define BENCH_ROUNDS 5
#define BENCH_ROUNDS_MAX 1000
#define BENCH_WORKERS 2
#define BENCH_SECONDS 0.4
#define BENCH_SECONDS_MIN 0.01
#define BENCH_SECONDS_MAX 60.0
#define BENCH_WARM 0.35 /* warm-up, as a share of the measurement */
#define BENCH_PATTERN 64 /* bytes of a pattern of a part, its NUL included */
#define BENCH_SOCKET_MAX 107 /* bytes of a path */
#define BENCH_TYPE_MAX 128 /* bytes of a type's name */

enum bench_option {
	OPTION_ROUNDS = 256,
	OPTION_WORKERS,
	OPTION_SECONDS,
	OPTION_SOCKET,
	OPTION_TYPE,
	OPTION_JSON,
	OPTION_PLOT,
	OPTION_MODULES,
};

static const struct option bench_options[] = {
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"type", required_argument, NULL, OPTION_TYPE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"module", required_argument, NULL, OPTION_MODULES},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char bench_help[] =
    "usage: moro-bench [SCENARIO | tasks.PATTERN ...] [OPTIONS]\n"
    "\n"
    "Measures morod beside a bare relay, which does nothing but pass bytes.\n"
    "Without SCENARIO: all of them, in about 6 minutes. tasks.PATTERN is one\n"
    "row or some of tasks: tasks.data:compress, 'tasks.*.gzip'.\n"
    "\n"
    "options:\n"
    "  --rounds N     starts of each side (1 to 1000, default 5)\n"
    "  --workers N    worker processes (1 to 64, default 2)\n"
    "  --seconds S    measured in each round and side (0.01 to 60, "
    "default 0.4)\n"
    "  --socket PATH  measure the morod that listens there, as it is set\n"
    "  --type TYPE    there is what echoes, in place of debug:echo\n"
    "  --module LIST  for the morods of tasks, which measures image:thumbnail\n"
    "                 then\n"
    "  --json         print JSON instead of the table\n"
    "  --plot FILE    write the latency distributions to an SVG file\n"
    "  --version, --help\n"
    "\n"
    "scenarios:\n";

uint64_t
bench_run_ns(const struct bench *b)
{
	return (uint64_t)(b->seconds * (double)CLOCK_NS_PER_S);
}

uint64_t
bench_warm_ns(const struct bench *b)
{
	return (uint64_t)(b->seconds * BENCH_WARM * (double)CLOCK_NS_PER_S);
}

void
bench_curve(struct bench *b, const char *name, const struct samples *us)
{
	struct curve *c;

	if (b->plot == NULL || us->n == 0)
		return;
	if (b->n_curves == BENCH_CURVES)
		cleanup_die("too many curves");
	c = &b->curves[b->n_curves++];
	c->name = name;
	samples_append(&c->us, us);
}

void
bench_server(const struct bench *b, struct server *s, const char *const *args)
{
	if (b->socket != NULL)
		server_use(s, b->socket);
	else
		server_start(s, b->workers, args, 0);
}

/* Says what is wrong with the arguments, and ends. */
static void
bench_refuse(const char *option, const char *value, const char *takes)
{
	fprintf(stderr, "moro-bench: %s: \"%s\" is not allowed; it takes %s\n",
	    option, value, takes);
	exit(BENCH_USAGE);
}

/* Reads a whole number. */
static int
bench_number(const char *option, const char *text, uint64_t max,
    const char *takes)
{
	uint64_t v;

	if (units_number(text, 1, max, &v) < 0)
		bench_refuse(option, text, takes);
	return (int)v;
}

/* Reads a number of seconds. */
static double
bench_seconds(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	/* the comparisons are false for NaN too */
	if (end == text || *end != '\0' ||
	    !(v >= BENCH_SECONDS_MIN && v <= BENCH_SECONDS_MAX))
		bench_refuse("--seconds", text,
		    "a number of seconds from 0.01 to 60");
	return v;
}

/* Reads the path of a socket. */
static const char *
bench_socket(const char *text)
{
	if (text[0] == '\0' || strlen(text) > BENCH_SOCKET_MAX)
		bench_refuse("--socket", text, "a path of 1 to 107 bytes");
	return text;
}

/* Reads the name of a type. */
static const char *
bench_type(const char *text)
{
	if (strchr(text, ':') == NULL || strlen(text) > BENCH_TYPE_MAX)
		bench_refuse("--type", text,
		    "FAMILY:VERB, a type that gives back its data");
	return text;
}

/* Prints how it is used. */
static void
bench_print_help(void)
{
	fputs(bench_help, stdout);
	for (const struct scenario *s = bench_scenarios; s->name != NULL; s++)
		printf("  %-10s %s\n", s->name, s->about);
	fputs("\nexit status: 0 measured, whatever the figures are; 1 it could "
	      "not; 2 usage\n",
	    stdout);
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Reads one option. */
static void
bench_option(struct bench *b, int c)
{
	switch (c) {
	case OPTION_ROUNDS:
		b->rounds = bench_number("--rounds", optarg, BENCH_ROUNDS_MAX,
		    "a whole number from 1 to 1000");
		break;
	case OPTION_WORKERS:
		b->workers = bench_number("--workers", optarg,
		    SERVER_WORKERS_MAX, "a whole number from 1 to 64");
		break;
	case OPTION_SECONDS:
		b->seconds = bench_seconds(optarg);
		break;
	case OPTION_SOCKET:
		b->socket = bench_socket(optarg);
		break;
	case OPTION_TYPE:
		b->type = bench_type(optarg);
		form_set_echo(b->type);
		break;
	case OPTION_MODULES:
		b->modules = optarg;
		break;
	case OPTION_JSON:
		b->json = true;
		break;
	case OPTION_PLOT:
		b->plot = optarg;
		break;
	case 'V':
		printf("moro-bench %s\n", MORO_VERSION);
		exit(EXIT_SUCCESS);
	case 'h':
		bench_print_help();
		break;
	default: /* getopt has said which */
		fputs("moro-bench --help lists the options\n", stderr);
		exit(BENCH_USAGE);
	}
}

/* Whether a pattern is a part's, or that of its first names. */
static bool
bench_fits(const char *pattern, const char *part)
{
	char more[BENCH_PATTERN];

	snprintf(more, sizeof more, "%s[.:]*", pattern);
	return fnmatch(pattern, part, 0) == 0 || fnmatch(more, part, 0) == 0;
}

/* Whether a name is a scenario's, or one of a part of it. */
static bool
bench_names(const char *name, const char *scenario, const char *part)
{
	size_t n = strlen(scenario);

	if (strncmp(name, scenario, n) != 0)
		return false;
	return name[n] == '\0' || (part != NULL && name[n] == '.' &&
				      bench_fits(name + n + 1, part));
}

bool
bench_wants(const struct bench *b, const char *scenario, const char *part)
{
	for (int i = 0; i < b->n_names; i++) {
		if (bench_names(b->names[i], scenario, part))
			return true;
	}
	return b->n_names == 0;
}

/* Whether a name is a scenario's or one of its parts'. */
static bool
bench_has(const struct scenario *s, const char *name)
{
	const char *part = NULL;

	for (size_t i = 0; s->part != NULL && (part = s->part(i)) != NULL;
	     i++) {
		if (bench_names(name, s->name, part))
			return true;
	}
	return bench_names(name, s->name, NULL);
}

/* Ends if a name is nothing's. */
static void
bench_find(const char *name)
{
	const struct scenario *s;

	for (s = bench_scenarios; s->name != NULL; s++) {
		if (bench_has(s, name))
			return;
	}
	fprintf(stderr, "moro-bench: no scenario \"%s\"; there are:", name);
	for (s = bench_scenarios; s->name != NULL; s++)
		fprintf(stderr, " %s", s->name);
	fputc('\n', stderr);
	exit(BENCH_USAGE);
}

/* Whether a scenario, or a part of it, is wanted. */
static bool
bench_wanted(const struct bench *b, const struct scenario *s)
{
	for (int i = 0; i < b->n_names; i++) {
		if (bench_has(s, b->names[i]))
			return true;
	}
	return b->n_names == 0;
}

/* Runs what is wanted. */
static void
bench_run(struct bench *b)
{
	for (const struct scenario *s = bench_scenarios; s->name != NULL; s++) {
		if (!bench_wanted(b, s))
			continue;
		if (s->own && b->socket != NULL) {
			fprintf(stderr,
			    "moro-bench: %s needs a morod of its own, "
			    "skipping\n",
			    s->name);
			continue;
		}
		s->run(b);
	}
}

/* Runs it, and notes how long it took and what else the machine did. */
static void
bench_watched(struct bench *b)
{
	double all = proc_cpu_all(), own = proc_cpu_own();
	uint64_t begin = clock_ns();

	bench_run(b);
	b->wall_s = (double)(clock_ns() - begin) / (double)CLOCK_NS_PER_S;
	all = proc_cpu_all() - all;
	own = proc_cpu_own() - own;
	/* of a server that ran before nothing is known: it counts as other */
	b->others = all > own ? (all - own) / b->wall_s : 0;
}

/* Frees what was kept for the plot. */
static void
bench_clear(struct bench *b)
{
	for (int i = 0; i < b->n_curves; i++)
		samples_clear(&b->curves[i].us);
	report_clear(&b->report);
}

int
main(int argc, char **argv)
{
	static struct bench b = {.rounds = BENCH_ROUNDS,
	    .workers = BENCH_WORKERS,
	    .seconds = BENCH_SECONDS};
	FILE *plot = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "hV", bench_options, NULL)) != -1)
		bench_option(&b, c);
	if (b.type != NULL && b.socket == NULL)
		bench_refuse("--type", b.type, "--socket beside it");
	b.n_names = argc - optind;
	b.names = argv + optind;
	for (int i = 0; i < b.n_names; i++)
		bench_find(b.names[i]);
	b.report.quiet = b.json;
	signal(SIGPIPE, SIG_IGN);
	/* what a dying morod leaves is reaped here */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_TIMERSLACK, 1);
	cleanup_init();
	if (b.plot != NULL)
		plot = plot_open(b.plot);
	if (!b.json)
		table_head(b.rounds, b.workers);
	bench_watched(&b);
	if (b.json)
		json_print(&b);
	else
		table_end(b.wall_s, b.others);
	if (ferror(stdout))
		cleanup_die("cannot write standard output");
	if (plot != NULL)
		plot_write(&b, plot);
	bench_clear(&b);
	return EXIT_SUCCESS;
}

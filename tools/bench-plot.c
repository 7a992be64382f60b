#include "tools/bench-plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/bench-cleanup.h"

#define PLOT_WIDTH 860
#define PLOT_HEIGHT 480
#define PLOT_LEFT 70 /* of the axes */
#define PLOT_RIGHT 640
#define PLOT_TOP 40
#define PLOT_BOTTOM 420
#define PLOT_LEGEND 655
#define PLOT_LINE 20 /* height of a line of the legend */
#define PLOT_NINES 4.0 /* the right end: 99.99 % */
#define PLOT_STEPS 160 /* points of a curve */
#define PLOT_LEAST_US 10 /* the lower end */

static const char *const plot_colours[BENCH_CURVES] = {"#888888", "#1f77b4",
    "#bbbbbb", "#6baed6", "#d62728", "#ff7f0e", "#2ca02c", "#9467bd", "#17becf",
    "#bcbd22", "#7f7f7f", "#393b79"};

/* Where a share lies: 0 %, 90 %, 99 % and so on at equal distances. */
static double
plot_x(double nines)
{
	return PLOT_LEFT + nines / PLOT_NINES * (PLOT_RIGHT - PLOT_LEFT);
}

/* Where a latency lies, on a logarithmic scale. */
static double
plot_y(double us, double top_us)
{
	double v = us > PLOT_LEAST_US ? us : PLOT_LEAST_US;
	double share = log10(v / PLOT_LEAST_US) / log10(top_us / PLOT_LEAST_US);

	return PLOT_BOTTOM - share * (PLOT_BOTTOM - PLOT_TOP);
}

/* The share that lies below, for a number of nines. */
static double
plot_share(double nines)
{
	return 1 - pow(10, -nines);
}

/* A line of the grid and its label. */
static void
plot_grid(FILE *f, double x1, double y1, double x2, double y2)
{
	fprintf(f,
	    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
	    "stroke=\"#dddddd\"/>\n",
	    x1, y1, x2, y2);
}

/* The axes with their labels. */
static void
plot_axes(FILE *f, double top_us)
{
	static const struct {
		double nines;
		const char *label;
	} ticks[] = {{0, "0 %"}, {0.301, "50 %"}, {1, "90 %"}, {2, "99 %"},
	    {3, "99.9 %"}, {4, "99.99 %"}};

	for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
		double x = plot_x(ticks[i].nines);

		plot_grid(f, x, PLOT_TOP, x, PLOT_BOTTOM);
		fprintf(f,
		    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s"
		    "</text>\n",
		    x, PLOT_BOTTOM + PLOT_LINE, ticks[i].label);
	}
	for (long us = PLOT_LEAST_US; us <= lround(top_us); us *= 10) {
		double y = plot_y((double)us, top_us);

		plot_grid(f, PLOT_LEFT, y, PLOT_RIGHT, y);
		fprintf(f,
		    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%ld us"
		    "</text>\n",
		    PLOT_LEFT - 6, y + 4, us);
	}
}

/* One curve and its line in the legend. */
static void
plot_curve(FILE *f, const struct curve *curve, int i, double top_us)
{
	struct samples sorted = {NULL, 0, 0};
	int y = PLOT_TOP + PLOT_LINE * (i + 1);

	samples_append(&sorted, &curve->us);
	samples_percentile(&sorted, 0); /* sorts */
	fprintf(f,
	    "<polyline fill=\"none\" stroke=\"%s\" "
	    "stroke-width=\"2\" points=\"",
	    plot_colours[i]);
	for (int k = 0; k <= PLOT_STEPS; k++) {
		double nines = PLOT_NINES * k / PLOT_STEPS;
		size_t at = (size_t)(plot_share(nines) * (double)sorted.n);

		if (at >= sorted.n)
			break; /* fewer samples than that */
		fprintf(f, "%.1f,%.1f ", plot_x(nines),
		    plot_y(sorted.v[at], top_us));
	}
	fprintf(f,
	    "\"/>\n<text x=\"%d\" y=\"%d\" fill=\"%s\">%s (%zu)</text>\n",
	    PLOT_LEGEND, y, plot_colours[i], curve->name, sorted.n);
	samples_clear(&sorted);
}

FILE *
plot_open(const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		cleanup_die("cannot write %s: %s", path, strerror(errno));
	return f;
}

void
plot_write(const struct bench *b, FILE *f)
{
	double top_us = PLOT_LEAST_US * 10;

	for (int i = 0; i < b->n_curves; i++) {
		while (samples_max(&b->curves[i].us) > top_us)
			top_us *= 10;
	}
	fprintf(f,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	    "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
	    "<text x=\"%d\" y=\"24\" font-size=\"15\">moro-bench %s: share of "
	    "calls answered within a time</text>\n",
	    PLOT_WIDTH, PLOT_HEIGHT, PLOT_LEFT, MORO_VERSION);
	plot_axes(f, top_us);
	for (int i = 0; i < b->n_curves; i++)
		plot_curve(f, &b->curves[i], i, top_us);
	fputs("</svg>\n", f);
	if (ferror(f) | fclose(f))
		cleanup_die("cannot write %s: %s", b->plot, strerror(errno));
}

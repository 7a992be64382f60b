#include "tools/columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COLUMNS_DOTS "..."
#define COLUMNS_DOTS_LEN 3
#define COLUMNS_CHAR_MAX 4 /* bytes of a character */
#define CODE_MAX 0x10ffff

/* A run of code points. */
struct run {
	uint32_t first;
	uint32_t last;
};

/* One character. */
struct glyph {
	const char *bytes; /* to be written */
	size_t len; /* how many of them */
	size_t taken; /* bytes of the text */
	int columns; /* 0, 1 or 2 */
};

/* Controls, and what turns the direction of writing: shown as a space. */
static const struct run controls[] = {
    {0x0000, 0x001f},
    {0x007f, 0x009f},
    {0x061c, 0x061c},
    {0x200e, 0x200f},
    {0x2028, 0x202e},
    {0x2066, 0x2069},
};

/* What stands on the character before. */
static const struct run marks[] = {
    {0x0300, 0x036f},
    {0x0483, 0x0489},
    {0x0591, 0x05bd},
    {0x0610, 0x061a},
    {0x064b, 0x065f},
    {0x093a, 0x093c},
    {0x0941, 0x0948},
    {0x094d, 0x094d},
    {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff},
    {0x200b, 0x200d},
    {0x2060, 0x2064},
    {0x20d0, 0x20ff},
    {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff},
    {0xe0100, 0xe01ef},
};

/* What takes two columns: East Asian Width W and F, in coarse runs. */
static const struct run wides[] = {
    {0x1100, 0x115f},
    {0x231a, 0x231b},
    {0x23e9, 0x23ec},
    {0x2614, 0x2615},
    {0x26a1, 0x26a1},
    {0x2705, 0x2705},
    {0x2728, 0x2728},
    {0x274c, 0x274c},
    {0x2753, 0x2755},
    {0x2e80, 0x303e},
    {0x3041, 0xa4cf},
    {0xa960, 0xa97c},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff01, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f004, 0x1f004},
    {0x1f18e, 0x1f19a},
    {0x1f200, 0x1f320},
    {0x1f32d, 0x1f64f},
    {0x1f680, 0x1f6ff},
    {0x1f7e0, 0x1f7eb},
    {0x1f900, 0x1faff},
    {0x20000, 0x3fffd},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Whether a code point is in one of the runs. */
static bool
columns_in(const struct run *runs, size_t n, uint32_t code)
{
	for (size_t i = 0; i < n; i++) {
		if (code >= runs[i].first && code <= runs[i].last)
			return true;
	}
	return false;
}

/* How long a character is that begins with this byte; 0: none begins so. */
static size_t
columns_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* Reads one code point. Returns its length, or 0: the bytes are no UTF-8. */
static size_t
columns_decode(const char *text, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)text;
	size_t len = columns_length(p[0]);

	if (len == 0)
		return 0;
	*code = len == 1 ? p[0] : p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		/* the NUL at the end is no such byte */
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3f);
	}
	if (*code < least[len] || *code > CODE_MAX ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return len;
}

/* Looks at the next character of a text that is not at its end. */
static struct glyph
columns_next(const char *text)
{
	uint32_t code;
	size_t len = columns_decode(text, &code);
	struct glyph g = {text, len, len, 1};

	if (len == 0 || columns_in(controls, COUNT(controls), code)) {
		g.bytes = len == 0 ? "?" : " ";
		g.len = 1;
		g.taken = len == 0 ? 1 : len;
	} else if (columns_in(marks, COUNT(marks), code)) {
		g.columns = 0;
	} else if (columns_in(wides, COUNT(wides), code)) {
		g.columns = 2;
	}
	return g;
}

/* Writes what fits. Returns its columns; *rest is what did not. */
static int
columns_copy(char *out, size_t size, const char *text, int columns,
    const char **rest)
{
	size_t n = 0;
	int used = 0;

	while (*text != '\0') {
		struct glyph g = columns_next(text);

		if (used + g.columns > columns || n + g.len >= size)
			break;
		memcpy(out + n, g.bytes, g.len);
		n += g.len;
		used += g.columns;
		text += g.taken;
	}
	out[n] = '\0';
	*rest = text;
	return used;
}

int
columns_fit(char *out, size_t size, const char *text, int columns)
{
	const char *rest;
	int used = columns_copy(out, size, text, columns, &rest);

	if (*rest == '\0' || columns <= COLUMNS_DOTS_LEN ||
	    size <= COLUMNS_DOTS_LEN + COLUMNS_CHAR_MAX)
		return used;
	used = columns_copy(out, size - COLUMNS_DOTS_LEN, text,
	    columns - COLUMNS_DOTS_LEN, &rest);
	strcat(out, COLUMNS_DOTS);
	return used + COLUMNS_DOTS_LEN;
}

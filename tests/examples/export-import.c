/*
 * The guide's "Data Export/Import":
 *
 *	export-import export FILE <records.json
 *	export-import import FILE
 *
 * Records are a JSON array of objects with `_id` and `email`. Export changes
 * each record and writes them compressed; import reads such a file, from
 * whomever, checks every record, and prints what would go to the database, a
 * record a line.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moro.h>

/* A small file may hold gigabytes of zeros. */
#define IMPORT_MAX (16 << 20)

/* The guide gives functions of JavaScript to transformJSON; here it is jq. */
#define EXPORTED "{id: (._id | tostring)} + . + {exportedAt: (now | todate)}"
#define IMPORTED                                                     \
	"if (.email | type) == \"string\" "                          \
	"then . + {importedAt: (now | todate), status: \"active\"} " \
	"else error(\"a record without an email\") end"

/* Reads a file to its end. Returns its bytes, to be freed, or NULL. */
static char *
read_all(FILE *f, size_t *len)
{
	char *bytes = NULL, *more;
	size_t size = 0;

	*len = 0;
	while (f != NULL && !feof(f) && !ferror(f)) {
		if (*len == size) {
			size = size == 0 ? 65536 : 2 * size;
			more = realloc(bytes, size);
			if (more == NULL)
				break;
			bytes = more;
		}
		*len += fread(bytes + *len, 1, size - *len, f);
	}
	if (f != NULL && feof(f))
		return bytes;
	free(bytes);
	return NULL;
}

/* Says what is wrong with a reply, if anything is. Returns 0, or -1. */
static int
check(const struct moro_reply *r)
{
	if (moro_reply_ok(r))
		return 0;
	fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
	    moro_reply_message(r));
	return -1;
}

/*
 * Runs a jq program on each element of a JSON array. Format: "json" is an
 * array again, "lines" has each on a line. For data that are not JSON yet there
 * is moro_transform_json().
 */
static struct moro_reply *
transform_each(struct moro *m, const char *json, size_t len, const char *filter,
    const char *format)
{
	struct moro_map *data = moro_map_new();
	struct moro_reply *r;

	moro_map_bytes(data, "json", json, len);
	moro_map_text(data, "filter", filter);
	moro_map_flag(data, "each", 1);
	moro_map_text(data, "format", format);
	r = moro_call(m, "json:transform", moro_map_data(data),
	    moro_map_size(data), NULL);
	moro_map_free(data);
	return r;
}

/* Writes bytes to a new file. Returns 0, or -1. */
static int
write_file(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");
	int rc = -1;

	if (f != NULL) {
		rc = fwrite(bytes, 1, len, f) == len ? 0 : -1;
		if (fclose(f) == EOF)
			rc = -1;
	}
	if (rc == -1)
		perror(path);
	return rc;
}

/* GET /api/export */
static int
export_records(struct moro *m, const char *path)
{
	size_t len;
	char *json = read_all(stdin, &len);
	struct moro_reply *records, *packed = NULL;
	const char *bytes;
	int rc = -1;

	if (json == NULL)
		return -1;
	records = transform_each(m, json, len, EXPORTED, "json");
	if (check(records) == 0) {
		bytes = moro_reply_text(records, &len);
		packed = moro_compress_data(m, bytes, len, "gzip",
		    MORO_LEVEL_DEFAULT, NULL);
		rc = check(packed);
	}
	if (rc == 0) {
		bytes = moro_reply_text(packed, &len);
		rc = write_file(path, bytes, len);
	}
	moro_reply_free(packed);
	moro_reply_free(records);
	free(json);
	return rc;
}

/* POST /api/import */
static int
import_records(struct moro *m, const char *path)
{
	FILE *f = fopen(path, "r");
	size_t len;
	char *packed = read_all(f, &len);
	struct moro_reply *json, *records = NULL;
	const char *bytes;
	int rc = -1;

	if (f != NULL)
		fclose(f);
	if (packed == NULL) {
		perror(path);
		return -1;
	}
	json = moro_decompress_data(m, packed, len, "gzip", IMPORT_MAX, NULL);
	if (check(json) == 0) {
		bytes = moro_reply_text(json, &len);
		records = transform_each(m, bytes, len, IMPORTED, "lines");
		rc = check(records);
	}
	if (rc == 0)
		fputs(moro_reply_text(records, NULL), stdout);
	moro_reply_free(records);
	moro_reply_free(json);
	free(packed);
	return rc;
}

int
main(int argc, char **argv)
{
	struct moro *m;
	int rc = -1;

	if (argc != 3) {
		fprintf(stderr, "usage: export-import export|import FILE\n");
		return 2;
	}
	m = moro_new();
	moro_connect(m, NULL);
	if (strcmp(argv[1], "export") == 0)
		rc = export_records(m, argv[2]);
	else if (strcmp(argv[1], "import") == 0)
		rc = import_records(m, argv[2]);
	moro_free(m);
	return rc == 0 ? 0 : 1;
}

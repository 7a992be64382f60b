/*
 * The file is INI, and inih reads its lines. What inih would take in a way
 * that nobody expects is kept from it, and refused with its line: lines that
 * are longer than its buffer (it takes the rest for a line of its own), NUL
 * bytes (it takes them for the line's end), indented lines (it takes them for
 * more of the value before: indentation means nothing here), names of sections
 * over 49 bytes (it cuts them) and sections without keys (it skips them).
 */
#include "server/config-parts.h"

#include <ctype.h>
#include <string.h>

#include "worker/registry.h"

#include <ini.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FILE_WORD 64 /* of a section's head, for messages and comparison */
#define FILE_BOM "\xef\xbb\xbf"
#define FILE_SECTIONS                                                     \
	"sections are [" CONFIG_SECTION_SERVER "], [" CONFIG_SECTION_POOL \
	" NAME], [" CONFIG_SECTION_TASK " TYPE], [" CONFIG_SECTION_MODULE \
	" NAME] and [" CONFIG_SECTION_KEY " NAME]"

struct file_read {
	struct config *config;
	struct config_errors *errors;
	const char *at, *end; /* what is not read yet */
	unsigned int line; /* the one that inih has */
	bool open; /* it has a key that nobody took yet */
	enum option_place where; /* the section that it stands in */
	struct pool_config *pool; /* of it */
	struct task_config *task;
	struct module_config *module;
	struct key_config *key;
	bool lost; /* in a section that is wrong: keys are not looked at */
	bool begun; /* a section began */
	unsigned int server_line; /* where [morod] began; 0: not yet */
};

/* Copies a word for a message. */
static void
file_word(char out[FILE_WORD], const char *text, size_t len)
{
	snprintf(out, FILE_WORD, "%.*s",
	    (int)(len < FILE_WORD ? len : FILE_WORD), text);
}

/* Notes where a section begins. A second beginning is an error. */
static void
file_begin(struct file_read *f, unsigned int *line)
{
	if (*line != 0)
		config_error_at(f->errors, f->line,
		    "this section began in line %u already", *line);
	else
		*line = f->line;
}

/* Whether a text may be the name of a pool, a module or a key. */
static bool
file_is_name(const char *text, size_t len)
{
	if (len == 0 || len > CONFIG_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' &&
		    text[i] != '_')
			return false;
	}
	return true;
}

/* Refuses a section whose name is none. */
static bool
file_check_name(struct file_read *f, const char *section, const char *name,
    size_t len)
{
	if (file_is_name(name, len))
		return true;
	config_error_at(f->errors, f->line,
	    "[%s NAME] takes a name of 1 to %d letters, digits, hyphens and "
	    "underscores",
	    section, CONFIG_NAME_MAX);
	return false;
}

static void
file_begin_module(struct file_read *f, const char *name, size_t len)
{
	char word[FILE_WORD];

	f->lost = true;
	if (!file_check_name(f, CONFIG_SECTION_MODULE, name, len))
		return;
	file_word(word, name, len);
	f->module = config_module(f->config, word);
	if (f->module == NULL)
		f->module = config_module_add(f->config, name, len);
	if (f->module == NULL) {
		config_error_at(f->errors, f->line, "out of memory");
		return;
	}
	f->lost = false;
	f->where = IN_MODULE;
	file_begin(f, &f->module->line);
}

static void
file_begin_key(struct file_read *f, const char *name, size_t len)
{
	char word[FILE_WORD];

	f->lost = true;
	if (!file_check_name(f, CONFIG_SECTION_KEY, name, len))
		return;
	file_word(word, name, len);
	f->key = config_key(f->config, word);
	if (f->key == NULL)
		f->key = config_key_add(f->config, name, len);
	if (f->key == NULL) {
		config_error_at(f->errors, f->line, "out of memory");
		return;
	}
	f->lost = false;
	f->where = IN_KEY;
	file_begin(f, &f->key->line);
}

static void
file_begin_pool(struct file_read *f, const char *name, size_t len)
{
	char word[FILE_WORD];

	f->lost = true;
	if (!file_check_name(f, CONFIG_SECTION_POOL, name, len))
		return;
	file_word(word, name, len);
	f->pool = config_pool(f->config, word);
	if (f->pool == NULL)
		f->pool = config_pool_add(f->config, name, len);
	if (f->pool == NULL) {
		config_error_at(f->errors, f->line, "out of memory");
		return;
	}
	f->lost = false;
	f->where = IN_POOL;
	file_begin(f, &f->pool->line);
}

static void
file_begin_task(struct file_read *f, const char *name, size_t len)
{
	struct config *config = f->config;
	char word[FILE_WORD], hint[CONFIG_VALUE];
	struct config_near near;

	file_word(word, name, len);
	config_near_init(&near, word);
	for (size_t i = 0; i < config->n_tasks; i++) {
		const char *known = config_task_name(&config->tasks[i]);

		config_near_try(&near, known);
		if (config->tasks[i].type != registry_find(name, len))
			continue;
		f->lost = false;
		f->where = IN_TASK;
		f->task = &config->tasks[i];
		file_begin(f, &f->task->line);
		return;
	}
	f->lost = true;
	if (f->errors->types_come) {
		f->errors->n_types++;
		return;
	}
	config_near_hint(&near, hint, sizeof hint);
	config_error_at(f->errors, f->line, "no task type \"%s\"%s", word,
	    hint);
}

/* Says that there is no such section, and which one may be meant. */
static void
file_unknown_section(struct file_read *f, const char *word)
{
	static const struct {
		const char *name, *whole;
	} known[] = {
	    {CONFIG_SECTION_SERVER, "[" CONFIG_SECTION_SERVER "]"},
	    {CONFIG_SECTION_POOL, "[" CONFIG_SECTION_POOL " NAME]"},
	    {CONFIG_SECTION_TASK, "[" CONFIG_SECTION_TASK " TYPE]"},
	    {CONFIG_SECTION_MODULE, "[" CONFIG_SECTION_MODULE " NAME]"},
	    {CONFIG_SECTION_KEY, "[" CONFIG_SECTION_KEY " NAME]"},
	};

	f->lost = true;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct config_near near;

		config_near_init(&near, word);
		config_near_try(&near, known[i].name);
		if (near.best == NULL)
			continue;
		config_error_at(f->errors, f->line,
		    "no section [%s]; did you mean %s?", word, known[i].whole);
		return;
	}
	config_error_at(f->errors, f->line, "no section [%s]; " FILE_SECTIONS,
	    word);
}

/* Takes the head of a section, what stands between the brackets. */
static void
file_section_head(struct file_read *f, const char *text, size_t len)
{
	size_t n = 0;
	char word[FILE_WORD];

	while (len > 0 && isblank((unsigned char)text[0])) {
		text++;
		len--;
	}
	while (len > 0 && isblank((unsigned char)text[len - 1]))
		len--;
	while (n < len && !isblank((unsigned char)text[n]))
		n++;
	file_word(word, text, n);
	text += n;
	len -= n;
	while (len > 0 && isblank((unsigned char)text[0])) {
		text++;
		len--;
	}
	if (strcmp(word, CONFIG_SECTION_SERVER) == 0 && len == 0) {
		f->lost = false;
		f->where = IN_SERVER;
		file_begin(f, &f->server_line);
	} else if (strcmp(word, CONFIG_SECTION_POOL) == 0) {
		file_begin_pool(f, text, len);
	} else if (strcmp(word, CONFIG_SECTION_TASK) == 0) {
		file_begin_task(f, text, len);
	} else if (strcmp(word, CONFIG_SECTION_MODULE) == 0) {
		file_begin_module(f, text, len);
	} else if (strcmp(word, CONFIG_SECTION_KEY) == 0) {
		file_begin_key(f, text, len);
	} else {
		file_unknown_section(f, word);
	}
}

/* Takes a line that begins a section. */
static void
file_section(struct file_read *f, const char *text, size_t len)
{
	const char *close = memchr(text, ']', len);
	const char *rest = close;

	f->begun = true;
	if (close == NULL) {
		f->lost = true;
		config_error_at(f->errors, f->line,
		    "a section's name ends with ]");
		return;
	}
	file_section_head(f, text + 1, (size_t)(close - text) - 1);
	do
		rest++;
	while (rest < text + len && isblank((unsigned char)*rest));
	if (rest < text + len && *rest != ';' && *rest != '#')
		config_error_at(f->errors, f->line,
		    "nothing but a comment may stand behind ]");
}

/* Whether a line has a byte that is none of a text. */
static bool
file_has_control(struct file_read *f, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!iscntrl((unsigned char)text[i]) || text[i] == '\t')
			continue;
		config_error_at(f->errors, f->line,
		    "byte 0x%02x is a control character",
		    (unsigned int)(unsigned char)text[i]);
		return true;
	}
	return false;
}

/* Takes the next line off the text, without blanks around it. */
static const char *
file_next_line(struct file_read *f, size_t *len)
{
	const char *text = f->at;
	const char *end = memchr(text, '\n', (size_t)(f->end - text));

	if (end == NULL)
		end = f->end;
	f->at = end < f->end ? end + 1 : end;
	f->line++;
	if (f->line == 1 && end - text >= 3 && memcmp(text, FILE_BOM, 3) == 0)
		text += 3;
	if (end > text && end[-1] == '\r')
		end--;
	while (text < end && isblank((unsigned char)*text))
		text++;
	while (text < end && isblank((unsigned char)end[-1]))
		end--;
	*len = (size_t)(end - text);
	return text;
}

/* A key of the last line that nobody was called for is none. */
static void
file_close_line(struct file_read *f)
{
	if (f->open && !f->lost)
		config_error_at(f->errors, f->line,
		    "neither KEY = VALUE nor a section nor a comment");
	f->open = false;
}

/* Gives inih a line, as fgets() would; one without a key is empty. */
static char *
file_line_cb(char *out, int size, void *arg)
{
	struct file_read *f = arg;
	const char *text;
	size_t len;

	file_close_line(f);
	if (f->at == f->end)
		return NULL;
	text = file_next_line(f, &len);
	out[0] = '\n';
	out[1] = '\0';
	if (len == 0 || text[0] == '#' || text[0] == ';' ||
	    file_has_control(f, text, len))
		return out;
	if (text[0] == '[') {
		file_section(f, text, len);
		return out;
	}
	if (len + 2 > (size_t)size) {
		config_error_at(f->errors, f->line,
		    "the line has %zu bytes, and %d are the most", len,
		    size - 2);
		return out;
	}
	memcpy(out, text, len);
	memcpy(out + len, "\n", 2);
	f->open = true;
	return out;
}

/* The section that the reading is in. */
static struct config_section
file_current(struct file_read *f, const struct option_entry *e)
{
	if (f->where == IN_POOL)
		return config_section_pool(f->pool);
	if (f->where == IN_TASK)
		return config_section_task(f->task);
	if (f->where == IN_MODULE)
		return config_section_module(f->module);
	if (f->where == IN_KEY)
		return config_section_key(f->key);
	return config_section_server(f->config, e);
}

static void
file_unknown_key(struct file_read *f, const char *name)
{
	char word[FILE_WORD], hint[CONFIG_VALUE];
	struct config_near near;

	config_near_init(&near, name);
	config_near_entries(&near, f->where);
	config_near_hint(&near, hint, sizeof hint);
	file_word(word, name, strlen(name));
	config_error_at(f->errors, f->line, "no key \"%s\" here%s", word, hint);
}

/* Stores a key's value. */
static void
file_key(struct file_read *f, const char *name, const char *text)
{
	const struct option_entry *e = config_table_find(name, f->where);
	struct config_section s;
	char takes[CONFIG_VALUE];
	unsigned int before;

	if (e == NULL) {
		file_unknown_key(f, name);
		return;
	}
	s = file_current(f, e);
	before = config_section_origin(&s, e)->line;
	if (before != 0 && !e->list) {
		config_error_at(f->errors, f->line,
		    "%s is set in line %u already", name, before);
		return;
	}
	if (config_section_add(&s, e, text, FROM_FILE, f->line) == 0)
		return;
	config_value_takes(e, takes, sizeof takes);
	config_error_at(f->errors, f->line, "%s takes %s, not \"%s\"", name,
	    takes, text);
}

/* inih found a key. */
static int
file_key_cb(void *arg, const char *section, const char *name, const char *value)
{
	struct file_read *f = arg;

	f->open = false;
	if (!f->begun)
		config_error_at(f->errors, f->line,
		    "a key before the first section; " FILE_SECTIONS);
	else if (!f->lost)
		file_key(f, name, value);
	return 1;
}

int
config_file_read(struct config *config, const char *text, size_t len,
    struct config_errors *errors)
{
	struct file_read f = {
	    .config = config,
	    .errors = errors,
	    .at = text,
	    .end = text + len,
	};
	unsigned int before = errors->n;

	if (ini_parse_stream(file_line_cb, &f, file_key_cb, &f) < 0)
		config_error_at(errors, 0, "out of memory");
	return errors->n > before ? -1 : 0;
}

#include "server/note.h"

#include <stdio.h>
#include <string.h>

#include "server/client.h"
#include "server/route.h"

void
note_take(struct note *n, const struct task *t)
{
	const struct task_id *id = t->extra != NULL ? t->extra->id : NULL;

	snprintf(n->type, sizeof n->type, "%s", t->route->name);
	n->client = t->client != NULL ? t->client->number : 0;
	n->msgid = t->msgid;
	n->notify = t->notify;
	n->id_len = 0;
	if (id == NULL)
		return;
	n->id_len = (uint16_t)(id->len < LIMIT_ID ? id->len : LIMIT_ID);
	memcpy(n->id, id->text, n->id_len);
}

void
note_fields(const struct note *n, struct log_context *c)
{
	if (n->type[0] == '\0')
		return;
	log_line_text(c, "task", n->type, strlen(n->type));
	if (n->client != 0)
		log_line_number(c, "client", n->client);
	if (!n->notify)
		log_line_number(c, "msgid", n->msgid);
	if (n->id_len > 0)
		log_line_text(c, "id", n->id, n->id_len);
}

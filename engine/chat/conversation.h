/* SPDX-License-Identifier: Apache-2.0
 *
 * conversation.h: what was said, as chat templates want it: messages with a role ("system", "user",
 * "assistant") and a text, kept as JSON, in memory and in a file. Only the engine includes this. */
#ifndef PAWL_CONVERSATION_H
#define PAWL_CONVERSATION_H

#include <jansson.h>
#include <stddef.h>

struct conversation {
    json_t *messages; /* array of {"role", "content"} */
};

void conversation_init(struct conversation *c);
void conversation_deinit(struct conversation *c);

/* A message at the end. text: UTF-8, any length; other bytes become U+FFFD. */
void conversation_add(struct conversation *c, const char *role, const char *text, size_t len);

/* Drop the last message if it has this role; whether it did. */
int conversation_drop(struct conversation *c, const char *role);

/* Replace the system prompt, which stands first; "" takes it away. */
void conversation_set_system(struct conversation *c, const char *text);

size_t conversation_n(const struct conversation *c);
/* Of message i (below n): borrowed. */
const char *conversation_role(const struct conversation *c, size_t i);
const char *conversation_text(const struct conversation *c, size_t i, size_t *len);

/* Keep the first n messages, or the system prompt alone with n = 0. */
void conversation_truncate(struct conversation *c, size_t n);

/* To and from a file {"messages": [...]}. After a failed load the conversation is as it was.
 * Errors: ERR_IO; ERR_FORMAT naming file and message. */
int conversation_save(const struct conversation *c, const char *path);
int conversation_load(struct conversation *c, const char *path);

/* The same from memory; errors speak of `name`. */
int conversation_parse(struct conversation *c, const char *text, size_t len, const char *name);

#endif

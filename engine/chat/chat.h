/* SPDX-License-Identifier: Apache-2.0
 *
 * chat.h: a conversation with a model. The whole conversation is rendered by the model's template
 * and tokenised each turn; what the session holds already, from the turns before, is not computed
 * again (prefix.h), so a turn costs its own text. When a template changes what stood there before
 * (models that think drop their older thoughts), or the tokens of an answer are not those of its
 * text, evaluation starts at the first difference. Only the engine's commands include this. */
#ifndef PAWL_CHAT_H
#define PAWL_CHAT_H

#include "engine/chat/conversation.h"
#include "engine/engine.h"
#include "engine/speculate/speculator.h"

#include <signal.h>

struct chat_options {
    const char *template_source; /* NULL: the model's own; "chatml" */
    const char *variables;       /* JSON object for the template, or NULL */
    int64_t now;                 /* see chat_template_options */
    struct speculator_options speculation;
};

struct chat_turn {
    struct sampler *sampler;
    size_t n_max; /* tokens of the answer at most */
    /* Gets the answer as it comes, in whole characters; a negative result ends it as an error. */
    int (*say)(void *ctx, const char *text, size_t len);
    void *ctx;
    const volatile sig_atomic_t *stop; /* not 0: end the answer here */
};

enum chat_end { CHAT_END_OF_TURN, CHAT_STOPPED, CHAT_LIMIT, CHAT_CONTEXT_FULL };

struct chat_result {
    enum chat_end end;
    size_t n_prompt, n_kept; /* tokens of the conversation; of these, not computed again */
    size_t n_answer;         /* tokens of the answer */
    double prompt_s, answer_s;
};

struct chat;

/* The session is driven by the chat until close; model and session are borrowed. Errors:
 * ERR_UNSUPPORTED when the model has no template; those of chat_template_open, speculator_open. */
int chat_open(struct engine_model *m, struct engine_session *s, const struct chat_options *o,
              struct chat **out);
void chat_close(struct chat **c);

/* The model's answer to the conversation's last message, added to it, also when it was stopped on
 * its way; stopped before it began there is nothing to add. The sampler is told the prompt.
 * Errors, with the conversation as it was: ERR_RANGE when it does not fit the context, ERR_FORMAT
 * when the template objects, those of evaluation. */
int chat_answer(struct chat *c, struct conversation *conversation, const struct chat_turn *turn,
                struct chat_result *out);

const struct speculator_stats *chat_speculation(const struct chat *c);

#endif

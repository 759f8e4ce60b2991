/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/chat.h"

#include "engine/chat/literal.h"
#include "engine/chat/template.h"
#include "engine/speculate/prefix.h"
#include "engine/tokenizer/text_stream.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROMPT_STEP = 512 }; /* tokens of a prompt between two looks at `stop` */

struct chat {
    const struct engine_model *model;
    struct engine_session *session;
    struct chat_template *template;
    struct literals literals;
    struct speculator *speculator;
};

/* --- opening --- */

/* Text of the token whose id stands under `key`; "" without one. */
static int token_text(const struct gguf_file *f, const char *key, struct gguf_string *out)
{
    const struct gguf_kv *tokens = gguf_kv_find(f, "tokenizer.ggml.tokens");
    struct gguf_string *texts;
    int64_t id = -1;
    int rc = gguf_get_int(f, key, &id);

    *out = (struct gguf_string){"", 0};
    TRY(rc);
    if (id < 0 || (uint64_t)id >= tokens->count)
        return 0;
    texts = calloc(tokens->count, sizeof *texts);
    if (!texts)
        return err_set(ERR_NOMEM, "no memory for the texts of the tokens");
    rc = gguf_array_strings(tokens, texts);
    if (rc == 0)
        *out = texts[id];
    free(texts);
    return rc;
}

static int template_source(const struct gguf_file *f, const char *given, struct gguf_string *out)
{
    int rc;

    if (given) {
        const char *source = strcmp(given, "chatml") != 0 ? given : chat_template_chatml;

        *out = (struct gguf_string){source, strlen(source)};
        return 0;
    }
    rc = gguf_get_string(f, "tokenizer.chat_template", out);
    if (rc == 1)
        return err_set(ERR_UNSUPPORTED,
                       "the model has no chat template (tokenizer.chat_template), so it was hardly "
                       "made for conversation: give one with --template FILE, or try --template "
                       "chatml; engine run writes on from a text");
    return rc;
}

static int chat_make(struct chat *c, struct engine_model *m, struct engine_session *s,
                     const struct chat_options *o)
{
    const struct gguf_file *f = engine_model_file(m);
    struct chat_template_options t = {.variables = o->variables, .now = o->now};

    c->model = m;
    c->session = s;
    TRY(template_source(f, o->template_source, &t.source));
    TRY(token_text(f, "tokenizer.ggml.bos_token_id", &t.bos));
    TRY(token_text(f, "tokenizer.ggml.eos_token_id", &t.eos));
    TRY(chat_template_open(&t, &c->template));
    TRY(literals_open(f, engine_model_tokenizer(m), t.source, &c->literals));
    return speculator_open(s, m, &o->speculation, &c->speculator);
}

int chat_open(struct engine_model *m, struct engine_session *s, const struct chat_options *o,
              struct chat **out)
{
    struct chat *c = calloc(1, sizeof *c);
    int rc;

    *out = NULL;
    if (!c)
        return err_set(ERR_NOMEM, "no memory for a chat");
    rc = chat_make(c, m, s, o);
    if (rc < 0)
        chat_close(&c);
    *out = c;
    return rc;
}

void chat_close(struct chat **c)
{
    if (!*c)
        return;
    chat_template_close(&(*c)->template);
    literals_close(&(*c)->literals);
    speculator_close(&(*c)->speculator);
    free(*c);
    *c = NULL;
}

const struct speculator_stats *chat_speculation(const struct chat *c)
{
    return speculator_stats(c->speculator);
}

/* --- a turn --- */

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* The conversation with breaks in what could be taken for a special token. */
static struct conversation broken(const struct literals *l, const struct conversation *c)
{
    struct conversation out;
    struct strbuf text = {0};

    conversation_init(&out);
    for (size_t i = 0; i < conversation_n(c); i++) {
        size_t len;
        const char *from = conversation_text(c, i, &len);

        strbuf_clear(&text);
        literals_break(l, from, len, &text);
        conversation_add(&out, conversation_role(c, i), strbuf_str(&text), text.len);
    }
    strbuf_deinit(&text);
    return out;
}

static int tokens_make(struct chat *c, const struct conversation *conversation, int32_t **ids,
                       size_t *n)
{
    struct conversation safe = broken(&c->literals, conversation);
    uint32_t n_context = engine_model_n_context(c->model);
    struct strbuf text = {0};
    int rc = chat_template_render(c->template, &safe, true, &text);

    *ids = NULL;
    conversation_deinit(&safe);
    if (rc == 0)
        rc = literals_encode(engine_model_tokenizer(c->model), strbuf_str(&text), text.len, ids, n);
    strbuf_deinit(&text);
    TRY(rc);
    if (*n && *n < n_context)
        return 0;
    free(*ids);
    *ids = NULL;
    return !*n ? err_set(ERR_FORMAT, "chat template: it makes no text of this conversation")
               : err_set(ERR_RANGE,
                         "the conversation has %zu tokens, the context is %u: start again (/reset) "
                         "or with a larger context (--ctx)",
                         *n, n_context);
}

/* Evaluate the prompt, in steps, so that Ctrl-C need not wait for the end of a long one. */
static int prompt_follow(struct chat *c, const int32_t *ids, size_t n, const struct chat_turn *turn,
                         struct chat_result *r)
{
    size_t done = prefix_common(engine_session_tokens(c->session),
                                engine_session_position(c->session), ids, n);
    double start = now_s();

    if (done == n)
        done--; /* its logits are needed */
    r->n_prompt = n;
    r->n_kept = done;
    while (done < n && !*turn->stop) {
        done = done + PROMPT_STEP < n ? done + PROMPT_STEP : n;
        TRY(speculator_prompt(c->speculator, ids, done, NULL));
    }
    r->prompt_s = now_s() - start;
    sampler_prompt(turn->sampler, ids, n);
    return 0;
}

struct answer {
    struct strbuf text, piece, fresh; /* all of it; a token's; what is to be said */
    struct text_stream stream;
};

/* The characters that are whole now become text, and are said. */
static int answer_say(struct answer *a, const struct chat_turn *turn)
{
    int rc = a->fresh.len ? turn->say(turn->ctx, a->fresh.data, a->fresh.len) : 0;

    strbuf_add(&a->text, strbuf_str(&a->fresh), a->fresh.len);
    strbuf_clear(&a->fresh);
    return rc;
}

static int answer_token(struct chat *c, struct answer *a, int32_t id, const struct chat_turn *turn)
{
    const struct tokenizer *t = engine_model_tokenizer(c->model);
    size_t skip;

    strbuf_clear(&a->piece);
    TRY(tokenizer_piece(t, id, &a->piece));
    /* SentencePiece's own space at the start of a text is not part of it. */
    skip = !a->text.len && tokenizer_space_prefix(t) && a->piece.len && a->piece.data[0] == ' ';
    text_stream_push(&a->stream, strbuf_str(&a->piece) + skip, a->piece.len - skip, &a->fresh);
    return answer_say(a, turn);
}

/* The next words; r->end says what came after them, CHAT_STOPPED when more may come. */
static int answer_some(struct chat *c, struct answer *a, const struct chat_turn *turn,
                       struct chat_result *r)
{
    const int32_t *ids;
    size_t n;

    TRY(speculator_next(c->speculator, turn->sampler, turn->n_max - r->n_answer, &ids, &n));
    r->n_answer += n;
    for (size_t i = 0; i < n; i++) {
        if (tokenizer_is_eog(engine_model_tokenizer(c->model), ids[i])) {
            r->end = CHAT_END_OF_TURN;
            return 0;
        }
        TRY(answer_token(c, a, ids[i], turn));
    }
    r->end = sampler_done(turn->sampler)      ? CHAT_END_OF_TURN
             : r->n_answer == turn->n_max     ? CHAT_LIMIT
             : speculator_full(c->speculator) ? CHAT_CONTEXT_FULL
                                              : CHAT_STOPPED;
    return 0;
}

static int answer_write(struct chat *c, struct answer *a, const struct chat_turn *turn,
                        struct chat_result *r)
{
    r->end = CHAT_STOPPED;
    while (r->end == CHAT_STOPPED && !*turn->stop)
        TRY(answer_some(c, a, turn, r));
    return 0;
}

int chat_answer(struct chat *c, struct conversation *conversation, const struct chat_turn *turn,
                struct chat_result *out)
{
    struct answer a = {0};
    double start;
    int32_t *ids;
    size_t n;
    int rc;

    *out = (struct chat_result){0};
    TRY(tokens_make(c, conversation, &ids, &n));
    rc = prompt_follow(c, ids, n, turn, out);
    free(ids);
    TRY(rc);
    start = now_s();
    rc = answer_write(c, &a, turn, out);
    text_stream_finish(&a.stream, &a.fresh);
    if (rc == 0)
        rc = answer_say(&a, turn);
    out->answer_s = now_s() - start;
    if (rc == 0 && (a.text.len || out->end == CHAT_END_OF_TURN))
        conversation_add(conversation, "assistant", strbuf_str(&a.text), a.text.len);
    strbuf_deinit(&a.text);
    strbuf_deinit(&a.piece);
    strbuf_deinit(&a.fresh);
    return rc;
}

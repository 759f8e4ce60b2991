/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/chat.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"
#include "tests/engine/program_call.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>

struct talk {
    struct engine_model *model;
    struct engine_session *session;
    struct chat *chat;
    struct sampler *sampler;
    struct conversation conversation;
    struct strbuf said;
    volatile sig_atomic_t stop;
    size_t stop_after; /* bytes; 0: never */
};

static void talk_open(struct talk *t, const char *template, uint32_t n_context, uint32_t lookup)
{
    struct engine_options o = {
        .features = cpu_features(), .n_threads = 1, .micro_batch = 64, .n_context = n_context};
    struct chat_options c = {.template_source = template, .speculation.lookup = lookup};
    struct sampler_options s = sampler_neutral;

    s.temperature = 0;
    *t = (struct talk){0};
    cr_assert_eq(engine_model_open(NULL, &o, &t->model), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(t->model, &t->session), 0, "%s", err_message());
    cr_assert_eq(chat_open(t->model, t->session, &c, &t->chat), 0, "%s", err_message());
    cr_assert_eq(sampler_open(&s, engine_model_n_vocab(t->model), NULL, &t->sampler), 0);
    conversation_init(&t->conversation);
}

static void talk_close(struct talk *t)
{
    conversation_deinit(&t->conversation);
    strbuf_deinit(&t->said);
    sampler_close(&t->sampler);
    chat_close(&t->chat);
    engine_session_close(&t->session);
    engine_model_close(&t->model);
}

static int say(void *ctx, const char *text, size_t len)
{
    struct talk *t = ctx;

    strbuf_add(&t->said, text, len);
    t->stop = t->stop_after && t->said.len >= t->stop_after;
    return 0;
}

static int ask(struct talk *t, const char *text, size_t n_max, struct chat_result *r)
{
    struct chat_turn turn = {
        .sampler = t->sampler, .n_max = n_max, .say = say, .ctx = t, .stop = &t->stop};

    strbuf_clear(&t->said);
    conversation_add(&t->conversation, "user", text, strlen(text));
    return chat_answer(t->chat, &t->conversation, &turn, r);
}

static const char *last_text(const struct talk *t)
{
    size_t len;

    return conversation_text(&t->conversation, conversation_n(&t->conversation) - 1, &len);
}

/* The third answer of one session, and the same conversation given to a session that knows
 * nothing of it. */
static void expect_same_as_fresh(uint32_t lookup)
{
    struct talk t, fresh;
    struct chat_result r;

    talk_open(&t, "chatml", 0, lookup);
    talk_open(&fresh, "chatml", 0, 0);
    conversation_set_system(&t.conversation, "Speak as a prophet.");
    cr_assert_eq(ask(&t, "In the beginning", 24, &r), 0, "%s", err_message());
    cr_expect(r.end == CHAT_LIMIT && r.n_answer == 24 && r.n_kept == 0);
    cr_assert_eq(ask(&t, "And then?", 24, &r), 0, "%s", err_message());
    cr_expect_gt(r.n_kept, 60, "%zu", r.n_kept);
    for (size_t i = 0; i < conversation_n(&t.conversation); i++) {
        size_t len;
        const char *text = conversation_text(&t.conversation, i, &len);

        conversation_add(&fresh.conversation, conversation_role(&t.conversation, i), text, len);
    }
    cr_assert_eq(ask(&t, "Go on.", 24, &r), 0, "%s", err_message());
    cr_expect_gt(r.n_kept, 100, "%zu", r.n_kept);
    cr_assert_eq(ask(&fresh, "Go on.", 24, &r), 0, "%s", err_message());
    cr_expect_eq(r.n_kept, 0);
    cr_expect_str_eq(last_text(&t), last_text(&fresh));
    cr_expect_str_eq(last_text(&t), strbuf_str(&t.said));
    cr_expect_eq(conversation_n(&t.conversation), 7);
    talk_close(&fresh);
    talk_close(&t);
}

Test(chat, what_is_kept_answers_as_what_is_computed_anew)
{
    expect_same_as_fresh(0);
    expect_same_as_fresh(2);
}

Test(chat, a_stopped_answer_stays_in_the_history)
{
    struct talk t;
    struct chat_result r;
    size_t n;

    talk_open(&t, "chatml", 0, 0);
    t.stop_after = 12;
    cr_assert_eq(ask(&t, "In the beginning", 100, &r), 0, "%s", err_message());
    cr_expect(r.end == CHAT_STOPPED && r.n_answer < 20, "%zu tokens", r.n_answer);
    cr_expect_eq(conversation_n(&t.conversation), 2);
    cr_expect_str_eq(last_text(&t), strbuf_str(&t.said));
    n = t.said.len;
    t.stop_after = 0;
    t.stop = 0;
    cr_assert_eq(ask(&t, "And then?", 5, &r), 0, "%s", err_message());
    cr_expect(r.end == CHAT_LIMIT && r.n_kept > 20 && n >= 12);
    talk_close(&t);
}

Test(chat, stopped_before_the_first_word_there_is_no_answer)
{
    struct talk t;
    struct chat_result r;

    talk_open(&t, "chatml", 0, 0);
    t.stop = 1;
    cr_assert_eq(ask(&t, "In the beginning", 100, &r), 0, "%s", err_message());
    cr_expect(r.end == CHAT_STOPPED && r.n_answer == 0);
    cr_expect_eq(conversation_n(&t.conversation), 1);
    talk_close(&t);
}

Test(chat, ends_with_the_token_that_ends_a_turn)
{
    /* Greedy, the Bible's last verse is followed by the end of the text. */
    struct talk t;
    struct chat_result r;

    talk_open(&t, "{{ messages[-1].content }}", 0, 0);
    cr_assert_eq(ask(&t,
                     "He which testifieth these things saith, Surely I come quickly. Amen. Even "
                     "so, come, Lord Jesus. The grace of our Lord Jesus Christ be with you all. "
                     "Amen.",
                     200, &r),
                 0, "%s", err_message());
    cr_expect_eq(r.end, CHAT_END_OF_TURN, "%s", strbuf_str(&t.said));
    cr_expect_lt(r.n_answer, 200);
    talk_close(&t);
}

Test(chat, tells_when_the_context_is_full)
{
    struct talk t;
    struct chat_result r;

    talk_open(&t, "chatml", 48, 0);
    cr_assert_eq(ask(&t, "In the", 100, &r), 0, "%s", err_message());
    cr_expect_eq(r.end, CHAT_CONTEXT_FULL);
    cr_expect_eq(ask(&t, "And then?", 100, &r), ERR_RANGE);
    cr_expect_not_null(strstr(err_message(), "/reset"), "%s", err_message());
    cr_expect_eq(conversation_n(&t.conversation), 3);
    conversation_truncate(&t.conversation, 0);
    cr_assert_eq(ask(&t, "In the", 2, &r), 0, "%s", err_message());
    talk_close(&t);
}

Test(chat, a_model_without_a_template_says_what_to_do)
{
    struct engine_options o = {.features = cpu_features(), .n_threads = 1, .n_context = 64};
    struct chat_options c = {0};
    struct engine_model *m;
    struct engine_session *s;
    struct chat *chat;

    cr_assert_eq(engine_model_open(NULL, &o, &m), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(m, &s), 0, "%s", err_message());
    cr_expect_eq(chat_open(m, s, &c, &chat), ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(err_message(), "--template chatml"), "%s", err_message());
    c.template_source = "{{ raise_exception('no') }}";
    cr_expect_eq(chat_open(m, s, &c, &chat), 0);
    chat_close(&chat);
    c.template_source = "{% for %}";
    cr_expect_eq(chat_open(m, s, &c, &chat), ERR_FORMAT);
    engine_session_close(&s);
    engine_model_close(&m);
}

/* --- engine chat --- */

#define OPTIONS " -t 1 --temp 0 -n 6 --template chatml "

static struct strbuf run(const char *arguments, const char *input, int status)
{
    struct strbuf out = {0};
    int got = program_call(arguments, input, &out);

    cr_expect_eq(got, status, "status %d: %s", got, strbuf_str(&out));
    return out;
}

static void expect_in(struct strbuf *out, const char *const *texts)
{
    for (size_t i = 0; texts[i]; i++)
        cr_expect_not_null(strstr(strbuf_str(out), texts[i]), "no \"%s\" in: %s", texts[i],
                           strbuf_str(out));
    strbuf_deinit(out);
}

#define EXPECT_IN(out, ...) expect_in(out, (const char *const[]){__VA_ARGS__, NULL})

Test(chat, help_lists_what_can_be_said)
{
    struct strbuf out = run("chat --help", "", 0);

    EXPECT_IN(&out, "--system", "--template", "--draft", "--top-k", "/help");
    out = run("chat" OPTIONS, "/help\n", 0);
    EXPECT_IN(&out, "/system TEXT", "/history", "/reset", "/undo", "/regenerate", "/save FILE",
              "/load FILE", "/stats", "/exit", "Ctrl-C");
}

Test(chat, commands_do_what_they_say)
{
    struct strbuf out = run("chat" OPTIONS "--system 'Be a king.'",
                            "In the\n/history\n/regenerate\n/stats\n/undo\n/history\n"
                            "/system Be a \\\npriest.\n\n/history\nTwo\\\nlines\n//slash\n"
                            "/history\n/reset\n/system -\n/exit\nnot read\n",
                            0);

    EXPECT_IN(&out, "system: Be a king.\nuser: In the\nassistant: ", "kept from the turn before",
              "system: Be a \npriest.\n", "user: Two\nlines\n", "user: /slash\n");
}

Test(chat, a_conversation_goes_on_from_its_file)
{
    char path[] = "/tmp/pawl-chat-XXXXXX", input[128];
    struct strbuf out;

    close(mkstemp(path));
    snprintf(input, sizeof input, "In the\n/save %s\n", path);
    out = run("chat" OPTIONS, input, 0);
    strbuf_deinit(&out);
    snprintf(input, sizeof input, "/load %s\nAnd then?\n/history\n", path);
    out = run("chat" OPTIONS, input, 0);
    EXPECT_IN(&out, "user: In the\nassistant: ", "user: And then?\nassistant: ");
    unlink(path);
}

Test(chat, a_grammar_holds_in_every_turn)
{
    static const char grammar[] = "root ::= \"yes\" | \"no\"";
    char path[] = "/tmp/pawl-chat-XXXXXX", arguments[160];
    struct strbuf out;

    close(mkstemp(path));
    cr_assert_eq(file_write_atomic(path, grammar, strlen(grammar)), 0);
    snprintf(arguments, sizeof arguments, "chat -t 1 --template chatml --lookup 1 --grammar %s",
             path);
    out = run(arguments, "Is it?\nIs it not?\n/history\n", 0);
    cr_expect(strstr(strbuf_str(&out), "assistant: yes\nuser: Is it not?") ||
                  strstr(strbuf_str(&out), "assistant: no\nuser: Is it not?"),
              "%s", strbuf_str(&out));
    strbuf_deinit(&out);
    unlink(path);
}

Test(chat, a_script_notices_what_goes_wrong)
{
    struct strbuf out = run("chat", "", 1);

    EXPECT_IN(&out, "engine chat: the model has no chat template");
    out = run("chat" OPTIONS, "/nonsense\n", 2);
    EXPECT_IN(&out, "no command /nonsense: /help");
    out = run("chat" OPTIONS, "/load /nowhere/x\n", 1);
    EXPECT_IN(&out, "/nowhere/x");
    out = run("chat" OPTIONS, "/undo\n", 2);
    EXPECT_IN(&out, "nothing has been said");
    out = run("chat" OPTIONS, "/regenerate\n", 2);
    EXPECT_IN(&out, "no answer yet");
    out = run("chat -t 1 --template /nowhere/y", "", 1);
    EXPECT_IN(&out, "/nowhere/y");
    out = run("chat" OPTIONS "--template-variables '[]'", "", 2);
    EXPECT_IN(&out, "no JSON object");
    out = run("chat /nowhere/model.gguf", "", 1);
    EXPECT_IN(&out, "/nowhere/model.gguf");
}

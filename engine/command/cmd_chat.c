/* SPDX-License-Identifier: Apache-2.0
 *
 * engine chat: a conversation in the terminal, or line by line from a pipe. stdout carries the
 * answers alone. */
#include "engine/chat/chat.h"
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/command/sampler_flags.h"
#include "engine/command/speculation_flags.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct talk {
    struct model_flags flags;
    struct sampler_flags sampling;
    struct speculation_flags speculation;
    const char *system, *template_path, *variables;
    int64_t n_predict;

    struct strbuf template_text, line;
    struct engine_model *model;
    struct engine_session *session;
    struct chat *chat;
    struct conversation conversation;
    struct chat_result last;
    uint64_t n_turns; /* each has a seed of its own */
    bool terminal, leave;
};

static volatile sig_atomic_t interrupted;

static const char usage[] =
    "usage: engine chat [MODEL] [OPTION...]\n"
    "Talks with a model through its own chat template. /help lists what can be said besides\n"
    "questions; Ctrl-C stops an answer, Ctrl-D leaves.\n";

static int talk_parse(struct talk *t, int argc, char **argv)
{
    const struct option_spec specs[] = {
        {NULL, NULL, OPTION_TEXT, &t->flags.path, 0, 0, "MODEL", "GGUF file, the same as -m"},
        {"--system", NULL, OPTION_TEXT, &t->system, 0, 0, "TEXT", "the system prompt"},
        {"--n-predict", "-n", OPTION_INT, &t->n_predict, 1, 1 << 24, "N",
         "tokens of an answer at most (default: what the context holds)"},
        {"--template", NULL, OPTION_TEXT, &t->template_path, 0, 0, "FILE",
         "a Jinja chat template in the place of the model's, or chatml"},
        {"--template-variables", NULL, OPTION_TEXT, &t->variables, 0, 0, "JSON",
         "what it asks for, {\"enable_thinking\": false}"},
        MODEL_OPTION_SPECS(&t->flags),
        SPECULATION_OPTION_SPECS(&t->speculation),
        SAMPLER_OPTION_SPECS(&t->sampling),
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- a turn --- */

/* As print_clean, but lines and tabs stay. */
static void print_text(FILE *out, const char *s, size_t len)
{
    while (len) {
        size_t n = 0;

        while (n < len && s[n] != '\n' && s[n] != '\t')
            n++;
        print_clean(out, s, n);
        if (n < len)
            fputc(s[n++], out);
        s += n;
        len -= n;
    }
}

static int say(void *ctx, const char *text, size_t len)
{
    struct talk *t = ctx;

    if (t->terminal)
        print_text(stdout, text, len);
    else
        fwrite(text, 1, len, stdout);
    return fflush(stdout) ? err_set(ERR_IO, "standard output: %s", strerror(errno)) : 0;
}

static void report_end(const struct talk *t)
{
    static const char *const notes[] = {
        [CHAT_STOPPED] = "(stopped)",
        [CHAT_LIMIT] = "(stopped at --n-predict)",
        [CHAT_CONTEXT_FULL] = "(the context is full: /reset, or start with a larger --ctx)",
    };

    if (notes[t->last.end])
        fprintf(stderr, "%s\n", notes[t->last.end]);
}

/* Answer what was said last. A conversation that cannot be answered loses that message: it would
 * stand in the way of every later one. */
static int answer(struct talk *t)
{
    struct sampler_options o = t->sampling.options;
    struct chat_turn turn = {.n_max = (size_t)t->n_predict, .say = say, .ctx = t};
    size_t n = conversation_n(&t->conversation);
    int rc;

    o.seed = rng_seed_mix(o.seed, t->n_turns++);
    TRY(sampler_open(&o, engine_model_n_vocab(t->model), t->sampling.vocabulary, &turn.sampler));
    interrupted = 0;
    turn.stop = &interrupted;
    rc = chat_answer(t->chat, &t->conversation, &turn, &t->last);
    sampler_close(&turn.sampler);
    if (rc == 0) {
        fputc('\n', stdout);
        fflush(stdout);
        report_end(t);
    }
    if (conversation_n(&t->conversation) == n)
        conversation_drop(&t->conversation, "user");
    return rc;
}

static int ask(struct talk *t, const char *text)
{
    conversation_add(&t->conversation, "user", text, strlen(text));
    return answer(t);
}

/* --- what begins with a slash --- */

static int do_help(struct talk *t, const char *argument);

static int do_system(struct talk *t, const char *argument)
{
    if (!*argument)
        return err_set(ERR_USAGE, "/system TEXT sets the system prompt, /system - takes it away");
    conversation_set_system(&t->conversation, strcmp(argument, "-") != 0 ? argument : "");
    return 0;
}

static int do_history(struct talk *t, const char *argument)
{
    (void)argument;
    for (size_t i = 0; i < conversation_n(&t->conversation); i++) {
        size_t len;
        const char *text = conversation_text(&t->conversation, i, &len);

        fprintf(stderr, "%s: ", conversation_role(&t->conversation, i));
        print_text(stderr, text, len);
        fputc('\n', stderr);
    }
    return 0;
}

static int do_reset(struct talk *t, const char *argument)
{
    (void)argument;
    conversation_truncate(&t->conversation, 0);
    return 0;
}

static int do_undo(struct talk *t, const char *argument)
{
    (void)argument;
    conversation_drop(&t->conversation, "assistant");
    if (!conversation_drop(&t->conversation, "user"))
        return err_set(ERR_USAGE, "/undo: nothing has been said");
    return 0;
}

static int do_regenerate(struct talk *t, const char *argument)
{
    (void)argument;
    if (!conversation_drop(&t->conversation, "assistant"))
        return err_set(ERR_USAGE, "/regenerate: there is no answer yet");
    return answer(t);
}

static int do_save(struct talk *t, const char *argument)
{
    if (!*argument)
        return err_set(ERR_USAGE, "/save FILE: which file?");
    return conversation_save(&t->conversation, argument);
}

static int do_load(struct talk *t, const char *argument)
{
    if (!*argument)
        return err_set(ERR_USAGE, "/load FILE: which file?");
    return conversation_load(&t->conversation, argument);
}

static double rate(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

static int do_stats(struct talk *t, const char *argument)
{
    const struct chat_result *r = &t->last;
    const struct speculator_stats *s = chat_speculation(t->chat);

    (void)argument;
    fprintf(stderr, "conversation: %zu tokens, %zu of them kept from the turn before, %.1f/s\n",
            r->n_prompt, r->n_kept, rate(r->n_prompt - r->n_kept, r->prompt_s));
    fprintf(stderr, "answer: %zu tokens, %.1f/s\n", r->n_answer, rate(r->n_answer, r->answer_s));
    if (s->n_guessed)
        speculation_print(s, stderr);
    return 0;
}

static int do_exit(struct talk *t, const char *argument)
{
    (void)argument;
    t->leave = true;
    return 0;
}

static const struct verb {
    const char *name, *argument, *help;
    int (*act)(struct talk *t, const char *argument);
} verbs[] = {
    {"help", "", "this list", do_help},
    {"system", " TEXT", "set the system prompt (- for none); what was said stays", do_system},
    {"history", "", "print the conversation", do_history},
    {"reset", "", "forget the conversation; the system prompt stays", do_reset},
    {"undo", "", "take back the last question with its answer", do_undo},
    {"regenerate", "", "answer the last question once more", do_regenerate},
    {"save", " FILE", "write the conversation as JSON", do_save},
    {"load", " FILE", "go on with a saved conversation", do_load},
    {"stats", "", "tokens and speeds of the last turn", do_stats},
    {"exit", "", "leave (also Ctrl-D)", do_exit},
};

static int do_help(struct talk *t, const char *argument)
{
    (void)t;
    (void)argument;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char left[32];

        snprintf(left, sizeof left, "/%s%s", verbs[i].name, verbs[i].argument);
        fprintf(stderr, "  %-14s %s\n", left, verbs[i].help);
    }
    fprintf(stderr, "  Ctrl-C stops an answer; a \\ at the end of a line goes on in the next;\n"
                    "  a message that begins with a slash is written with two.\n");
    return 0;
}

static int act(struct talk *t, const char *line)
{
    size_t len = strcspn(line, " ");
    const char *argument = line + len + strspn(line + len, " ");

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i].name) == len && !memcmp(verbs[i].name, line, len))
            return verbs[i].act(t, argument);
    return err_set(ERR_USAGE, "no command /%.*s: /help lists them", (int)len, line);
}

/* --- lines --- */

/* The next message, of several lines when they end in a backslash. 1: there is none. Ctrl-C while
 * typing drops the line. */
static int line_read(struct talk *t)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t n;

    strbuf_clear(&t->line);
    for (;;) {
        if (t->terminal)
            fputs(t->line.len ? ". " : "> ", stderr);
        n = getline(&text, &cap, stdin);
        if (n < 0 && errno == EINTR && ferror(stdin)) {
            clearerr(stdin);
            fputs("\n(/exit or Ctrl-D leaves)\n", stderr);
            strbuf_clear(&t->line);
            continue;
        }
        if (n > 0 && text[n - 1] == '\n')
            n--;
        if (n < 0 || !n || text[n - 1] != '\\')
            break;
        strbuf_add(&t->line, text, (size_t)n - 1);
        strbuf_add(&t->line, "\n", 1);
    }
    if (n > 0)
        strbuf_add(&t->line, text, (size_t)n);
    free(text);
    return n < 0 && !t->line.len;
}

static int line_take(struct talk *t)
{
    const char *line = strbuf_str(&t->line);

    if (!line[strspn(line, " \t\n")])
        return 0;
    if (line[0] == '/' && line[1] != '/')
        return act(t, line + 1);
    return ask(t, line + (line[0] == '/'));
}

/* In a terminal a message that went wrong is told and the conversation goes on; in a pipe it ends,
 * so that a script notices. */
static int talk_loop(struct talk *t)
{
    while (!t->leave && !line_read(t)) {
        int rc = line_take(t);

        if (rc < 0 && !t->terminal)
            return rc;
        if (rc < 0)
            command_fail("chat");
    }
    return 0;
}

/* --- opening --- */

static int talk_open(struct talk *t)
{
    struct chat_options o = {.variables = t->variables, .now = time(NULL)};

    TRY(model_flags_open(&t->flags, &t->model, &t->session));
    TRY(sampler_flags_open(&t->sampling, t->model));
    TRY(speculation_flags_open(&t->speculation, &t->flags, t->model,
                               t->sampling.options.temperature, t->sampling.options.seed,
                               &o.speculation));
    if (t->template_path && strcmp(t->template_path, "chatml") != 0) {
        TRY(file_read(t->template_path, &t->template_text));
        o.template_source = strbuf_str(&t->template_text);
    } else {
        o.template_source = t->template_path;
    }
    TRY(chat_open(t->model, t->session, &o, &t->chat));
    if (t->system)
        conversation_set_system(&t->conversation, t->system);
    return 0;
}

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static int talk_in_terminal(struct talk *t)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    int rc;

    sampler_flags_print(&t->sampling, stderr);
    fputs("/help lists what can be said besides questions.\n", stderr);
    sigaction(SIGINT, &action, &before); /* without SA_RESTART: Ctrl-C reaches a waiting read */
    rc = talk_loop(t);
    sigaction(SIGINT, &before, NULL);
    fputc('\n', stderr);
    return rc;
}

static int talk_run(struct talk *t)
{
    t->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    TRY(talk_open(t));
    return t->terminal ? talk_in_terminal(t) : talk_loop(t);
}

int chat_main(int argc, char **argv)
{
    struct talk t = {.n_predict = 1 << 24};
    int rc;

    sampler_flags_init(&t.sampling);
    conversation_init(&t.conversation);
    rc = talk_parse(&t, argc, argv);
    if (rc == 0)
        rc = talk_run(&t);
    chat_close(&t.chat);
    sampler_flags_deinit(&t.sampling);
    engine_session_close(&t.session);
    speculation_flags_deinit(&t.speculation);
    engine_model_close(&t.model);
    conversation_deinit(&t.conversation);
    strbuf_deinit(&t.template_text);
    strbuf_deinit(&t.line);
    return rc < 0 ? command_fail(argv[0]) : 0;
}

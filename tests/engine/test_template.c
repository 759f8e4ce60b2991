/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/template.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/sha256.h"
#include "reference/base/strbuf.h"
#include "tests/engine/shared.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT 1700000000 /* 14 November 2023, 22:13:20 UTC */

static struct chat_template_options options(const char *source)
{
    return (struct chat_template_options){
        .source = {source, strlen(source)}, .bos = {"<s>", 3}, .eos = {"</s>", 4}, .now = AT};
}

static struct chat_template *load(const char *source)
{
    struct chat_template_options o = options(source);
    struct chat_template *t;

    cr_assert_eq(chat_template_open(&o, &t), 0, "%s", err_message());
    return t;
}

static struct chat_template *load_shared(const char *name, const char *variables)
{
    struct strbuf source = {0};
    struct chat_template_options o;
    struct chat_template *t;
    char path[512];

    shared_require();
    setenv("TZ", "UTC", 1);
    shared_path(path, sizeof path, "vectors/templates/%s", name);
    cr_assert_eq(file_read(path, &source), 0, "%s", err_message());
    o = options(strbuf_str(&source));
    o.variables = variables;
    cr_assert_eq(chat_template_open(&o, &t), 0, "%s: %s", name, err_message());
    strbuf_deinit(&source);
    return t;
}

static void add(struct conversation *c, const char *role, const char *text)
{
    conversation_add(c, role, text, strlen(text));
}

/* "sua": system, user, assistant, as many as the letters say, with these texts in turn. */
static struct conversation made(const char *roles, const char *const *texts)
{
    struct conversation c;

    conversation_init(&c);
    for (size_t i = 0; roles[i]; i++)
        add(&c, roles[i] == 's' ? "system" : roles[i] == 'u' ? "user" : "assistant", texts[i]);
    return c;
}

static const char *const talk[] = {"Be brief.", "Hi", " Hello. ", "Bye"};

static void expect_text(struct chat_template *t, const char *roles, bool prompt, const char *want)
{
    struct conversation c = made(roles, roles[0] == 's' ? talk : talk + 1);
    struct strbuf text = {0};

    cr_expect_eq(chat_template_render(t, &c, prompt, &text), 0, "%s", err_message());
    cr_expect_str_eq(strbuf_str(&text), want);
    strbuf_deinit(&text);
    conversation_deinit(&c);
}

/* Render must fail with one line that says this. */
static void expect_error(struct chat_template *t, const char *roles, enum err code,
                         const char *says)
{
    struct conversation c = made(roles, roles[0] == 's' ? talk : talk + 1);
    struct strbuf text = {0};

    cr_expect_eq(chat_template_render(t, &c, true, &text), code, "%s", err_message());
    cr_expect_not_null(strstr(err_message(), says), "%s", err_message());
    cr_expect_null(strchr(err_message(), '\n'));
    strbuf_deinit(&text);
    conversation_deinit(&c);
}

/* --- texts worked out by hand from the templates --- */

Test(template, llama_3_1)
{
    struct chat_template *t = load_shared("meta-llama-Llama-3.1-8B-Instruct.jinja", NULL);

    /* The system turn stands there without a system message, with the template's own dates; every
     * content is trimmed. */
    expect_text(t, "u", true,
                "<s><|start_header_id|>system<|end_header_id|>\n\n"
                "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n");
    expect_text(t, "suau", true,
                "<s><|start_header_id|>system<|end_header_id|>\n\n"
                "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
                "Be brief.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n");
    chat_template_close(&t);
}

Test(template, qwen_2_5)
{
    struct chat_template *t = load_shared("Qwen-Qwen2.5-7B-Instruct.jinja", NULL);

    expect_text(t, "u", false,
                "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
                "assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
    expect_text(t, "suau", true,
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                "<|im_start|>assistant\n Hello. <|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
                "<|im_start|>assistant\n");
    chat_template_close(&t);
}

Test(template, gemma_2_objects_to_a_system_message_and_goes_on)
{
    struct chat_template *t = load_shared("google-gemma-2-2b-it.jinja", NULL);

    expect_error(t, "su", ERR_FORMAT, "System role not supported");
    expect_error(t, "uu", ERR_FORMAT, "Conversation roles must alternate");
    expect_text(t, "uau", true,
                "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello."
                "<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n");
    chat_template_close(&t);
}

Test(template, phi_3_5)
{
    struct chat_template *t = load_shared("microsoft-Phi-3.5-mini-instruct.jinja", NULL);

    expect_text(t, "suau", true,
                "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n Hello. "
                "<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n");
    expect_text(t, "u", false, "<|user|>\nHi<|end|>\n</s>");
    chat_template_close(&t);
}

Test(template, mistral_nemo)
{
    struct chat_template *t = load_shared("mistralai-Mistral-Nemo-Instruct-2407.jinja", NULL);

    /* The system message stands in the last user turn. */
    expect_text(t, "suau", true, "<s>[INST]Hi[/INST] Hello. </s>[INST]Be brief.\n\nBye[/INST]");
    expect_error(t, "uu", ERR_FORMAT, "roles must alternate");
    chat_template_close(&t);
}

/* --- every template, against an implementation that is not this one --- */

struct digest_case {
    const char *name, *variables;
    const char *digest; /* of eight texts, or errors, each with its NUL */
};

/* What npm's @huggingface/jinja 0.5.11 (JavaScript, no code in common with Python's Jinja) makes of
 * the same conversations at the same time. */
static const struct digest_case digest_cases[] = {
    {"HuggingFaceTB-SmolLM3-3B.jinja", NULL,
     "d0e7a477849815fd0a129161ff7e523bd6bd4f7a7dc125d9a762e6a9028c0c12"},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "{\"tools\": []}",
     "b36a248ed3eed884fa1bc8112013b6091c335fc489f92aef4d7dd95e09292e43"},
    {"Qwen-Qwen2.5-7B-Instruct.jinja", NULL,
     "3cea166bdf27ab39965fb28d416f6fe3c49b66b516c3268317c8af864ff3c1ba"},
    {"Qwen-Qwen3-0.6B.jinja", NULL,
     "741c0f62f31b8c0f27f025636a289ffa87c7362ff95921fa47d1187520c398a2"},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja", NULL,
     "bcc4688abed43d0aa5892b0e19c1201fbb95c057bd4c5a0f736d265b268823ef"},
    {"google-gemma-2-2b-it.jinja", NULL,
     "d10b9db40a59d936a90debd194ab3998160cc57aab50a61cab020e034ac919ea"},
    {"ibm-granite-granite-3.3-2B-Instruct.jinja", NULL,
     "048812303c5c7ad223ce7e39c9d8e32fbed854ee10a3f753fe74b45f68c96cba"},
    {"meta-llama-Llama-3.1-8B-Instruct.jinja", NULL,
     "582a9a4dc69ddf33b592e9086fa942849497ddff979a9391a11a936f4f72e4df"},
    {"microsoft-Phi-3.5-mini-instruct.jinja", NULL,
     "6deda4133bf41c267c6a43763af3ce97bc79fd299eb6fdf84d6904e7b0e4b5bd"},
    {"mistralai-Mistral-Nemo-Instruct-2407.jinja", NULL,
     "678e86ef0828c588316ca553f87a4fe2af89ebacbe02e76e1c48561342b72e79"},
    {"openai-gpt-oss-120b.jinja", NULL,
     "c8fd0e51176572f61bd07837494ae9bc6b15010e4ada8ba4bb25934d1e6a257a"},
};

static const char *const digest_talk[] = {"Answer in one word.",
                                          "  What is \"2 + 2\"? <b>\xc3\xa9</b> \xe4\xbd\xa0\n",
                                          "Four.", "Sure?\n\nIt's so."};

static void digest_render(struct chat_template *t, const char *roles, bool prompt,
                          struct strbuf *all)
{
    struct conversation c = made(roles, roles[0] == 's' ? digest_talk : digest_talk + 1);

    if (chat_template_render(t, &c, prompt, all) < 0)
        strbuf_addf(all, "ERROR %s", err_message() + strlen("chat template: "));
    strbuf_add(all, "", 1);
    conversation_deinit(&c);
}

Test(template, every_template_renders_as_elsewhere)
{
    static const char *const roles[] = {"u", "su", "uau", "suau"};

    for (size_t i = 0; i < sizeof digest_cases / sizeof *digest_cases; i++) {
        const struct digest_case *d = &digest_cases[i];
        struct chat_template *t = load_shared(d->name, d->variables);
        struct strbuf all = {0};
        char hex[SHA256_HEX];

        for (size_t r = 0; r < 4; r++) {
            digest_render(t, roles[r], false, &all);
            digest_render(t, roles[r], true, &all);
        }
        sha256_hex(all.data, all.len, hex);
        cr_expect_str_eq(hex, d->digest, "%s:\n%s", d->name, all.data);
        strbuf_deinit(&all);
        chat_template_close(&t);
    }
}

/* --- the environment --- */

Test(template, has_what_chat_templates_are_written_for)
{
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"  {% if true %}\nx\n  {% endif %}\ny", "x\ny"}, /* trim_blocks, lstrip_blocks */
        {"{{ strftime_now('%d %B %Y') }}", "14 November 2023"},
        {"{{ {'b': '<\xc3\xa9>', 'a': 1} | tojson }}", "{\"b\": \"<\xc3\xa9>\", \"a\": 1}"},
        {"{{ [1] | tojson(indent=2) }}", "[\n  1\n]"},
        {"{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"},
        {"{% generation %}in{% endgeneration %}side", "inside"},
        {"{{ bos_token }}|{{ eos_token }}|{{ tools is none }}|{{ nothing is defined }}",
         "<s>|</s>|True|False"},
        {"{{ messages[0].content.split('i')[0] }}{{ messages[0]['role'] }}", "Huser"},
        {"{{ add_generation_prompt }}", "True"},
        {"", ""},
    };

    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat_template *t = load(cases[i].source);

        expect_text(t, "u", true, cases[i].want);
        chat_template_close(&t);
    }
}

Test(template, chatml_is_there_for_models_without_a_template)
{
    struct chat_template *t = load(chat_template_chatml);

    expect_text(t, "suau", true,
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                "<|im_start|>assistant\n Hello. <|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
                "<|im_start|>assistant\n");
    chat_template_close(&t);
}

Test(template, starts_beside_a_large_model)
{
    size_t bytes = (size_t)1 << 30;
    void *model = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct chat_template *t;

    cr_assert_neq(model, MAP_FAILED);
    t = load("ok");
    expect_text(t, "u", true, "ok");
    chat_template_close(&t);
    munmap(model, bytes);
}

Test(template, passes_variables_on)
{
    struct chat_template_options o = options("{{ enable_thinking }}{{ bos_token }}");
    struct chat_template *t;

    o.variables = "{\"enable_thinking\": false}";
    cr_assert_eq(chat_template_open(&o, &t), 0, "%s", err_message());
    expect_text(t, "u", true, "False<s>");
    chat_template_close(&t);
    o.variables = "[1]";
    cr_expect_eq(chat_template_open(&o, &t), ERR_USAGE);
    o.variables = "{";
    cr_expect_eq(chat_template_open(&o, &t), ERR_USAGE);
    cr_expect_not_null(strstr(err_message(), "{\"name\": value}"), "%s", err_message());
}

Test(template, carries_any_text)
{
    struct chat_template *t = load("{{ messages[0].content }}");
    struct strbuf text = {0};
    struct conversation c;
    char big[100000];

    conversation_init(&c);
    memset(big, '"', sizeof big);
    memcpy(big, "a\0b\n\\\xf0\x9f\x98\x80\xff\xed\xa0\x80", 14); /* NUL, emoji, not UTF-8 */
    conversation_add(&c, "user", big, sizeof big);
    cr_expect_eq(chat_template_render(t, &c, false, &text), 0, "%s", err_message());
    cr_expect_arr_eq(text.data, "a\0b\n\\\xf0\x9f\x98\x80\xef\xbf\xbd", 12);
    cr_expect_eq(text.data[text.len - 1], '"');
    strbuf_deinit(&text);
    conversation_deinit(&c);
    chat_template_close(&t);
}

/* --- what goes wrong --- */

Test(template, errors_are_one_line)
{
    struct chat_template_options o = options("line one\n{% if %}");
    struct chat_template *t;

    cr_expect_eq(chat_template_open(&o, &t), ERR_FORMAT);
    cr_expect_null(t);
    cr_expect_not_null(strstr(err_message(), "line 2: "), "%s", err_message());

    t = load("{{ raise_exception('first\nsecond') }}");
    expect_error(t, "u", ERR_FORMAT, "chat template: first second");
    chat_template_close(&t);
    t = load("{{ messages[7].content }}");
    expect_error(t, "u", ERR_FORMAT, "has no element 7");
    chat_template_close(&t);
    t = load("{{ 1 + 'a' }}");
    expect_error(t, "u", ERR_FORMAT, "TypeError");
    chat_template_close(&t);
}

Test(template, cannot_reach_out_of_the_sandbox)
{
    struct chat_template *t =
        load("{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages.append(1) }}");

    expect_error(t, "u", ERR_FORMAT, "unsafe");
    chat_template_close(&t);
}

Test(template, is_stopped_when_it_does_not_end)
{
    struct chat_template_options o =
        options("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}");
    struct chat_template *t;

    o.timeout_ms = 300;
    cr_assert_eq(chat_template_open(&o, &t), 0, "%s", err_message());
    expect_error(t, "u", ERR_TIMEOUT, "300 ms");
    expect_error(t, "u", ERR_CONFLICT, "has ended");
    chat_template_close(&t);
}

Test(template, may_not_fill_the_memory)
{
    struct chat_template *t = load("{{ 'x' * 9000000000 }}");

    expect_error(t, "u", ERR_FORMAT, "MemoryError");
    chat_template_close(&t);
    t = load("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}");
    expect_error(t, "u", ERR_FORMAT, "more than");
    chat_template_close(&t);
}

Test(template, names_the_package_that_is_missing)
{
    struct chat_template_options o = options("");
    char path[] = "/tmp/pawl-python-XXXXXX";
    struct chat_template *t;
    int fd = mkstemp(path);

    o.python = "/nowhere/python3";
    cr_expect_eq(chat_template_open(&o, &t), ERR_IO);
    cr_expect_not_null(strstr(err_message(), "python3-jinja2"), "%s", err_message());

    /* A Python that finds no packages. */
    cr_assert_eq(dprintf(fd, "#!/bin/sh\nexec /usr/bin/python3 -S \"$@\"\n") > 0, 1);
    fchmod(fd, 0700);
    close(fd);
    o.python = path;
    cr_expect_eq(chat_template_open(&o, &t), ERR_FORMAT);
    cr_expect_not_null(strstr(err_message(), "python3-jinja2"), "%s", err_message());

    cr_assert_eq(file_write_atomic(path, "#!/bin/sh\nexit 3\n", 17), 0);
    chmod(path, 0700);
    cr_expect_eq(chat_template_open(&o, &t), ERR_IO);
    cr_expect_not_null(strstr(err_message(), "status 3"), "%s", err_message());
    unlink(path);
}

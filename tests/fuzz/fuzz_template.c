/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands between a conversation and the process that renders it. The first byte says what the
 * rest is: 0 a reply of that process, 1 a saved conversation, else a message. No message may become
 * a control token, and taking the breaks out of it must give it back. */
#include "engine/chat/conversation.h"
#include "engine/chat/literal.h"
#include "engine/chat/template_reply.h"
#include "engine/speculate/prefix.h"
#include "reference/base/err.h"
#include "tests/engine/random_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gguf_file *file;
static struct tokenizer *tokenizer;
static struct literals literals;

static int start(const char *path)
{
    TRY(gguf_open(path, &file));
    TRY(tokenizer_open(file, &tokenizer));
    return literals_open(file, tokenizer, (struct gguf_string){"", 0}, &literals);
}

static void start_once(void)
{
    if (file || (random_model_with(&random_model_small, start) == 0 && literals.n))
        return;
    fprintf(stderr, "fuzz_template: %s\n", err_message());
    abort();
}

static void ids_check(const struct strbuf *text)
{
    int32_t *ids;
    size_t n, half;

    if (literals_encode(tokenizer, strbuf_str(text), text->len, &ids, &n) < 0)
        return;
    for (size_t i = tokenizer_add_bos(tokenizer); i < n; i++)
        if (ids[i] == tokenizer_bos(tokenizer) || ids[i] == tokenizer_eos(tokenizer))
            abort();
    half = n / 2;
    if (prefix_common(ids, half, ids, n) != half)
        abort();
    free(ids);
}

static void message_check(const char *text, size_t len)
{
    static const char brk[] = "\xef\xb7\x90";
    struct strbuf broken = {0}, mended = {0};

    literals_break(&literals, text, len, &broken);
    for (size_t i = 0; i < broken.len; i++)
        if (broken.len - i >= 3 && !memcmp(broken.data + i, brk, 3))
            i += 2;
        else
            strbuf_add(&mended, broken.data + i, 1);
    if (!memmem(text, len, brk, 3) &&
        (mended.len != len || memcmp(strbuf_str(&mended), text, len) != 0))
        abort();
    ids_check(&broken);
    strbuf_deinit(&broken);
    strbuf_deinit(&mended);
}

static void conversation_check(const char *text, size_t len)
{
    struct conversation c;

    conversation_init(&c);
    conversation_add(&c, "user", text, len);
    if (conversation_parse(&c, text, len, "fuzz") == 0)
        conversation_set_system(&c, "s");
    for (size_t i = 0; i < conversation_n(&c); i++) {
        size_t n;
        const char *message = conversation_text(&c, i, &n);

        if (conversation_role(&c, i))
            message_check(message, n);
    }
    conversation_truncate(&c, 1);
    conversation_deinit(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf out = {0};

    start_once();
    if (!size)
        return 0;
    if (data[0] == 0)
        template_reply_parse((const char *)data + 1, size - 1, &out);
    else if (data[0] == 1)
        conversation_check((const char *)data + 1, size - 1);
    else
        message_check((const char *)data + 1, size - 1);
    strbuf_deinit(&out);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The corpus of every fuzz target, replayed: what a fuzzer found once must stay mended. */
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/fuzz/fuzz_targets.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>

static void replay(fuzz_target target, const char *name)
{
    struct strbuf text = {0};
    const struct dirent *e;
    char folder[128], path[512];
    size_t n = 0;
    DIR *dir;

    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", name);
    dir = opendir(folder);
    cr_assert(dir != NULL, "%s", folder);
    while ((e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        strbuf_clear(&text);
        cr_assert_eq(file_read(path, &text), 0, "%s", err_message());
        cr_expect_eq(target((const uint8_t *)text.data, text.len), 0, "%s", path);
        n++;
    }
    closedir(dir);
    strbuf_deinit(&text);
    cr_expect_gt(n, 0, "%s is empty", folder);
    cr_expect_eq(target((const uint8_t *)"", 0), 0, "nothing at all");
}

Test(fuzz, gguf)
{
    replay(fuzz_gguf, "gguf");
}

Test(fuzz, grammar)
{
    replay(fuzz_grammar, "grammar");
}

Test(fuzz, jsonrpc)
{
    replay(fuzz_jsonrpc, "jsonrpc");
}

Test(fuzz, session)
{
    replay(fuzz_session, "session");
}

Test(fuzz, template)
{
    replay(fuzz_template, "template");
}

Test(fuzz, tokenizer)
{
    replay(fuzz_tokenizer, "tokenizer");
}

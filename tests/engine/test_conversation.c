/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/conversation.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(struct conversation *c, const char *role, const char *text)
{
    conversation_add(c, role, text, strlen(text));
}

static void expect_message(const struct conversation *c, size_t i, const char *role,
                           const char *text)
{
    size_t len;

    cr_assert_lt(i, conversation_n(c));
    cr_expect_str_eq(conversation_role(c, i), role);
    cr_expect_str_eq(conversation_text(c, i, &len), text);
    cr_expect_eq(len, strlen(text));
}

Test(conversation, the_system_prompt_stands_first_and_once)
{
    struct conversation c;

    conversation_init(&c);
    conversation_set_system(&c, "");
    cr_expect_eq(conversation_n(&c), 0);
    add(&c, "user", "u");
    conversation_set_system(&c, "one");
    conversation_set_system(&c, "two");
    cr_expect_eq(conversation_n(&c), 2);
    expect_message(&c, 0, "system", "two");
    expect_message(&c, 1, "user", "u");
    conversation_truncate(&c, 0);
    cr_expect_eq(conversation_n(&c), 1);
    conversation_set_system(&c, "");
    cr_expect_eq(conversation_n(&c), 0);
    conversation_deinit(&c);
}

Test(conversation, drops_the_last_message_of_a_role)
{
    struct conversation c;

    conversation_init(&c);
    cr_expect_not(conversation_drop(&c, "user"));
    add(&c, "user", "u");
    add(&c, "assistant", "a");
    cr_expect_not(conversation_drop(&c, "user"));
    cr_expect(conversation_drop(&c, "assistant"));
    cr_expect(conversation_drop(&c, "user"));
    cr_expect_eq(conversation_n(&c), 0);
    conversation_deinit(&c);
}

Test(conversation, comes_back_from_a_file)
{
    struct conversation c, d;
    char path[] = "/tmp/pawl-conversation-XXXXXX";

    close(mkstemp(path));
    conversation_init(&c);
    conversation_init(&d);
    add(&c, "system", "\"s\"\n");
    add(&c, "user", "\xe4\xbd\xa0 \xff"); /* a byte that is no UTF-8 */
    add(&d, "user", "gone");
    cr_assert_eq(conversation_save(&c, path), 0, "%s", err_message());
    cr_assert_eq(conversation_load(&d, path), 0, "%s", err_message());
    cr_expect_eq(conversation_n(&d), 2);
    expect_message(&d, 0, "system", "\"s\"\n");
    expect_message(&d, 1, "user", "\xe4\xbd\xa0 \xef\xbf\xbd");
    conversation_deinit(&c);
    conversation_deinit(&d);
    unlink(path);
}

Test(conversation, a_file_that_is_none_changes_nothing)
{
    static const char *const bad[][2] = {
        {"", "line"},
        {"{", "line 1"},
        {"[]", "no list"},
        {"{\"messages\": 3}", "no list"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, 7]}", "message 2"},
        {"{\"messages\": [{\"role\": \"user\"}]}", "message 1"},
        {"{\"messages\": [{\"role\": 1, \"content\": \"x\"}]}", "message 1"},
        {"{\"messages\": []} x", "line 1"},
    };
    struct conversation c;
    char path[] = "/tmp/pawl-conversation-XXXXXX";

    close(mkstemp(path));
    conversation_init(&c);
    add(&c, "user", "kept");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(file_write_atomic(path, bad[i][0], strlen(bad[i][0])), 0);
        cr_expect_eq(conversation_load(&c, path), ERR_FORMAT, "%s", bad[i][0]);
        cr_expect_not_null(strstr(err_message(), bad[i][1]), "%s", err_message());
    }
    unlink(path);
    cr_expect_eq(conversation_load(&c, path), ERR_IO);
    cr_expect_eq(conversation_save(&c, "/nowhere/x"), ERR_IO);
    cr_expect_eq(conversation_n(&c), 1);
    expect_message(&c, 0, "user", "kept");
    conversation_deinit(&c);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/token_texts.h"

#include "reference/base/err.h"
#include "tests/engine/shared.h"

#include <criterion/criterion.h>
#include <utf8proc.h>

enum { GENERATED = 200 };

static bool is_valid(const struct strbuf *text)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text->data;
    utf8proc_ssize_t left = (utf8proc_ssize_t)text->len, n;
    utf8proc_int32_t c;

    for (; left > 0; at += n, left -= n)
        if ((n = utf8proc_iterate(at, left, &c)) < 1)
            return false;
    return true;
}

Test(token_texts, are_valid_varied_and_the_same_every_time)
{
    struct token_texts a, b;
    size_t n_spaces = 0, n_digits = 0, n_wide = 0;

    shared_require();
    cr_assert_eq(token_texts_open(shared_folder(), GENERATED, &a), 0, "%s", err_message());
    cr_assert_eq(token_texts_open(shared_folder(), GENERATED, &b), 0, "%s", err_message());
    cr_assert(a.n > GENERATED && a.n == b.n);
    for (size_t i = 0; i < a.n; i++) {
        const char *text = strbuf_str(&a.text[i]);

        cr_assert(is_valid(&a.text[i]), "text %zu", i);
        cr_assert_str_eq(text, strbuf_str(&b.text[i]));
        cr_assert(a.text[i].len <= a.longest);
        n_spaces += strstr(text, "  ") != NULL;
        n_digits += strpbrk(text, "0123456789") != NULL;
        n_wide += strchr(text, '\xf0') != NULL;
    }
    cr_assert(n_spaces > 10 && n_digits > 10 && n_wide > 10);
    token_texts_close(&a);
    token_texts_close(&b);
}

Test(token_texts, say_which_folder_is_not_there)
{
    struct token_texts t;

    cr_assert_eq(token_texts_open("/nonexistent", GENERATED, &t), ERR_IO);
    cr_assert_not_null(strstr(err_message(), "/nonexistent"));
}

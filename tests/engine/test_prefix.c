/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/prefix.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <unistd.h>

Test(prefix, keeps_what_two_texts_share)
{
    static const int32_t first[] = {1, 5, 9, 4, 8}, second[] = {1, 5, 9, 7}, third[] = {1, 5};
    struct engine_options o = {.features = cpu_features(), .n_threads = 1, .n_context = 16};
    struct engine_model *m;
    struct engine_session *s, *fresh;
    size_t kept;
    char path[64];

    tiny_model_write(&tiny_f32, path);
    cr_assert_eq(engine_model_open(path, &o, &m), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(m, &s), 0);
    cr_assert_eq(engine_session_open(m, &fresh), 0);
    cr_assert_eq(prefix_follow(s, first, 5, &kept), 0);
    cr_expect_eq(kept, 0);
    cr_assert_eq(prefix_follow(s, second, 4, &kept), 0);
    cr_expect_eq(kept, 3);
    cr_assert_eq(engine_session_eval(fresh, second, 4, NULL, NULL), 0);
    cr_expect_arr_eq(engine_session_logits(s), engine_session_logits(fresh),
                     (size_t)engine_model_n_vocab(m) * sizeof(float));
    cr_assert_eq(prefix_follow(s, third, 2, &kept), 0);
    cr_expect_eq(kept, 1, "the last token is evaluated for its logits");
    cr_expect_eq(engine_session_position(s), 2);
    cr_expect_eq(prefix_follow(s, (int32_t[]){1, 99}, 2, &kept), ERR_RANGE);
    cr_assert_eq(prefix_follow(s, second, 4, &kept), 0);
    cr_expect_eq(kept, 1, "after an error the common part still stands");
    engine_session_close(&fresh);
    engine_session_close(&s);
    engine_model_close(&m);
    unlink(path);
}

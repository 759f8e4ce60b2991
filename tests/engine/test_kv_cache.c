/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/kv_cache.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct kv_shape shape = {.type = KERNEL_F16,
                                      .head_dim = 8,
                                      .kv_heads = 2,
                                      .layers = 3,
                                      .n_pages = 5,
                                      .page_bytes = 2048};

static struct kv_cache *cache_open(void)
{
    struct kv_cache *c = NULL;

    cr_assert_eq(kv_cache_open(&shape, &c), 0, "%s", err_message());
    return c;
}

Test(kv_cache, takes_a_page_for_every_64_positions)
{
    struct kv_cache *c = cache_open();
    const uint32_t positions[] = {0, 1, 64, 65, 128, 129, 320};
    const uint32_t pages[] = {0, 1, 1, 2, 2, 3, 5};

    for (int i = 0; i < 7; i++) {
        cr_assert_eq(kv_cache_reserve(c, positions[i]), 0);
        cr_assert_eq(kv_cache_n_used(c), pages[i]);
    }
    kv_cache_close(&c);
    cr_assert(c == NULL);
    kv_cache_close(&c);
}

Test(kv_cache, refuses_a_position_past_the_pool_and_changes_nothing)
{
    struct kv_cache *c = cache_open();

    cr_assert_eq(kv_cache_reserve(c, 70), 0);
    cr_assert_eq(kv_cache_reserve(c, 321), ERR_RANGE);
    cr_assert(strstr(err_message(), "320"), "%s", err_message());
    cr_assert_eq(kv_cache_n_used(c), 2);
    cr_assert_eq(kv_cache_reserve(c, 320), 0);
    kv_cache_close(&c);
}

Test(kv_cache, never_hands_out_a_page_twice)
{
    struct kv_cache *c = cache_open();
    struct rng rng;

    rng_init(&rng, 5);
    for (int round = 0; round < 2000; round++) {
        uint32_t n = (uint32_t)rng_below(&rng, 321), seen = 0;

        kv_cache_truncate(c, n);
        cr_assert_leq(kv_cache_n_used(c), (n + 63) / 64);
        cr_assert_eq(kv_cache_reserve(c, (uint32_t)rng_below(&rng, 321)), 0);
        for (uint32_t i = 0; i < kv_cache_n_used(c); i++) {
            int32_t id = kv_cache_table(c)[i];

            cr_assert(id >= 0 && id < 5 && !(seen & 1u << id), "page %d twice or unknown", id);
            seen |= 1u << id;
        }
    }
    kv_cache_close(&c);
}

Test(kv_cache, keeps_the_page_that_a_truncation_falls_into)
{
    struct kv_cache *c = cache_open();
    int32_t first;

    cr_assert_eq(kv_cache_reserve(c, 200), 0);
    first = kv_cache_table(c)[1];
    kv_cache_truncate(c, 65);
    cr_assert_eq(kv_cache_n_used(c), 2);
    cr_assert_eq(kv_cache_table(c)[1], first);
    kv_cache_truncate(c, 64);
    cr_assert_eq(kv_cache_n_used(c), 1);
    kv_cache_close(&c);
}

Test(kv_cache, gives_every_layer_head_and_page_its_own_aligned_bytes)
{
    struct kv_cache *c = cache_open();
    unsigned char *base = kv_cache_layer(c, 0).data;
    size_t total = kv_cache_layer(c, 0).bytes;

    cr_assert_eq(total, 5u * 3 * 2 * 2048);
    for (uint32_t layer = 0; layer < 3; layer++) {
        struct kernel_tensor t = kv_cache_layer(c, layer);

        for (int64_t page = 0; page < t.ne[3]; page++)
            for (int64_t head = 0; head < t.ne[2]; head++) {
                unsigned char *at =
                    (unsigned char *)t.data + (size_t)page * t.nb[3] + (size_t)head * t.nb[2];

                cr_assert_eq((uintptr_t)at % KERNEL_ALIGN, 0);
                cr_assert(at >= base && at + 2048 <= base + total);
                cr_assert_eq(at[0] | at[2047], 0, "page %d of layer %u is not its own", (int)page,
                             layer);
                memset(at, 0xff, 2048);
            }
    }
    kv_cache_close(&c);
}

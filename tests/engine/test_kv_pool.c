/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/kv_pool.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct kv_shape shape = {.type = KERNEL_F16,
                                      .head_dim = 8,
                                      .kv_heads = 2,
                                      .layers = 3,
                                      .n_pages = 5,
                                      .page_bytes = 2048};

static struct kv_pool *pool_open(void)
{
    struct kv_pool *p = NULL;

    cr_assert_eq(kv_pool_open(&shape, &p), 0, "%s", err_message());
    return p;
}

Test(kv_pool, counts_the_holders_of_a_page)
{
    struct kv_pool *p = pool_open();
    int32_t ids[5];

    cr_assert_eq(kv_pool_take(p, 3, ids), 0);
    cr_assert_eq(kv_pool_n_free(p), 2);
    cr_assert(!kv_pool_is_shared(p, ids[1]));
    kv_pool_hold(p, 2, ids);
    cr_assert(kv_pool_is_shared(p, ids[1]) && !kv_pool_is_shared(p, ids[2]));
    kv_pool_drop(p, 3, ids);
    cr_assert_eq(kv_pool_n_free(p), 3);
    cr_assert(!kv_pool_is_shared(p, ids[1]));
    kv_pool_drop(p, 2, ids);
    cr_assert_eq(kv_pool_n_free(p), 5);
    kv_pool_release(&p);
}

Test(kv_pool, gives_all_pages_asked_for_or_none)
{
    struct kv_pool *p = pool_open();
    int32_t ids[6] = {-1, -1, -1, -1, -1, -1};

    cr_assert_eq(kv_pool_take(p, 6, ids), ERR_RANGE);
    cr_assert(strstr(err_message(), "5 are free, not the 6"), "%s", err_message());
    cr_assert_eq(ids[0], -1);
    cr_assert_eq(kv_pool_take(p, 5, ids), 0);
    cr_assert_eq(kv_pool_take(p, 0, ids), 0);
    cr_assert_eq(kv_pool_take(p, 1, ids), ERR_RANGE);
    kv_pool_release(&p);
}

Test(kv_pool, lives_as_long_as_its_last_user)
{
    struct kv_pool *p = pool_open(), *q = kv_pool_use(p);
    int32_t id;

    kv_pool_release(&p);
    cr_assert_eq(kv_pool_take(q, 1, &id), 0);
    memset(kv_pool_page(q, id), 1, kv_pool_id_bytes(q));
    kv_pool_release(&q);
}

Test(kv_pool, gives_every_layer_head_and_page_its_own_aligned_bytes)
{
    struct kv_pool *p = pool_open();
    unsigned char *base = kv_pool_layer(p, 0).data;
    size_t total = kv_pool_layer(p, 0).bytes;

    cr_assert_eq(total, 5u * 3 * 2 * 2048);
    for (uint32_t layer = 0; layer < 3; layer++) {
        struct kernel_tensor t = kv_pool_layer(p, layer);

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
    kv_pool_release(&p);
    cr_assert(p == NULL);
    kv_pool_release(&p);
}

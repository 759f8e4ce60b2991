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

static struct kv_pool *pool_open(void)
{
    struct kv_pool *p = NULL;

    cr_assert_eq(kv_pool_open(&shape, &p), 0, "%s", err_message());
    return p;
}

static struct kv_cache *cache_over(struct kv_pool *p)
{
    struct kv_cache *c = NULL;

    cr_assert_eq(kv_cache_open(p, 1000, &c), 0, "%s", err_message());
    return c;
}

/* A timeline that alone uses its pool. */
static struct kv_cache *cache_open(void)
{
    struct kv_pool *p = pool_open();
    struct kv_cache *c = cache_over(p);

    kv_pool_release(&p);
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
    cr_assert(strstr(err_message(), "full at position 70"), "%s", err_message());
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

/* --- shared pages --- */

/* Write `value` over the whole page of position t. */
static void page_mark(struct kv_cache *c, uint32_t t, int value)
{
    memset(kv_pool_page(kv_cache_pool(c), kv_cache_table(c)[t / 64]), value,
           kv_pool_id_bytes(kv_cache_pool(c)));
}

static int page_value(const struct kv_cache *c, uint32_t t)
{
    const unsigned char *page = kv_pool_page(kv_cache_pool(c), kv_cache_table(c)[t / 64]);

    cr_assert_eq(page[0], page[kv_pool_id_bytes(kv_cache_pool(c)) - 1]);
    return page[0];
}

Test(kv_cache, shares_full_pages_for_ever_and_copies_a_partly_filled_one_when_it_is_written)
{
    struct kv_pool *p = pool_open();
    struct kv_cache *a = cache_over(p), *b = cache_over(p);

    cr_assert_eq(kv_cache_reserve(a, 100), 0);
    page_mark(a, 0, 1);
    page_mark(a, 64, 2);
    kv_cache_share(b, a, 100);
    cr_assert_eq(kv_pool_n_free(p), 3);
    cr_assert_eq(kv_cache_table(a)[1], kv_cache_table(b)[1]);
    cr_assert_eq(kv_cache_reserve(b, 101), 0);
    cr_assert_eq(kv_pool_n_free(p), 2);
    cr_assert_eq(kv_cache_table(a)[0], kv_cache_table(b)[0]);
    cr_assert_neq(kv_cache_table(a)[1], kv_cache_table(b)[1]);
    cr_assert_eq(page_value(b, 64), 2, "the copy has the page's bytes");
    page_mark(b, 64, 3);
    cr_assert_eq(kv_cache_reserve(a, 101), 0);
    cr_assert_eq(kv_pool_n_free(p), 2, "the last holder writes in place");
    cr_assert_eq(page_value(a, 64), 2);
    kv_cache_close(&a);
    cr_assert_eq(kv_pool_n_free(p), 3);
    cr_assert_eq(page_value(b, 0), 1);
    kv_cache_close(&b);
    cr_assert_eq(kv_pool_n_free(p), 5);
    kv_pool_release(&p);
}

Test(kv_cache, copies_nothing_when_the_shared_pages_are_full)
{
    struct kv_pool *p = pool_open();
    struct kv_cache *a = cache_over(p), *b = cache_over(p);

    cr_assert_eq(kv_cache_reserve(a, 128), 0);
    kv_cache_share(b, a, 128);
    cr_assert_eq(kv_cache_reserve(b, 129), 0);
    cr_assert_eq(kv_pool_n_free(p), 2);
    cr_assert_eq(kv_cache_table(a)[1], kv_cache_table(b)[1]);
    kv_cache_close(&b);
    kv_cache_close(&a);
    kv_pool_release(&p);
}

Test(kv_cache, takes_over_a_part_of_a_timeline_also_its_own)
{
    struct kv_pool *p = pool_open();
    struct kv_cache *a = cache_over(p), *b = cache_over(p);

    cr_assert_eq(kv_cache_reserve(a, 192), 0);
    cr_assert_eq(kv_cache_reserve(b, 64), 0);
    kv_cache_share(b, a, 65);
    cr_assert_eq(kv_cache_n_used(b), 2);
    cr_assert_eq(kv_pool_n_free(p), 2, "its own page is free again");
    kv_cache_share(a, a, 64);
    cr_assert_eq(kv_cache_n_used(a), 1);
    cr_assert_eq(kv_pool_n_free(p), 3);
    kv_cache_share(a, a, 0);
    cr_assert_eq(kv_pool_n_free(p), 3, "b still holds both");
    kv_cache_close(&a);
    kv_cache_close(&b);
    kv_pool_release(&p);
}

Test(kv_cache, changes_nothing_when_there_is_no_page_for_the_copy)
{
    struct kv_pool *p = pool_open();
    struct kv_cache *a = cache_over(p), *b = cache_over(p);
    int32_t last;

    cr_assert_eq(kv_cache_reserve(a, 319), 0);
    kv_cache_share(b, a, 319);
    last = kv_cache_table(b)[4];
    cr_assert_eq(kv_cache_reserve(b, 320), ERR_RANGE);
    cr_assert(strstr(err_message(), "--ctx"), "%s", err_message());
    cr_assert_eq(kv_cache_n_used(b), 5);
    cr_assert_eq(kv_cache_table(b)[4], last);
    kv_cache_close(&a);
    cr_assert_eq(kv_cache_reserve(b, 320), 0);
    kv_cache_close(&b);
    kv_pool_release(&p);
}

/* Six timelines over a small pool share, grow and shrink at random; each writes its own mark into
 * whatever it may write, and must find in every page what it put or took over. */
Test(kv_cache, never_shows_one_timeline_the_writes_of_another)
{
    enum { N = 6 };
    struct kv_pool *p = pool_open();
    struct kv_cache *c[N];
    uint32_t length[N] = {0};
    int want[N][5] = {{0}};
    struct rng rng;

    rng_init(&rng, 11);
    for (int i = 0; i < N; i++)
        c[i] = cache_over(p);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)rng_below(&rng, N), j = (size_t)rng_below(&rng, N);
        uint32_t n = (uint32_t)rng_below(&rng, 321), before = length[i];

        switch (rng_below(&rng, 3)) {
        case 0:
            n = n < length[j] ? n : length[j];
            kv_cache_share(c[i], c[j], n);
            memcpy(want[i], want[j], sizeof want[i]);
            length[i] = n;
            break;
        case 1:
            kv_cache_truncate(c[i], n);
            length[i] = n < before ? n : before;
            break;
        default:
            n = before + n % 70 < 320 ? before + n % 70 : 320;
            if (n == before || kv_cache_reserve(c[i], n) < 0)
                break;
            length[i] = n;
            for (uint32_t t = before; t < n; t += 64 - t % 64)
                page_mark(c[i], t, want[i][t / 64] = 1 + round % 255);
        }
        for (uint32_t t = 0; t < length[i]; t += 64)
            cr_assert_eq(page_value(c[i], t), want[i][t / 64], "round %d", round);
        cr_assert_eq(page_value(c[j], 0) * !!length[j], want[j][0] * !!length[j]);
    }
    for (int i = 0; i < N; i++)
        kv_cache_close(&c[i]);
    cr_assert_eq(kv_pool_n_free(p), 5);
    kv_pool_release(&p);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/link_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3, N_SEEDS = 64 };

static char *names[] = {".text.a", ".text.b", ".text.c"};

/* The order of the three functions as a number 0..5, and the gap in front of each, in bytes. */
static int layout_of(uint64_t seed, size_t gaps[N])
{
    struct object o = {.text = {names, N}};
    struct strbuf script = {0};
    size_t at[N];

    link_script_write(&o, seed, &script);
    for (int i = 0; i < N; i++) {
        char quoted[32];
        const char *name, *line;

        snprintf(quoted, sizeof quoted, "*(\"%s\")", names[i]);
        name = strstr(script.data, quoted);
        cr_assert(name != NULL && strstr(name + 1, quoted) == NULL);
        at[i] = (size_t)(name - script.data);
        for (line = name - 6; line > script.data && line[-1] != '\n'; line--)
            ;
        gaps[i] = strncmp(line, "    . = . + ", 12) == 0 ? strtoul(line + 12, NULL, 10) : 0;
    }
    strbuf_deinit(&script);
    return (at[0] > at[1]) | (at[0] > at[2]) << 1 | (at[1] > at[2]) << 2;
}

Test(link_script, order_and_padding_are_drawn_from_the_seed)
{
    bool orders[8] = {false}, phases[N][4] = {{false}};
    size_t gaps[N], again[N];
    int n_orders = 0;

    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        size_t sum = 0;

        orders[layout_of(seed, gaps)] = true;
        for (int i = 0; i < N; i++) {
            cr_expect_eq(gaps[i] % 16, 0);
            phases[i][gaps[i] / 16 % 4] = true;
            sum += gaps[i];
        }
        cr_expect_leq(sum, LINK_SCRIPT_DRIFT);
        cr_expect_eq(layout_of(seed, again), layout_of(seed, gaps));
        cr_expect_eq(memcmp(gaps, again, sizeof gaps), 0);
    }
    for (int i = 0; i < 8; i++)
        n_orders += orders[i];
    cr_expect_eq(n_orders, 6, "all orders of three occur");
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 4; k++)
            cr_expect(phases[i][k], "function %d never starts at %d in a cache line", i, 16 * k);
}

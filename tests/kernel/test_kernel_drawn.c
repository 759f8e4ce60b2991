/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases that are in no list, as the judge draws them, against the oracle: every pattern and path, and
 * by another team the same bits. */
#include "reference/base/err.h"
#include "tests/kernel/run_instance.h"

#include <criterion/criterion.h>

enum { N_DRAWN = 120 };

static void check_drawn(const struct problem_drawn *d, uint64_t seed, enum problem_pattern p)
{
    struct problem_instance in;

    cr_assert(generate_inputs(&d->c, seed, p, &in) == 0, "%s: %s", d->name, err_message());
    for (size_t f = 0; f < RUN_N_PATHS; f++) {
        struct run one, team;

        if (!run_has_path(f))
            continue;
        cr_expect(run_instance(&one, &in, run_paths[f], 1, 4, RUN_NAN) && run_matches_oracle(&one),
                  "seed %d: %s, %s, features %#lx: %s", (int)seed, d->name, problem_pattern_name(p),
                  (unsigned long)run_paths[f], one.message);
        cr_expect(run_instance(&team, &in, run_paths[f], 3, 0, 0) && run_same_outputs(&team, &one),
                  "seed %d: %s, %s, features %#lx, three threads: %s", (int)seed, d->name,
                  problem_pattern_name(p), (unsigned long)run_paths[f], team.message);
        run_deinit(&one);
        run_deinit(&team);
    }
    problem_instance_deinit(&in);
}

Test(kernel_drawn, cases_agree_with_the_oracle, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= N_DRAWN; seed++) {
        struct problem_drawn d;

        problem_case_draw(seed, &d);
        for (int p = 0; p < PROBLEM_N_PATTERNS; p++)
            if (d.c.patterns & 1u << p && (p == PROBLEM_RANDOM || (seed + (uint64_t)p) % 4 == 0))
                check_drawn(&d, seed, (enum problem_pattern)p);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/problem/drawing.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int64_t drawing_between(struct drawing *d, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&d->r, (uint64_t)(high - low + 1));
}

bool drawing_once_in(struct drawing *d, uint64_t times)
{
    return rng_below(&d->r, times) == 0;
}

void drawing_set(struct drawing *d, const char *key, int64_t value)
{
    assert(d->n_params < PROBLEM_MAX_PARAMS);
    d->out->c.params[d->n_params++] = (struct problem_param){key, value};
}

void drawing_say(struct drawing *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(d->out->name + d->n_name, sizeof d->out->name - d->n_name, fmt, args);
    va_end(args);
    d->n_name = strlen(d->out->name);
}

void drawing_begin(struct drawing *d, const char *op, uint32_t patterns)
{
    d->out->c.op = op;
    d->out->c.n_threads = 1;
    d->out->c.patterns = patterns;
    drawing_say(d, "drawn-%s", op);
}

void problem_case_draw(uint64_t seed, struct problem_drawn *out)
{
    struct drawing d = {.out = out};

    memset(out, 0, sizeof *out);
    out->c.name = out->name;
    rng_init(&d.r, seed);
    problem_shipped.draw(&d);
}

/* --- other sizes of a timed case --- */

/* `value` moved by up to a quarter, as a multiple of `step`. */
static int64_t moved(struct rng *r, int64_t value, int64_t step)
{
    int64_t low = (3 * value + 4 * step - 1) / (4 * step), high = 5 * value / (4 * step);

    return low >= high ? value : (low + (int64_t)rng_below(r, (uint64_t)(high - low + 1))) * step;
}

void problem_case_vary(const struct problem_case *timed, uint64_t seed, struct problem_drawn *out)
{
    struct problem_param *p = out->c.params;
    bool differs = false;
    struct rng r;

    memset(out, 0, sizeof *out);
    out->c = *timed;
    snprintf(out->name, sizeof out->name, "%s", timed->name);
    rng_init(&r, seed);
    for (int tries = 0; tries < 100 && !differs; tries++)
        for (size_t i = 0; i < PROBLEM_MAX_PARAMS && p[i].key; i++) {
            int64_t step = problem_shipped.size_step(timed, p[i].key);
            int64_t listed = timed->params[i].value;
            size_t twin = 0; /* sizes that are equal stay so: gate and up */

            while (timed->params[twin].value != listed ||
                   problem_shipped.size_step(timed, timed->params[twin].key) != step)
                twin++;
            if (step)
                p[i].value = twin < i ? p[twin].value : moved(&r, listed, step);
            differs |= p[i].value != listed;
        }
}

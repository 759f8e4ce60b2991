/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/assembly_parts.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

void *assembly__room(void *array, size_t n, size_t *capacity, size_t bytes)
{
    size_t wanted = *capacity ? *capacity * 2 : 64;
    void *grown;

    if (n < *capacity)
        return array;
    grown = realloc(array, wanted * bytes);
    if (grown)
        *capacity = wanted;
    return grown;
}

/* Index of the line at byte `at` of f; SIZE_MAX: no instruction starts there. */
static size_t line_at(const struct assembly *a, const struct assembly_function *f, uint32_t at)
{
    size_t low = f->first, high = f->first + f->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (a->lines[middle].at == at)
            return middle;
        if (a->lines[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

static bool ends_flow(const char *text)
{
    return !strncmp(text, "jmp", 3) || !strncmp(text, "ret", 3) || !strncmp(text, "ud2", 3);
}

/* Lines that may follow line `at`: next[0] by falling through, next[1] by jumping; SIZE_MAX none. */
static void line_next(const struct assembly *a, const struct assembly_function *f, size_t at,
                      size_t next[2])
{
    const struct assembly_line *l = &a->lines[at];

    next[0] = !ends_flow(l->text) && at + 1 < f->first + f->n ? at + 1 : SIZE_MAX;
    next[1] = l->target == ASSEMBLY_NO_TARGET ? SIZE_MAX : line_at(a, f, l->target);
}

static bool is_padding(const char *text)
{
    return strstr(text, "nop") || !strcmp(text, "xchg %ax,%ax");
}

/* Room for one function's analysis. Roots are where control may come from outside: the start, and
 * whatever only a computed jump can lead to. */
struct flow {
    bool *seen, *joined, *live; /* [lines]; live: reached from the roots at all */
    size_t *stack, *roots, n_roots;
};

/* Mark in seen[] (of f's lines) what can be reached from the roots without passing `avoid`. */
static void reach(const struct assembly *a, const struct assembly_function *f, size_t avoid,
                  struct flow *w)
{
    size_t n = 0;

    memset(w->seen, 0, f->n * sizeof *w->seen);
    for (size_t r = 0; r < w->n_roots; r++) {
        w->seen[w->roots[r] - f->first] = true;
        w->stack[n++] = w->roots[r];
    }
    while (n > 0) {
        size_t at = w->stack[--n], next[2];

        if (at == avoid)
            continue;
        line_next(a, f, at, next);
        for (int k = 0; k < 2; k++)
            if (next[k] != SIZE_MAX && !w->seen[next[k] - f->first]) {
                w->seen[next[k] - f->first] = true;
                w->stack[n++] = next[k];
            }
    }
}

static void find_roots(const struct assembly *a, const struct assembly_function *f, struct flow *w)
{
    w->roots[w->n_roots++] = f->first;
    reach(a, f, SIZE_MAX, w);
    for (size_t i = f->first; i < f->first + f->n; i++)
        if (!w->seen[i - f->first] && !is_padding(a->lines[i].text)) {
            w->roots[w->n_roots++] = i;
            reach(a, f, SIZE_MAX, w);
        }
    memcpy(w->live, w->seen, f->n * sizeof *w->live);
}

/* Add to the body whatever leads to `tail` without passing the head. Padding behind a jump seems to
 * lead on, but is not live. */
static void loop_grow(const struct assembly *a, const struct assembly_function *f,
                      const struct flow *w, struct assembly_loop *loop, size_t tail)
{
    bool grew = true;

    loop->in[loop->head - f->first] = loop->in[tail - f->first] = true;
    while (grew) {
        grew = false;
        for (size_t i = f->first + f->n; i-- > f->first;) {
            size_t next[2];

            if (loop->in[i - f->first] || !w->live[i - f->first])
                continue;
            line_next(a, f, i, next);
            for (int k = 0; k < 2; k++)
                if (next[k] != SIZE_MAX && next[k] != loop->head && loop->in[next[k] - f->first])
                    grew = loop->in[i - f->first] = true;
        }
    }
}

/* The loop with this head, made when there is none yet; NULL: out of memory. */
static struct assembly_loop *loop_of_head(struct assembly_function *f, size_t *capacity,
                                          size_t head)
{
    struct assembly_loop *grown;
    bool *in;

    for (size_t k = 0; k < f->n_loops; k++)
        if (f->loops[k].head == head)
            return &f->loops[k];
    grown = assembly__room(f->loops, f->n_loops, capacity, sizeof *f->loops);
    if (!grown)
        return NULL;
    f->loops = grown;
    in = calloc(f->n, sizeof *in);
    if (!in)
        return NULL;
    f->loops[f->n_loops] = (struct assembly_loop){.head = head, .in = in};
    return &f->loops[f->n_loops++];
}

/* An edge to a line that dominates the one it comes from (there is no way there but through it)
 * closes a loop, whether it jumps back or falls into the head from above. */
static bool edge_add_loop(const struct assembly *a, struct assembly_function *f, size_t from,
                          size_t to, struct flow *w, size_t *capacity)
{
    struct assembly_loop *loop;

    if (to == SIZE_MAX || !w->joined[to - f->first] || !w->live[from - f->first])
        return true;
    reach(a, f, to, w);
    if (to != from && w->seen[from - f->first])
        return true;
    loop = loop_of_head(f, capacity, to);
    if (loop)
        loop_grow(a, f, w, loop, from);
    return loop != NULL;
}

static bool function_add_loops(const struct assembly *a, struct assembly_function *f)
{
    size_t capacity = 0, next[2];
    struct flow w = {
        .seen = malloc((f->n + 1) * sizeof *w.seen),
        .joined = calloc(f->n + 1, sizeof *w.joined),
        .live = malloc((f->n + 1) * sizeof *w.live),
        .stack = malloc((2 * f->n + 1) * sizeof *w.stack),
        .roots = malloc((f->n + 1) * sizeof *w.roots),
    };
    bool ok = f->n && w.seen && w.joined && w.live && w.stack && w.roots;

    if (ok)
        find_roots(a, f, &w);
    for (size_t i = f->first; ok && i < f->first + f->n; i++) {
        line_next(a, f, i, next);
        if (next[1] != SIZE_MAX) /* a head is jumped to, or it would not be one */
            w.joined[next[1] - f->first] = true;
    }
    for (size_t i = f->first; ok && i < f->first + f->n; i++) {
        line_next(a, f, i, next);
        ok = edge_add_loop(a, f, i, next[0], &w, &capacity) &&
             edge_add_loop(a, f, i, next[1], &w, &capacity);
    }
    free(w.seen);
    free(w.joined);
    free(w.live);
    free(w.stack);
    free(w.roots);
    return ok || !f->n;
}

static bool loop_holds(const struct assembly_function *f, const struct assembly_loop *outer,
                       const struct assembly_loop *inner)
{
    return outer != inner && outer->in[inner->head - f->first];
}

int assembly__find_loops(struct assembly *a, struct assembly_function *f)
{
    if (!function_add_loops(a, f))
        return err_set(ERR_NOMEM, "out of memory for the loops of %s", f->name);
    for (size_t k = 0; k < f->n_loops; k++) {
        struct assembly_loop *loop = &f->loops[k];

        loop->depth = 1;
        loop->innermost = true;
        loop->first = loop->last = loop->head;
        for (size_t j = 0; j < f->n_loops; j++) {
            loop->depth += loop_holds(f, &f->loops[j], loop);
            loop->innermost &= !loop_holds(f, loop, &f->loops[j]);
        }
        for (size_t i = f->first; i < f->first + f->n; i++) {
            if (!loop->in[i - f->first])
                continue;
            a->lines[i].loop_depth++;
            loop->n++;
            loop->first = i < loop->first ? i : loop->first;
            loop->last = i;
        }
    }
    return 0;
}

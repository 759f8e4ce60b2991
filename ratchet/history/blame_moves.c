/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/blame_moves.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void stretch_add(struct stretch **list, size_t *n, struct blame_line *lines, size_t n_lines)
{
    if (!n_lines)
        return;
    *list = realloc(*list, (*n + 1) * sizeof **list);
    if (!*list)
        abort();
    (*list)[(*n)++] = (struct stretch){lines, n_lines};
}

void moves_gone(struct moves *m, struct blame_line *lines, size_t n)
{
    stretch_add(&m->gone, &m->n_gone, lines, n);
}

void moves_come(struct moves *m, struct blame_line *lines, size_t n)
{
    stretch_add(&m->come, &m->n_come, lines, n);
}

void moves_deinit(struct moves *m)
{
    free(m->gone);
    free(m->come);
    memset(m, 0, sizeof *m);
}

/* --- comparing lines --- */

/* A line without the white space at its ends. */
struct core {
    const char *text;
    size_t len;
};

static struct core core_of(const struct blame_line *line)
{
    struct core c = {line->text, line->len};

    while (c.len && isspace((unsigned char)c.text[0])) {
        c.text++;
        c.len--;
    }
    while (c.len && isspace((unsigned char)c.text[c.len - 1]))
        c.len--;
    return c;
}

static bool same(const struct blame_line *a, const struct blame_line *b)
{
    const struct core x = core_of(a), y = core_of(b);

    return x.len == y.len && memcmp(x.text, y.text, x.len) == 0;
}

static size_t significant(const struct blame_line *line)
{
    size_t n = 0;

    for (size_t i = 0; i < line->len; i++)
        n += isalnum((unsigned char)line->text[i]) != 0;
    return n;
}

/* --- matching --- */

struct run {
    struct blame_line *from;
    size_t n, weight; /* lines; letters and digits in them */
};

/* A line that has served has no text any more. */
static struct run run_at(const struct stretch *come, size_t i, const struct stretch *gone, size_t j)
{
    struct run r = {gone->lines + j, 0, 0};

    while (i + r.n < come->n && j + r.n < gone->n && gone->lines[j + r.n].text &&
           same(&come->lines[i + r.n], &gone->lines[j + r.n])) {
        r.weight += significant(&come->lines[i + r.n]);
        r.n++;
    }
    return r;
}

static struct run longest_run(const struct moves *m, const struct stretch *come, size_t i)
{
    struct run best = {NULL, 0, 0};

    for (size_t g = 0; g < m->n_gone; g++)
        for (size_t j = 0; j < m->gone[g].n; j++) {
            struct run r = run_at(come, i, &m->gone[g], j);

            if (r.weight > best.weight)
                best = r;
        }
    return best;
}

void moves_match(struct moves *m)
{
    for (size_t c = 0; c < m->n_come; c++)
        for (size_t i = 0; i < m->come[c].n;) {
            struct run r = longest_run(m, &m->come[c], i);

            if (r.weight < MOVES_SIGNIFICANT) {
                i++;
                continue;
            }
            for (size_t k = 0; k < r.n; k++) {
                m->come[c].lines[i + k].origin = r.from[k].origin;
                r.from[k].text = NULL;
            }
            i += r.n;
        }
}

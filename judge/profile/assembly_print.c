/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/assembly.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A loop with less of all samples is not hot. */
#define HOT_LOOP_SHARE 0.01

/* The source file that was read last: neighbours mostly come from one. */
struct source {
    const char *file;
    struct strbuf text;
};

static const char *source_text(struct source *s, const char *folder, const char *file)
{
    char path[PATH_MAX];

    if (s->file && !strcmp(s->file, file))
        return strbuf_str(&s->text);
    strbuf_clear(&s->text);
    s->file = file;
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path ||
        file_read(path, &s->text) < 0)
        strbuf_clear(&s->text);
    return strbuf_str(&s->text);
}

/* Line `number` of a file without what it is indented by; length in *n. */
static const char *source_line(const char *text, uint32_t number, size_t *n)
{
    while (--number && (text = strchr(text, '\n')))
        text++;
    *n = 0;
    if (!text)
        return "";
    text += strspn(text, " \t");
    *n = strcspn(text, "\n");
    return text;
}

static void print_source(struct source *s, const struct assembly_line *l, const char *folder,
                         struct strbuf *out)
{
    size_t n = 0;
    const char *text = "";

    if (!l->source)
        return;
    if (l->file[0] != '/') /* headers of the compiler are not worth a line */
        text = source_line(source_text(s, folder, l->file), l->source, &n);
    if (n)
        strbuf_addf(out, "        # %s:%u  %.*s\n", l->file, l->source, (int)n, text);
}

static void print_marks(const struct assembly_function *f, size_t line, bool opening,
                        struct strbuf *out)
{
    for (size_t k = 0; k < f->n_loops; k++) {
        const struct assembly_loop *loop = &f->loops[k];

        if (opening && loop->first == line)
            strbuf_addf(out, "        # loop of depth %u%s: %zu instructions, %u with vectors%s\n",
                        loop->depth, loop->innermost ? ", innermost" : "", loop->n, loop->n_vector,
                        loop->n_spills ? ", touches the stack" : "");
        if (!opening && loop->last == line)
            strbuf_addf(out, "        # end of the loop of depth %u\n", loop->depth);
    }
}

void assembly_print(const struct assembly *a, const struct assembly_function *f, const char *folder,
                    struct strbuf *out)
{
    struct source s = {0};
    const struct assembly_line *before = NULL;

    strbuf_addf(out, "# %s: %zu instructions, %zu loops, %u samples of this function\n", f->name,
                f->n, f->n_loops, f->n_samples);
    for (size_t i = f->first; i < f->first + f->n; i++) {
        const struct assembly_line *l = &a->lines[i];

        print_marks(f, i, true, out);
        if (!before || before->source != l->source || strcmp(before->file, l->file))
            print_source(&s, l, folder, out);
        if (l->n_samples)
            strbuf_addf(out, "%5.1f%% ", 100.0 * l->n_samples / f->n_samples);
        else
            strbuf_addf(out, "       ");
        strbuf_addf(out, "%5x:  %s%s%s\n", l->at, l->text, l->symbol[0] ? "   # " : "", l->symbol);
        print_marks(f, i, false, out);
        before = l;
    }
    strbuf_deinit(&s.text);
}

/* Spills inside innermost loops cost time; around them, and in loops that hardly ever run, they do
 * not. Those of the loops that hold at least `share` of all samples. */
static uint32_t spills_in_loops(const struct assembly *a, const struct assembly_function *f,
                                double share)
{
    uint32_t n = 0;
    double all = 0;

    for (size_t i = 0; i < a->n_functions; i++)
        all += a->functions[i].n_samples;
    for (size_t k = 0; k < f->n_loops; k++)
        if (f->loops[k].innermost && f->loops[k].n_samples >= share * all)
            n += f->loops[k].n_spills;
    return n;
}

uint32_t assembly_hot_spills(const struct assembly *a, const struct assembly_function *f)
{
    return spills_in_loops(a, f, HOT_LOOP_SHARE);
}

void assembly_print_spills(const struct assembly *a, struct strbuf *out)
{
    const struct assembly_function *worst = NULL;
    uint32_t most = 0;

    strbuf_addf(out, "%-26s %6s %6s %4s %4s %4s %7s %6s %8s %6s %6s %5s\n", "function", "instr",
                "vector", "xmm", "ymm", "zmm", "stores", "loads", "in loops", "in hot", "stack",
                "calls");
    for (size_t i = 0; i < a->n_functions; i++) {
        const struct assembly_function *f = &a->functions[i];
        uint32_t hot = assembly_hot_spills(a, f);

        strbuf_addf(out, "%-26.26s %6zu %6u %4u %4u %4u %7u %6u %8u %6u %6u %5u\n", f->name, f->n,
                    f->n_vector, f->n_xmm, f->n_ymm, f->n_zmm, f->spill_stores, f->spill_loads,
                    spills_in_loops(a, f, 0), hot, f->stack_bytes, f->n_calls);
        if (hot > most) {
            most = hot;
            worst = f;
        }
    }
    strbuf_addf(out, "\nstores, loads: vector moves to and from the stack frame, arrays that live "
                     "there included;\nin loops: those inside innermost loops; in hot: inside "
                     "those with a hundredth of "
                     "all samples\n(all innermost loops when there are no samples).\n");
    if (worst)
        strbuf_addf(out,
                    "closest wall: registers: %s touches the stack %u times inside its hot "
                    "loops; a smaller tile or fewer live values would keep them in registers\n",
                    worst->name, most);
    else
        strbuf_addf(out, "closest wall: not the registers: no hot loop touches the stack\n");
}

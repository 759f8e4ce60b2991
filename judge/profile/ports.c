/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/ports.h"

#include "judge/profile/mca.h"
#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>

enum { MAX_LOOPS = 12, MAX_REPORTS = 3 };

/* One loop of ports.txt: a line for people, then the tool's own report, "" for none. */
static void print_loop(const struct assembly *a, const struct assembly_function *f,
                       const struct assembly_loop *loop, const struct mca_result *r,
                       const char *report, struct strbuf *out)
{
    strbuf_addf(out, "\n== %s, loop at %x (%s:%u): %zu instructions, depth %u, %u samples\n",
                f->name, a->lines[loop->head].at, a->lines[loop->head].file,
                a->lines[loop->head].source, loop->n, loop->depth, loop->n_samples);
    if (r->reason[0])
        strbuf_addf(out, "%s\n", r->reason);
    else
        strbuf_addf(out,
                    "%.1f cycles an iteration (ports alone: %.1f), %.2f instructions a cycle, "
                    "busiest %s %.1f\n\n%s",
                    r->cycles, r->throughput, r->ipc, r->port, r->port_cycles, report);
}

/* The hottest loop leaves the widest registers of this machine alone. */
static bool is_narrow(const struct assembly_function *f, const struct mca_processor *processor)
{
    return (processor->features & KERNEL_CPU_AVX512) && f->n_vector && !f->n_zmm;
}

static void print_closing(const struct assembly_function *f, const struct mca_result *r,
                          const struct mca_processor *processor, struct strbuf *out)
{
    const char *narrow =
        f && is_narrow(f, processor) ? "; it leaves this machine's 512-bit registers alone" : "";

    if (!f)
        strbuf_addf(out, "\nclosest wall: unknown: no loop was found\n");
    else if (r->reason[0])
        strbuf_addf(out, "\nclosest wall: unknown: %s\n", r->reason);
    else if (r->cycles > 1.2 * fmax(r->throughput, r->port_cycles))
        strbuf_addf(out,
                    "\nclosest wall: in %s results are waited for (%.1f cycles, ports need %.1f): "
                    "more independent sums, or shorter chains%s\n",
                    f->name, r->cycles, fmax(r->throughput, r->port_cycles), narrow);
    else
        strbuf_addf(out,
                    "\nclosest wall: in %s %s is busy %.1f of %.1f cycles: fewer of the "
                    "instructions that need it%s\n",
                    f->name, r->port, r->port_cycles, r->cycles, narrow);
}

int ports_print(const struct assembly *a, const char *work_dir, struct strbuf *out)
{
    const struct assembly_loop *loops[MAX_LOOPS];
    const struct assembly_function *of[MAX_LOOPS];
    size_t n = assembly_hot_loops(a, MAX_LOOPS, loops, of);
    struct mca_processor processor;
    struct mca_result first = {0};
    const char *model;

    mca_processor_this(&processor);
    model = mca_model(&processor);
    strbuf_addf(out,
                "llvm-mca -mcpu=%s, the nearest model to %s family %u model %u. It knows no cache "
                "misses: data in L1.\n",
                model, processor.vendor, processor.family, processor.model);
    for (size_t i = 0; i < n && (loops[i]->n_samples || !loops[0]->n_samples); i++) {
        struct strbuf report = {0};
        struct mca_result r;
        int rc = mca_run(a, of[i], loops[i], model, work_dir, &report, &r);

        if (i == 0)
            first = r;
        if (rc == 0)
            print_loop(a, of[i], loops[i], &r, i < MAX_REPORTS ? strbuf_str(&report) : "", out);
        strbuf_deinit(&report);
        TRY(rc);
    }
    print_closing(n ? of[0] : NULL, &first, &processor, out);
    return 0;
}

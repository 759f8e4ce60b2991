/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/budget.h"

#include "judge/worker/request.h"
#include "judge/worker/side.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

#define META_TIMEOUT_NS (5 * UINT64_C(1000000000))

/* Indices of the buffers, the one read most often first. */
static void order_by_reads(const struct kernel_tiling *t, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;

        while (at > 0 && t->buffers[order[at - 1]].n_reads < t->buffers[i].n_reads) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

static size_t add_up(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

void budget_fill(const struct problem_case *c, const struct kernel_tiling *t,
                 const struct judge_peaks *p, struct budget *out)
{
    uint32_t order[KERNEL_MAX_BUFFERS] = {0};

    *out = (struct budget){
        .c = c,
        .n_buffers = t->n_buffers < KERNEL_MAX_BUFFERS ? t->n_buffers : KERNEL_MAX_BUFFERS,
        .tile_m = t->tile_m,
        .tile_n = t->tile_n,
        .tile_k = t->tile_k,
        .n_vector_regs = t->n_vector_regs,
        .scratch_bytes = t->scratch_bytes,
    };
    order_by_reads(t, out->n_buffers, order);
    for (uint32_t k = 0; k < out->n_buffers; k++) {
        struct budget_buffer *b = &out->buffers[order[k]];

        b->bytes = t->buffers[order[k]].bytes;
        b->n_reads = t->buffers[order[k]].n_reads;
        out->resident_bytes = add_up(out->resident_bytes, b->bytes);
        b->level = judge_peaks_level(p, out->resident_bytes);
        b->again_bytes = b->n_reads > 1 ? (double)b->bytes * (b->n_reads - 1.0) : 0;
        b->again_ns =
            b->again_bytes / p->read_gbps[0][b->level] / (c->n_threads ? c->n_threads : 1);
        out->again_ns += b->again_ns;
    }
    out->level = judge_peaks_level(p, out->resident_bytes);
}

static int ask(struct side *s, const struct problem_instance *in, struct kernel_tiling *out,
               struct judge_fault *fault)
{
    const struct worker_command command = {
        .op = WORKER_META,
        .reload = 1,
        .n_threads = in->c->n_threads,
        .base = in->n_steps - 1,
        .pool = 1,
    };
    struct request_sizes sizes;
    struct side_result r;

    TRY(request_sizes_ask(s, in, in->c->n_threads, &sizes, fault));
    if (fault->found)
        return 0;
    TRY(side_command(s, &command, META_TIMEOUT_NS, &r));
    fault_from_result(fault, &r);
    *out = r.tiling;
    return 0;
}

int budget_ask(struct judge_build *b, const struct judge_options *o, const struct problem_case *c,
               struct kernel_tiling *out, struct judge_fault *fault)
{
    struct side_spec spec = {
        .worker = o->worker,
        .n_threads = c->n_threads < WORKER_MAX_THREADS ? c->n_threads : WORKER_MAX_THREADS,
        .n_requests = PROBLEM_MAX_STEPS,
    };
    struct problem_instance in = {0};
    struct side *s = NULL;
    int rc;

    *out = (struct kernel_tiling){0};
    for (int i = 0; i < WORKER_MAX_THREADS; i++)
        spec.core[i] = -1;
    TRY(cpu_features_named(o->features ? o->features : "all", &spec.features));
    TRY(judge_build_link(b, 0, &spec.object));
    TRY(generate_inputs(c, 1, PROBLEM_RANDOM, &in));
    rc = side_open(&spec, &s);
    if (rc == 0)
        rc = ask(s, &in, out, fault);
    if (fault->found)
        fault_wrap(fault, "case %s", c->name);
    side_close(&s);
    problem_instance_deinit(&in);
    return rc;
}

static void print_case(const struct budget *b, double ns, struct strbuf *out)
{
    if (!b->n_buffers)
        strbuf_addf(out, "%-28s %s\n", b->c->name, "declares no buffers");
    for (uint32_t i = 0; i < b->n_buffers; i++) {
        const struct budget_buffer *buffer = &b->buffers[i];

        strbuf_addf(out, "%-28s %6u %11.1f %8u %6s %12.1f %9.2f %8.1f%%\n", i ? "" : b->c->name,
                    i + 1, (double)buffer->bytes / 1024, buffer->n_reads,
                    judge_peaks_level_name(buffer->level), buffer->again_bytes / 1024,
                    buffer->again_ns * 1e-3, ns > 0 ? 100 * buffer->again_ns / ns : 0.0);
    }
    if (b->scratch_bytes)
        strbuf_addf(out, "%-28s scratch %.1f KiB a thread\n", "", (double)b->scratch_bytes / 1024);
}

void budget_print(const struct budget *all, const double *ns, size_t n, const struct judge_peaks *p,
                  struct strbuf *out)
{
    const struct budget *worst = NULL;
    double most = 0;

    strbuf_addf(out,
                "cache budget, as the kernel declares it: L1 %zu KiB, L2 %zu KiB, L3 %zu KiB\n",
                p->cache_bytes[0] >> 10, p->cache_bytes[1] >> 10, p->cache_bytes[2] >> 10);
    strbuf_addf(out, "%-28s %6s %11s %8s %6s %12s %9s %9s\n", "case", "buffer", "KiB", "reads",
                "lives", "again KiB", "costs us", "of time");
    for (size_t i = 0; i < n; i++) {
        double share = ns[i] > 0 ? all[i].again_ns / ns[i] : 0;

        print_case(&all[i], ns[i], out);
        if (all[i].n_buffers && share > most) {
            most = share;
            worst = &all[i];
        }
    }
    if (!worst)
        strbuf_addf(out, "closest wall: not the caches: nothing is declared to be read twice\n");
    else if (worst->level == PEAKS_L1)
        strbuf_addf(out,
                    "closest wall: not the caches: %s reads most again, %.0f %% of its time, all "
                    "of it from L1\n",
                    worst->c->name, most * 100);
    else
        strbuf_addf(out,
                    "closest wall: %s's tile (%.0f KiB) spills to %s, and reading again costs "
                    "%.0f %% of its time%s\n",
                    worst->c->name, (double)worst->resident_bytes / 1024,
                    judge_peaks_level_name(worst->level), most * 100,
                    most > 0.1 ? ": try a smaller tile" : ": little to gain there");
}

json_t *budget_json(const struct budget *b)
{
    json_t *buffers = json_array();

    for (uint32_t i = 0; i < b->n_buffers; i++)
        json_array_append_new(buffers, json_pack("{s:I, s:I, s:s, s:f, s:f}", "bytes",
                                                 (json_int_t)b->buffers[i].bytes, "reads",
                                                 (json_int_t)b->buffers[i].n_reads, "level",
                                                 judge_peaks_level_name(b->buffers[i].level),
                                                 "again_bytes", b->buffers[i].again_bytes,
                                                 "again_ns", b->buffers[i].again_ns));
    return json_pack("{s:i, s:i, s:i, s:I, s:I, s:s, s:o}", "tile_m", (int)b->tile_m, "tile_n",
                     (int)b->tile_n, "tile_k", (int)b->tile_k, "resident_bytes",
                     (json_int_t)b->resident_bytes, "scratch_bytes", (json_int_t)b->scratch_bytes,
                     "level", judge_peaks_level_name(b->level), "buffers", buffers);
}

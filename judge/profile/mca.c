/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/mca.h"

#include "judge/profile/reading.h"
#include "kernel/kernel.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <cpuid.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANY = 0xffff };

/* The first row that fits is taken. Sapphire Rapids has a name in LLVM 14 but the ports of Skylake;
 * Ice Lake's are nearer. Zen 4 and 5 have no model there that knows AVX-512, and get Ice Lake's as a
 * stand-in. */
static const struct row {
    const char *vendor;
    uint32_t family, model_first, model_last;
    uint64_t features;
    const char *name;
} rows[] = {
    {"GenuineIntel", ANY, 0, ANY, KERNEL_CPU_AVX512 | KERNEL_CPU_AVX512_VNNI, "icelake-server"},
    {"GenuineIntel", ANY, 0, ANY, KERNEL_CPU_AVX512, "skylake-avx512"},
    {"GenuineIntel", ANY, 0, ANY, KERNEL_CPU_AVX2 | KERNEL_CPU_AVX_VNNI, "alderlake"},
    {"GenuineIntel", 6, 0x3c, 0x46, KERNEL_CPU_AVX2, "haswell"},
    {"GenuineIntel", 6, 0x47, 0x4f, KERNEL_CPU_AVX2, "broadwell"},
    {"GenuineIntel", ANY, 0, ANY, KERNEL_CPU_AVX2, "skylake"},
    {"AuthenticAMD", ANY, 0, ANY, KERNEL_CPU_AVX512, "icelake-server"},
    {"AuthenticAMD", 0x17, 0, 0x2f, KERNEL_CPU_AVX2, "znver1"},
    {"AuthenticAMD", 0x17, 0x30, ANY, KERNEL_CPU_AVX2, "znver2"},
    {"AuthenticAMD", ANY, 0, ANY, KERNEL_CPU_AVX2, "znver3"},
    {"", ANY, 0, ANY, KERNEL_CPU_AVX2, "skylake"},
};

const char *mca_model(const struct mca_processor *p)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];

        if ((!r->vendor[0] || !strcmp(r->vendor, p->vendor)) &&
            (r->family == ANY || r->family == p->family) && p->model >= r->model_first &&
            p->model <= r->model_last && (p->features & r->features) == r->features)
            return r->name;
    }
    return "nehalem";
}

void mca_processor_this(struct mca_processor *out)
{
    uint32_t a = 0, r[3] = {0}, d = 0;

    memset(out, 0, sizeof *out);
    if (__get_cpuid(0, &a, &r[0], &r[2], &r[1]))
        memcpy(out->vendor, r, sizeof r);
    if (__get_cpuid(1, &a, &r[0], &r[1], &d)) {
        out->family = (a >> 8 & 15) + ((a >> 8 & 15) == 15 ? a >> 20 & 255 : 0);
        out->model = (a >> 4 & 15) | (a >> 12 & 0xf0);
    }
    out->features = cpu_features();
}

/* Calls, computed jumps and padding cost what a model cannot know, or nothing. */
static bool is_left_out(const char *text)
{
    return strstr(text, "nop") || strstr(text, "call") || strchr(text, '*') ||
           !strncmp(text, "ret", 3) || !strncmp(text, "data16", 6) || !strcmp(text, "vzeroupper");
}

void mca_source(const struct assembly *a, const struct assembly_function *f,
                const struct assembly_loop *loop, struct strbuf *out)
{
    strbuf_addf(out, ".Lloop:\n");
    for (size_t i = loop->first; i <= loop->last; i++) {
        const char *text = a->lines[i].text;

        if (!loop->in[i - f->first] || is_left_out(text))
            continue;
        if (text[0] == 'j')
            strbuf_addf(out, "%.*s .Lloop\n", (int)strcspn(text, " "), text);
        else
            strbuf_addf(out, "%s\n", text);
    }
}

static double number_after(const char *report, const char *label, double fallback)
{
    const char *at = strstr(report, label);

    return at ? strtod(at + strlen(label), NULL) : fallback;
}

/* The numbers stand in the order of the list of resources, "-" for none. Dividers are in it, and
 * count: they can be what a loop waits for. */
static void parse_ports(const char *report, struct mca_result *out)
{
    const char *name = strstr(report, "Resources:\n");
    const char *p = strstr(report, "Resource pressure per iteration:\n");

    for (int skip = 0; p && skip < 2; skip++) /* itself and the heads */
        p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL;
    while (p && name) {
        double cycles;

        p += strspn(p, " ");
        name = strstr(name, "- ");
        if (!*p || *p == '\n' || !name)
            return;
        name += 2;
        cycles = strtod(p, NULL);
        if (cycles > out->port_cycles) {
            out->port_cycles = cycles;
            snprintf(out->port, sizeof out->port, "%.*s", (int)strcspn(name, "\n"), name);
        }
        p += strcspn(p, " \n");
    }
}

void mca_parse(const char *report, struct mca_result *out)
{
    double iterations = number_after(report, "Iterations:", 0);

    *out = (struct mca_result){.dependencies = -1};
    if (!(iterations > 0)) {
        snprintf(out->reason, sizeof out->reason, "unavailable: llvm-mca: %.*s",
                 (int)strcspn(report, "\n"), report);
        return;
    }
    out->cycles = number_after(report, "Total Cycles:", 0) / iterations;
    out->throughput = number_after(report, "Block RThroughput:", 0);
    out->ipc = number_after(report, "IPC:", 0);
    if (strstr(report, "Data Dependencies:"))
        out->dependencies = number_after(report, "Data Dependencies:      [", 0) / 100;
    else if (strstr(report, "No resource or data dependency bottlenecks"))
        out->dependencies = 0;
    parse_ports(report, out);
}

int mca_run(const struct assembly *a, const struct assembly_function *f,
            const struct assembly_loop *loop, const char *model, const char *folder,
            struct strbuf *report, struct mca_result *out)
{
    struct strbuf source = {0}, said = {0};
    char path[PATH_MAX], command[256];
    int rc;

    *out = (struct mca_result){0};
    snprintf(path, sizeof path, "%s/loop.s", folder);
    mca_source(a, f, loop, &source);
    rc = file_write_atomic(path, source.data, source.len);
    /* What the model's processor lacks of this one's instructions is added; it then times them as
     * their nearest kin. */
    snprintf(command, sizeof command,
             "llvm-mca -mtriple=x86_64-pc-linux-gnu -mcpu=%s%s -iterations=100 "
             "-bottleneck-analysis -instruction-info=false loop.s",
             model, strstr(model, "icelake") ? " -mattr=+avxvnni,+avx512bf16" : "");
    if (rc == 0)
        rc = reading_command(command, folder, &said);
    if (rc == 127)
        snprintf(out->reason, sizeof out->reason, "unavailable: no llvm-mca; install package llvm");
    else if (rc >= 0)
        mca_parse(strbuf_str(&said), out);
    strbuf_add(report, strbuf_str(&said), said.len);
    strbuf_deinit(&said);
    strbuf_deinit(&source);
    return rc < 0 ? rc : 0;
}

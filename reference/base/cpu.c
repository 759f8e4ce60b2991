/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/cpu.h"

#include "kernel/kernel.h"
#include "reference/base/err.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t xcr0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static bool all_set(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

/* Ask for tile data of AMX: for this process and its children by fork, until exec. */
static bool tiles_permit(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILE_DATA = 18 }; /* asm/prctl.h */

    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
}

uint64_t cpu_features(void)
{
    enum { OSXSAVE_FMA_AVX_F16C = 1 << 27 | 1 << 12 | 1 << 28 | 1 << 29 };
    enum { AVX2_BMI2 = 1 << 5 | 1 << 8 };
    const uint32_t avx512 =
        1u << 16 | 1u << 30 | 1u << 17 | 1u << 31 | 1u << 28; /* F BW DQ VL CD */
    uint32_t a, b, c, d, a7, b7, c7, d7, a71 = 0, unused;
    uint64_t os, features = 0;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !all_set(c, OSXSAVE_FMA_AVX_F16C))
        return 0;
    if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7) || !all_set(b7, AVX2_BMI2))
        return 0;
    os = xcr0();
    if ((os & 0x6) != 0x6)
        return 0;
    features |= KERNEL_CPU_AVX2;
    if (a7 >= 1)
        __get_cpuid_count(7, 1, &a71, &unused, &unused, &unused);
    if (a71 & 1u << 4)
        features |= KERNEL_CPU_AVX_VNNI;
    if ((os & 0xe6) != 0xe6 || !all_set(b7, avx512))
        return features;
    features |= KERNEL_CPU_AVX512;
    if (c7 & 1u << 11)
        features |= KERNEL_CPU_AVX512_VNNI;
    if (c7 & 1u << 1)
        features |= KERNEL_CPU_AVX512_VBMI;
    if (a71 & 1u << 5)
        features |= KERNEL_CPU_AVX512_BF16;
    if ((os & 0x60000) == 0x60000 && all_set(d7, 1u << 24 | 1u << 25) && tiles_permit())
        features |= KERNEL_CPU_AMX_INT8;
    return features;
}

int cpu_features_named(const char *name, uint64_t *out)
{
    uint64_t have = cpu_features();
    uint64_t need = 0;

    if (!strcmp(name, "all")) {
        *out = have;
        return 0;
    }
    if (!strcmp(name, "avx2"))
        need = KERNEL_CPU_AVX2;
    else if (!strcmp(name, "avx512"))
        need = KERNEL_CPU_AVX2 | KERNEL_CPU_AVX512;
    else if (!strcmp(name, "amx"))
        need = KERNEL_CPU_AVX2 | KERNEL_CPU_AVX512 | KERNEL_CPU_AMX_INT8;
    else if (strcmp(name, "scalar"))
        return err_set(ERR_USAGE, "features \"%s\": say scalar, avx2, avx512, amx or all", name);
    if ((have & need) != need)
        return err_set(ERR_UNSUPPORTED, "features %s: this processor has none", name);
    if (!(need & KERNEL_CPU_AVX512))
        have = need;
    *out = need & KERNEL_CPU_AMX_INT8 ? have : have & ~(uint64_t)KERNEL_CPU_AMX_INT8;
    return 0;
}

void cpu_features_print(uint64_t features, char *out, size_t bytes)
{
    static const char *const names[] = {"avx2",        "avx512",   "avx512-vnni", "avx512-vbmi",
                                        "avx512-bf16", "avx-vnni", "amx-int8"};
    size_t n = 0;

    snprintf(out, bytes, "scalar");
    for (size_t i = 0; i < sizeof names / sizeof *names && n < bytes; i++)
        if (features & 1u << i)
            n += (size_t)snprintf(out + n, bytes - n, "%s%s", n ? " " : "", names[i]);
}

void cpu_model_name(char out[64])
{
    uint32_t r[12] = {0};
    const char *start = (const char *)r;
    size_t n;

    if ((unsigned)__get_cpuid_max(0x80000000u, NULL) >= 0x80000004u)
        for (uint32_t i = 0; i < 3; i++)
            __get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    while (*start == ' ')
        start++;
    snprintf(out, 64, "%.47s", *start ? start : "unknown x86-64");
    for (n = strlen(out); n && out[n - 1] == ' '; n--)
        out[n - 1] = '\0';
}

/* Bytes of the cache that subleaf `i` of a deterministic cache leaf describes, 0 past the last one.
 * Intel's leaf 4 and AMD's 0x8000001d have one layout; both count what shares one cache with this
 * core, where sysconf gives the L3 of AMD's whole socket. */
static size_t cache_describe(uint32_t leaf, uint32_t i, int *level, bool *data)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;

    if (!__get_cpuid_count(leaf, i, &a, &b, &c, &d) || !(a & 31))
        return 0;
    *level = (int)(a >> 5 & 7);
    *data = (a & 31) != 2; /* 1 data, 2 instructions, 3 unified */
    return ((size_t)(b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((size_t)c + 1);
}

size_t cpu_cache_bytes(int level)
{
    static const uint32_t leaves[] = {4, 0x8000001du};
    size_t bytes;
    bool data;
    int found;

    for (size_t l = 0; l < 2; l++)
        for (uint32_t i = 0; i < 16 && (bytes = cache_describe(leaves[l], i, &found, &data)); i++)
            if (found == level && data)
                return bytes;
    return 0;
}

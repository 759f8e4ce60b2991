/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "reference/base/cpu.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "KVMKVMKVM", "Microsoft Hv", ...; "bare metal" when CPUID shows no hypervisor. */
static void hypervisor_name(char out[13])
{
    uint32_t a, b, c, d, r[3];

    snprintf(out, 13, "bare metal");
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 31))
        return;
    __cpuid(0x40000000u, a, r[0], r[1], r[2]);
    memcpy(out, r, sizeof r);
    out[12] = '\0';
    if (!out[0])
        snprintf(out, 13, "hypervisor");
}

void judge_machine_fingerprint(char out[256])
{
    char model[64], hypervisor[13];
    uint32_t signature = 0, b, c, d;

    cpu_model_name(model);
    hypervisor_name(hypervisor);
    __get_cpuid(1, &signature, &b, &c, &d);
    snprintf(out, 256, "%s (%x), %ld cores, L1d %zu KiB, L2 %zu KiB, L3 %zu KiB, %s", model,
             signature, sysconf(_SC_NPROCESSORS_CONF), cpu_cache_bytes(1) >> 10,
             cpu_cache_bytes(2) >> 10, cpu_cache_bytes(3) >> 10, hypervisor);
}

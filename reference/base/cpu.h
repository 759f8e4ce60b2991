/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.h: which processor this is, found at run time (CPUID with the operating system's XCR0 word,
 * so a feature the kernel of the system does not save is not reported). */
#ifndef PAWL_CPU_H
#define PAWL_CPU_H

#include <stddef.h>
#include <stdint.h>

/* enum kernel_feature bits of this machine. Tiles (AMX) count when the system lets this process use
 * them, which it is asked for here; children by fork may too, exec ends it. */
uint64_t cpu_features(void);

/* "scalar", "avx2", "avx512" (without tiles), "amx" or "all": the bits of cpu_features() that such a
 * path may use. Error: ERR_USAGE for another name, ERR_UNSUPPORTED when this machine lacks it. */
int cpu_features_named(const char *name, uint64_t *out);

/* "avx2 avx512 vnni ..." */
void cpu_features_print(uint64_t features, char *out, size_t bytes);

/* Brand string of CPUID, trimmed; "unknown x86-64" when there is none. */
void cpu_model_name(char out[64]);

/* Bytes of data or unified cache at `level` (1, 2, 3) that one core sees; 0 when unknown. */
size_t cpu_cache_bytes(int level);

#endif

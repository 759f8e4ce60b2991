/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/cpu.h"

#include <criterion/criterion.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First line of a file that the system keeps about the caches of a processor; "" without it. */
static void cache_file(int processor, int index, const char *name, char out[32])
{
    char path[96];
    FILE *f;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/%s", processor, index,
             name);
    f = fopen(path, "r");
    out[0] = '\0';
    if (f && fgets(out, 32, f))
        out[strcspn(out, "\n")] = '\0';
    if (f)
        fclose(f);
}

Test(cpu, caches_have_the_sizes_that_the_system_names)
{
    char level[32], type[32], size[32];
    int compared = 0, processor = sched_getcpu();
    cpu_set_t here;

    CPU_ZERO(&here); /* cores of one machine can differ */
    CPU_SET((size_t)processor, &here);
    cr_assert_eq(sched_setaffinity(0, sizeof here, &here), 0);
    for (int i = 0; i < 8; i++) {
        cache_file(processor, i, "level", level);
        cache_file(processor, i, "type", type);
        cache_file(processor, i, "size", size);
        if (!level[0] || !size[0] || strcmp(type, "Instruction") == 0)
            continue;
        cr_expect_eq(cpu_cache_bytes(atoi(level)) >> 10, strtoul(size, NULL, 10), "L%s is %s here",
                     level, size);
        compared++;
    }
    if (!compared)
        cr_skip_test("the system describes no caches in /sys");
}

Test(cpu, there_is_no_cache_at_levels_that_do_not_exist)
{
    cr_expect_eq(cpu_cache_bytes(0), 0);
    cr_expect_eq(cpu_cache_bytes(9), 0);
}

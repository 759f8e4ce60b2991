/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/counters.h"

#include <papi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* perf_event_paranoid past 2 refuses counting to ordinary users; -99 when it cannot be read. */
static int paranoid_level(void)
{
    FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "r");
    char text[16] = "-99";

    if (f) {
        if (!fgets(text, sizeof text, f))
            strcpy(text, "-99");
        fclose(f);
    }
    return atoi(text);
}

/* Why PAPI's processor component is off, in its own words. */
static void component_reason(char *out, size_t bytes)
{
    for (int i = 0; i < PAPI_num_components(); i++) {
        const PAPI_component_info_t *info = PAPI_get_component_info(i);

        if (info && !strncmp(info->short_name, "perf", 4) && info->disabled) {
            snprintf(out, bytes, "unavailable: %.80s", info->disabled_reason);
            return;
        }
    }
    if (paranoid_level() > 2)
        snprintf(out, bytes, "unavailable: perf_event_paranoid is %d", paranoid_level());
    else
        snprintf(out, bytes, "unavailable: this machine shows no hardware counters");
}

/* Can the event really be counted? Some hypervisors list events that then refuse or stay at zero.
 * PAPI_OK or PAPI's reason. */
static int event_try(int event)
{
    int set = PAPI_NULL;
    long long value = 0;
    int rc = PAPI_create_eventset(&set);

    if (rc != PAPI_OK)
        return rc;
    rc = PAPI_add_event(set, event);
    if (rc == PAPI_OK)
        rc = PAPI_start(set);
    if (rc == PAPI_OK)
        rc = PAPI_stop(set, &value);
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
    return rc == PAPI_OK && value <= 0 ? PAPI_ECNFLCT : rc;
}

bool counters_probe(char *out, size_t bytes)
{
    static const struct {
        int event;
        const char *name;
    } wanted[] = {
        {PAPI_TOT_CYC, "cycles"}, {PAPI_TOT_INS, "instructions"}, {PAPI_L3_TCM, "L3 misses"}};
    int version =
        PAPI_is_initialized() ? (int)PAPI_VER_CURRENT : PAPI_library_init(PAPI_VER_CURRENT);
    size_t used;
    int first;

    if (version != (int)PAPI_VER_CURRENT) {
        snprintf(out, bytes, "unavailable: PAPI: %.80s", PAPI_strerror(version));
        return false;
    }
    if (PAPI_num_cmp_hwctrs(0) <= 0) {
        component_reason(out, bytes);
        return false;
    }
    first = event_try(wanted[0].event);
    if (first != PAPI_OK) {
        snprintf(out, bytes, "unavailable: cycles: %.50s (perf_event_paranoid %d)",
                 PAPI_strerror(first), paranoid_level());
        return false;
    }
    used = (size_t)snprintf(out, bytes, "available: cycles");
    for (size_t i = 1; i < sizeof wanted / sizeof *wanted; i++)
        if (event_try(wanted[i].event) == PAPI_OK && used < bytes)
            used += (size_t)snprintf(out + used, bytes - used, ", %s", wanted[i].name);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/counters.h"

#include <papi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct counters_event counters_wanted[] = {
    {"cycles", {"PAPI_TOT_CYC", "perf::CYCLES"}, 0},
    {"instructions", {"PAPI_TOT_INS", "perf::INSTRUCTIONS"}, 0},
    {"L1D misses", {"PAPI_L1_DCM", "PAPI_L1_LDM", "perf::L1-DCACHE-LOAD-MISSES"}, 64},
    {"L2 misses", {"PAPI_L2_DCM", "PAPI_L2_TCM", "PAPI_L2_LDM"}, 64},
    {"L3 misses", {"PAPI_L3_TCM", "PAPI_L3_LDM", "perf::LLC-LOAD-MISSES"}, 64},
    {NULL, {NULL}, 0},
};

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
            snprintf(out, bytes, "%.60s", info->disabled_reason);
            return;
        }
    }
    if (paranoid_level() > 2)
        snprintf(out, bytes, "perf_event_paranoid is %d", paranoid_level());
    else
        snprintf(out, bytes, "this machine shows no hardware counters");
}

static void event_close(int *set)
{
    if (*set == PAPI_NULL)
        return;
    PAPI_cleanup_eventset(*set);
    PAPI_destroy_eventset(set);
}

/* PAPI_OK with a set that holds the one event, or PAPI's reason. */
static int event_open(const char *name, int *set)
{
    PAPI_option_t option = {0};
    int code = 0, rc = PAPI_event_name_to_code(name, &code);

    *set = PAPI_NULL;
    if (rc == PAPI_OK)
        rc = PAPI_create_eventset(set);
    if (rc == PAPI_OK)
        rc = PAPI_assign_eventset_component(*set, PAPI_get_event_component(code));
    option.inherit.eventset = *set;
    option.inherit.inherit = PAPI_INHERIT_ALL;
    if (rc == PAPI_OK)
        rc = PAPI_set_opt(PAPI_INHERIT, &option);
    if (rc == PAPI_OK)
        rc = PAPI_add_event(*set, code);
    if (rc != PAPI_OK)
        event_close(set);
    return rc;
}

/* Why no event at all can be counted; "" when there is no such reason. */
static void library_reason(char *out, size_t bytes)
{
    int version =
        PAPI_is_initialized() ? (int)PAPI_VER_CURRENT : PAPI_library_init(PAPI_VER_CURRENT);

    *out = '\0';
    if (version != (int)PAPI_VER_CURRENT)
        snprintf(out, bytes, "PAPI: %s", PAPI_strerror(version));
    else if (PAPI_num_cmp_hwctrs(0) <= 0)
        component_reason(out, bytes);
}

static void reason_set(struct counters *c, size_t i, const char *reason)
{
    snprintf(c->reason[i], sizeof c->reason[i], "%s", reason);
}

void counters_init(const struct counters_event *events, struct counters *c)
{
    char none[sizeof c->reason[0]];

    *c = (struct counters){.event = events};
    library_reason(none, sizeof none);
    for (; c->n < COUNTERS_MAX && events[c->n].name; c->n++) {
        const char *const *name = events[c->n].papi;
        int first, rc;

        c->set[c->n] = PAPI_NULL;
        reason_set(c, c->n, none);
        if (none[0])
            continue;
        first = rc = event_open(name[0], &c->set[c->n]);
        for (int k = 1; rc != PAPI_OK && k < COUNTERS_NAMES && name[k]; k++)
            rc = event_open(name[k], &c->set[c->n]);
        if (rc != PAPI_OK)
            reason_set(c, c->n, PAPI_strerror(first));
    }
}

void counters_deinit(struct counters *c)
{
    for (size_t i = 0; i < c->n; i++)
        event_close(&c->set[i]);
}

bool counters_any(const struct counters *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (!c->reason[i][0])
            return true;
    return false;
}

void counters_start(struct counters *c, size_t i)
{
    int rc = PAPI_start(c->set[i]);

    if (rc != PAPI_OK)
        reason_set(c, i, PAPI_strerror(rc));
}

double counters_read(struct counters *c, size_t i)
{
    long long value = 0;
    int rc;

    if (c->reason[i][0])
        return 0;
    rc = PAPI_read(c->set[i], &value);
    if (rc != PAPI_OK)
        reason_set(c, i, PAPI_strerror(rc));
    return rc == PAPI_OK ? (double)value : 0;
}

void counters_stop(struct counters *c, size_t i)
{
    PAPI_stop(c->set[i], NULL);
}

static double count_named(const struct counters *c, const double *count, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (!c->reason[i][0] && !strcmp(c->event[i].name, name))
            return count[i];
    return 0;
}

double counters_ipc(const struct counters *c, const double *count)
{
    double cycles = count_named(c, count, "cycles");

    return cycles > 0 ? count_named(c, count, "instructions") / cycles : 0;
}

json_t *counters_json(const struct counters *c, const double *count)
{
    json_t *all = json_object(), *bytes = json_object();
    double ipc = counters_ipc(c, count);

    for (size_t i = 0; i < c->n; i++) {
        const struct counters_event *e = &c->event[i];

        json_object_set_new(all, e->name,
                            c->reason[i][0] ? json_sprintf("unavailable: %s", c->reason[i])
                                            : json_real(count[i]));
        if (!c->reason[i][0] && e->line_bytes)
            json_object_set_new(bytes, e->name, json_real(count[i] * e->line_bytes));
    }
    if (ipc > 0)
        json_object_set_new(all, "ipc", json_real(ipc));
    if (json_object_size(bytes))
        json_object_set(all, "bytes", bytes);
    json_decref(bytes);
    return all;
}

bool counters_probe(char *out, size_t bytes)
{
    struct counters c;
    bool can;
    size_t used;

    counters_init(counters_wanted, &c);
    if (!c.reason[0][0]) {
        counters_start(&c, 0);
        /* Some hypervisors offer counters that stay at zero. */
        if (counters_read(&c, 0) <= 0 && !c.reason[0][0])
            reason_set(&c, 0, "reads 0");
        counters_stop(&c, 0);
    }
    can = !c.reason[0][0];
    used = (size_t)snprintf(out, bytes, can ? "available: cycles" : "unavailable: cycles: %s",
                            c.reason[0]);
    if (!can && used < bytes)
        snprintf(out + used, bytes - used, " (perf_event_paranoid %d)", paranoid_level());
    for (size_t i = 1; can && i < c.n; i++)
        if (!c.reason[i][0] && used < bytes)
            used += (size_t)snprintf(out + used, bytes - used, ", %s", c.event[i].name);
    counters_deinit(&c);
    return can;
}

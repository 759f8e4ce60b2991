/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/calibration.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 12 };

const char *calibration_kind_name(enum judge_control_kind k)
{
    static const char *const names[] = {"experiment",   "identical", "re-linked",
                                        "re-allocated", "slowed",    "sped up"};

    return names[k];
}

/* --- names --- */

static int calibration_folder(char out[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;

    if (state && state[0] == '/')
        n = snprintf(out, PATH_MAX, "%s/pawl/calibration", state);
    else
        n = snprintf(out, PATH_MAX, "%s/.local/state/pawl/calibration", home ? home : "");
    if ((!state || state[0] != '/') && !home)
        return err_set(ERR_IO, "calibrations: neither XDG_STATE_HOME nor HOME is set");
    return n < PATH_MAX ? 0 : err_set(ERR_RANGE, "calibrations: the folder's path is too long");
}

/* "<machine>-" and "<machine>-<judge>-". */
static void name_prefixes(char machine[DIGITS + 2], char judge[2 * DIGITS + 3])
{
    char fingerprint[256], digest[SHA256_HEX];

    judge_machine_fingerprint(fingerprint);
    sha256_hex(fingerprint, strlen(fingerprint), digest);
    snprintf(machine, DIGITS + 2, "%.*s-", DIGITS, digest);
    snprintf(judge, 2 * DIGITS + 3, "%.*s-%.*s-", DIGITS, digest, DIGITS, judge_hash);
}

int calibration_path(const char *date, char out[PATH_MAX])
{
    char folder[PATH_MAX], machine[DIGITS + 2], judge[2 * DIGITS + 3];

    TRY(calibration_folder(folder));
    TRY(file_make_dirs(folder));
    name_prefixes(machine, judge);
    if (snprintf(out, PATH_MAX, "%s/%s%s.json", folder, judge, date) >= PATH_MAX)
        return err_set(ERR_RANGE, "calibrations: the path is too long");
    return 0;
}

int calibration_save(const char *path, const json_t *all)
{
    char *text = json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(8));
    int rc = text ? file_write_atomic(path, text, strlen(text))
                  : err_set(ERR_NOMEM, "a calibration as text");

    free(text);
    return rc;
}

/* --- reading --- */

static int read_whole(const char *path, json_t **out)
{
    struct strbuf text = {0};
    json_error_t error;
    int rc = file_read(path, &text);

    *out = NULL;
    if (rc == 0) {
        *out = json_loadb(strbuf_str(&text), text.len, 0, &error);
        if (!*out || !json_is_true(json_object_get(*out, "complete"))) {
            rc = err_set(ERR_FORMAT,
                         "%s is no whole calibration; remove it and run judge calibrate", path);
            json_decref(*out);
            *out = NULL;
        }
    }
    strbuf_deinit(&text);
    return rc;
}

/* The part of a name that orders it in time. */
static const char *name_date(const char *name)
{
    const char *dash = strrchr(name, '-');

    return dash ? dash : name;
}

static bool is_newer(const char *name, const char *prefix, const char *best)
{
    size_t n = strlen(name);

    return n > 5 && !strcmp(name + n - 5, ".json") && !strncmp(name, prefix, strlen(prefix)) &&
           (!best[0] || strcmp(name_date(name), name_date(best)) > 0);
}

int calibration_newest(bool any_judge, json_t **out, char path[PATH_MAX])
{
    char folder[PATH_MAX], machine[DIGITS + 2], judge[2 * DIGITS + 3], best[NAME_MAX + 1] = "";
    const struct dirent *e;
    DIR *dir;

    *out = NULL;
    if (calibration_folder(folder) < 0) {
        err_clear();
        return 0;
    }
    dir = opendir(folder);
    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    name_prefixes(machine, judge);
    while ((e = readdir(dir)))
        if (is_newer(e->d_name, any_judge ? machine : judge, best))
            snprintf(best, sizeof best, "%s", e->d_name);
    closedir(dir);
    if (!best[0])
        return 0;
    if (snprintf(path, PATH_MAX, "%s/%s", folder, best) >= PATH_MAX)
        return err_set(ERR_RANGE, "calibrations: the path is too long");
    TRY(read_whole(path, out));
    return 1;
}

static double number_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void text_of(const json_t *o, const char *key, char *out, size_t bytes)
{
    const char *text = json_string_value(json_object_get(o, key));

    snprintf(out, bytes, "%s", text ? text : "");
}

int judge_calibration_load(struct judge_calibration *out)
{
    const json_t *s;
    json_t *all;
    char path[PATH_MAX];
    int rc;

    memset(out, 0, sizeof *out);
    rc = calibration_newest(false, &all, path);
    if (rc <= 0)
        return rc;
    s = json_object_get(all, "summary");
    snprintf(out->path, sizeof out->path, "%.*s", (int)sizeof out->path - 1, path);
    text_of(all, "date", out->date, sizeof out->date);
    text_of(s, "why", out->why, sizeof out->why);
    out->fit = json_is_true(json_object_get(s, "fit"));
    out->unit_noise = number_of(s, "unit_noise");
    out->mde = number_of(s, "mde");
    out->n_null = (uint32_t)number_of(s, "n_null");
    out->n_null_wins = (uint32_t)number_of(s, "n_null_wins");
    out->live_bound = number_of(s, "live_bound");
    out->replay_bound = number_of(s, "replay_bound");
    if (!json_is_object(s))
        rc = err_set(ERR_FORMAT, "%s has no summary", path);
    json_decref(all);
    return rc;
}

/* --- units --- */

static bool is_null(const json_t *experiment)
{
    return json_is_true(json_object_get(experiment, "null"));
}

static size_t count_units(const json_t *experiments)
{
    size_t n = 0, i, k;
    json_t *e, *stage;

    json_array_foreach(experiments, i, e) if (is_null(e))
        json_array_foreach(json_object_get(e, "stages"), k, stage) n += json_array_size(stage);
    return n;
}

static int add_unit(struct noise_record *r, const json_t *unit, uint32_t run)
{
    if (json_array_size(unit) != r->n_cases)
        return err_set(ERR_FORMAT, "a calibration's unit has %zu cases, not %zu",
                       json_array_size(unit), r->n_cases);
    for (size_t i = 0; i < r->n_cases; i++)
        r->d[r->n_units * r->n_cases + i] = json_number_value(json_array_get(unit, i));
    r->run[r->n_units++] = run;
    return 0;
}

static int add_units(struct noise_record *r, const json_t *experiments)
{
    size_t i, k, u;
    json_t *e, *stage, *unit;
    uint32_t run = 0;

    json_array_foreach(experiments, i, e)
    {
        if (!is_null(e))
            continue;
        json_array_foreach(json_object_get(e, "stages"), k, stage)
        {
            json_array_foreach(stage, u, unit) TRY(add_unit(r, unit, run));
            run++;
        }
    }
    return 0;
}

int calibration_units(const json_t *all, struct noise_record *out)
{
    const json_t *cases = json_object_get(all, "cases");
    const json_t *experiments = json_object_get(all, "experiments");
    size_t n = count_units(experiments);
    int rc;

    memset(out, 0, sizeof *out);
    out->n_cases = json_array_size(cases);
    if (!n || !out->n_cases || out->n_cases > DECIDE_MAX_CASES)
        return 0;
    for (size_t i = 0; i < out->n_cases; i++)
        out->weight[i] = number_of(json_array_get(cases, i), "weight");
    out->shift_sd = number_of(json_object_get(all, "summary"), "shift_sd");
    out->d = calloc(n * out->n_cases, sizeof *out->d);
    out->run = calloc(n, sizeof *out->run);
    rc = out->d && out->run ? add_units(out, experiments)
                            : err_set(ERR_NOMEM, "%zu units of a calibration", n);
    if (rc < 0)
        noise_record_deinit(out);
    return rc < 0 ? rc : 1;
}

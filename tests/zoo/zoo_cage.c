/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/zoo/zoo_cage.h"

#include "judge/measure/unit.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANIMALS "tests/zoo/animals"
enum { SCRIPT_TIMEOUT_S = 180 };

static const char base_head[] =
    "#include \"kernel/kernel.h\"\n"
    "#pragma GCC optimize(\"O1\")\n" /* compiles in half the time */
    "static int base_fn(const struct kernel_call *, const struct kernel_team *);\n"
    "static int base_meta(const struct kernel_call *, uint32_t, uint64_t,\n"
    "                     struct kernel_tiling *);\n"
    "#define kernel_fn base_fn\n"
    "#define get_tiling_meta base_meta\n";
static const char base_tail[] = "#undef kernel_fn\n"
                                "#undef get_tiling_meta\n";

static void outcome_set(struct outcome *out, enum zoo_stage at, const char *verdict, bool refused,
                        const char *reason)
{
    out->at = at;
    out->refused = refused;
    snprintf(out->verdict, sizeof out->verdict, "%s", verdict);
    snprintf(out->reason, sizeof out->reason, "%s", reason);
}

static bool verdict_refuses(enum judge_verdict v)
{
    return (v >= JUDGE_FAIL_BUILD && v <= JUDGE_FAIL_CRASH) || v == JUDGE_CHEAT;
}

static int write_text(const char *folder, const char *name, const struct strbuf *text)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_write_atomic(path, text->data, text->len);
}

/* Every .inc file of `from` into `to`. */
static int incs_copy(const char *from, const char *to)
{
    const struct dirent *e;
    struct strbuf text = {0};
    DIR *dir = opendir(from);
    int rc = 0;

    if (!dir)
        return err_set(ERR_IO, "%s: %s", from, strerror(errno));
    while (rc == 0 && (e = readdir(dir))) {
        const char *dot = strrchr(e->d_name, '.');
        char path[1024];

        if (!dot || strcmp(dot, ".inc") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", from, e->d_name);
        strbuf_clear(&text);
        rc = file_read(path, &text);
        if (rc == 0)
            rc = write_text(to, e->d_name, &text);
    }
    closedir(dir);
    strbuf_deinit(&text);
    return rc;
}

/* Append `source` without the lines of the other role: what stands between #ifdef TWIN or #ifndef
 * TWIN and its #else or #endif. Other conditionals stay. Left to the compiler, the attack's text
 * would be in the twin's file, and those who read sources would find it there. */
static void role_take(const char *source, bool twin, struct strbuf *out)
{
    int depth = 0, ours = 0; /* conditionals open; the one that is about TWIN */
    bool wanted = true;

    while (*source) {
        size_t n = strcspn(source, "\n") + (strchr(source, '\n') != NULL);
        bool opens = strncmp(source, "#if", 3) == 0, ends = strncmp(source, "#endif", 6) == 0;
        bool about =
            strncmp(source, "#ifdef TWIN", 11) == 0 || strncmp(source, "#ifndef TWIN", 12) == 0;

        depth += opens;
        if (about && !ours) {
            ours = depth;
            wanted = twin == (source[3] == 'd');
        } else if (ours && depth == ours && strncmp(source, "#else", 5) == 0) {
            wanted = !wanted;
        } else if (ours && depth == ours && ends) {
            ours = 0;
            wanted = true;
        } else if (wanted) {
            strbuf_add(out, source, n);
        }
        depth -= ends;
        source += n;
    }
}

static int sources_stage(const struct animal *a, bool twin, const char *folder)
{
    bool tiny = strcmp(a->base, "tiny") == 0;
    struct strbuf text = {0}, source = {0};
    int rc = file_make_dirs(folder);

    if (rc == 0)
        rc = incs_copy(ANIMALS, folder);
    if (rc == 0 && !tiny)
        rc = incs_copy("kernel", folder);
    strbuf_addf(&text, "%s", base_head);
    if (rc == 0)
        rc = file_read(tiny ? "tests/judge/kernels/tiny_q4_k.c" : "kernel/kernel.c", &text);
    strbuf_addf(&text, "%s", base_tail);
    if (rc == 0)
        rc = write_text(folder, "base.inc", &text);
    strbuf_clear(&text);
    if (rc == 0)
        rc = file_read(a->path, &source);
    role_take(strbuf_str(&source), twin, &text);
    if (rc == 0)
        rc = write_text(folder, "kernel.c", &text);
    strbuf_deinit(&text);
    strbuf_deinit(&source);
    return rc;
}

static int build(const struct cage *c, const struct animal *a, bool twin,
                 const struct judge_options *o, struct judge_build **out)
{
    char folder[600];

    snprintf(folder, sizeof folder, "%s/%s", c->scratch, twin ? "twin" : "attack");
    TRY(sources_stage(a, twin, folder));
    return judge_build_open(folder, o, out);
}

static int incumbent_open(const struct cage *c, const struct animal *a,
                          const struct judge_options *o, struct judge_build **out)
{
    if (strcmp(a->incumbent, "twin") == 0)
        TRY(build(c, a, true, o, out));
    else
        TRY(judge_build_open("kernel", o, out));
    return judge_build_ok(*out)
               ? 0
               : err_set(ERR_INTEGRITY, "the incumbent does not build: %s", judge_build_log(*out));
}

static int check(struct judge_build *b, const struct judge_options *o, struct outcome *out)
{
    struct judge_check_report r;

    TRY(judge_check(b, o, &r));
    if (r.verdict != JUDGE_WIN)
        outcome_set(out, ZOO_CHECK, judge_verdict_name(r.verdict), true, r.message);
    judge_check_report_deinit(&r);
    return 0;
}

static int units(const struct animal *a, struct judge_build *b, struct judge_build *incumbent,
                 const struct judge_options *o, struct outcome *out)
{
    struct judge_unit *unit = calloc(1, sizeof *unit);
    struct judge_pair *pair = NULL;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512];
    int rc = unit ? judge_pair_open(b, incumbent, o, 0, &pair) : err_set(ERR_NOMEM, "a unit");

    for (unsigned i = 0; i < a->n_units && rc == 0; i++)
        rc = judge_pair_unit(pair, i + 1, unit, &verdict, message);
    if (rc == UNIT_FAILED) {
        outcome_set(out, ZOO_UNIT, judge_verdict_name(verdict), true, message);
        rc = 0;
    }
    judge_pair_close(&pair);
    free(unit);
    return rc;
}

static int trial(struct judge_build *b, struct judge_build *incumbent,
                 const struct judge_options *o, struct outcome *out)
{
    struct judge_trial t;

    TRY(judge_try(b, incumbent, o, &t));
    outcome_set(out, ZOO_TRIAL, judge_verdict_name(t.verdict), verdict_refuses(t.verdict),
                t.reason);
    judge_trial_deinit(&t);
    return 0;
}

/* The script's last line of output is "VERDICT reason" or "passes". */
static int script(const struct cage *c, const struct animal *a, bool twin, struct outcome *out)
{
    char *argv[] = {(char[]){"sh"}, NULL, NULL, NULL, (char[]){"attack"}, NULL};
    char path[512], bin[512], scratch[512], twin_word[] = "twin", *line;
    struct strbuf text = {0};
    int rc;

    snprintf(path, sizeof path, "%s", a->path);
    snprintf(bin, sizeof bin, "%s", c->bin);
    snprintf(scratch, sizeof scratch, "%s", c->scratch);
    argv[1] = path;
    argv[2] = bin;
    argv[3] = scratch;
    if (twin)
        argv[4] = twin_word;
    rc = process_run(argv, NULL, SCRIPT_TIMEOUT_S, &text);
    while (text.len && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    line = text.len ? strrchr(text.data, '\n') : NULL;
    line = line ? line + 1 : text.data;
    if (rc > 0)
        rc = err_set(ERR_IO, "%s ended with %d: %s", a->path, rc, line ? line : "");
    if (rc == 0 && strcmp(line, "passes") != 0) {
        size_t n = strcspn(line, " ");

        line[n] = '\0';
        outcome_set(out, ZOO_COMMAND, line, true, line + n + 1);
    }
    strbuf_deinit(&text);
    return rc;
}

static int stages_run(const struct cage *c, const struct animal *a, bool twin,
                      const struct judge_options *o, struct outcome *out)
{
    struct judge_build *b = NULL, *incumbent = NULL;
    int rc = build(c, a, twin, o, &b);

    if (rc == 0 && !judge_build_ok(b))
        outcome_set(out, ZOO_BUILD, judge_verdict_name(judge_build_verdict(b)), true,
                    judge_build_log(b));
    if (rc == 0 && !out->refused && (a->stage == ZOO_UNIT || a->stage == ZOO_TRIAL))
        rc = incumbent_open(c, a, o, &incumbent);
    if (rc == 0 && !out->refused && a->stage == ZOO_CHECK)
        rc = check(b, o, out);
    if (rc == 0 && !out->refused && a->stage == ZOO_UNIT)
        rc = units(a, b, incumbent, o, out);
    if (rc == 0 && !out->refused && a->stage == ZOO_TRIAL)
        rc = trial(b, incumbent, o, out);
    judge_build_close(&incumbent);
    judge_build_close(&b);
    return rc;
}

int cage_run(const struct cage *c, const struct animal *a, bool twin, struct outcome *out)
{
    char worker[600];
    struct judge_options o = {
        .root = ".",
        .work_dir = c->scratch,
        .worker = worker,
        .features = "all",
        .focus = a->focus[0] ? a->focus : NULL,
        .seed = 1,
        .max_units = a->n_units,
        .only_case = strcmp(a->only_case, "all") == 0 ? NULL : a->only_case,
        .cache_dir = c->cache,
    };

    memset(out, 0, sizeof *out);
    outcome_set(out, a->stage, "passes", false, "");
    snprintf(worker, sizeof worker, "%s/judge-worker", c->bin);
    return a->stage == ZOO_COMMAND ? script(c, a, twin, out) : stages_run(c, a, twin, &o, out);
}

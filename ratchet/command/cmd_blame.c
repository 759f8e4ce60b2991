/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/history/blame.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet blame [FILE[:FROM[-TO]]] [--json]\n"
    "\n"
    "Which experiment each line of HEAD's kernel comes from, and what that gained. Without FILE: "
    "how\n"
    "many lines of each experiment are left, oldest first. Follows the line of wins and ordinary\n"
    "commits; code that is moved, renamed or indented keeps its origin. FILE is a path or a name "
    "in\n"
    "kernel/; FROM and TO are line numbers.\n"
    "Exit: 0, 2 usage (also: no such file or lines), 3 cannot be read.\n";

/* Lines first..last (from 1) of one file. */
struct range {
    char path[REPO_REF];
    size_t first, last;
};

static int range_parse(const char *text, struct range *out)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    char *end = NULL;

    snprintf(out->path, sizeof out->path, "%.*s", (int)len, text);
    out->first = 1;
    out->last = SIZE_MAX;
    if (!colon)
        return 0;
    if (strspn(colon + 1, "0123456789-") == strlen(colon + 1)) {
        out->first = out->last = strtoul(colon + 1, &end, 10);
        if (*end == '-' && end[1] != '-')
            out->last = strtoul(end + 1, &end, 10);
    }
    if (!end || *end || out->first < 1 || out->last < out->first)
        return err_set(ERR_USAGE, "%.200s: after the colon say a line or lines, as in %.100s:10-20",
                       text, out->path);
    return 0;
}

static int file_choose(const struct blame *b, struct range *range, const struct blame_file **out)
{
    const struct blame_file *f = blame_find(b, range->path);

    if (!f)
        return err_set(ERR_USAGE,
                       "HEAD's kernel has no file %.200s (ratchet blame --json lists them)",
                       range->path);
    if (range->last == SIZE_MAX)
        range->last = f->n_lines;
    if (range->last > f->n_lines)
        return err_set(ERR_USAGE, "%s has %zu lines", f->path, f->n_lines);
    *out = f;
    return 0;
}

/* --- for people --- */

/* "34  +3.17 % on gemm", "commit 0123456789" */
static void origin_name(const struct blame_origin *o, char out[160])
{
    if (!o->experiment)
        snprintf(out, 160, "%s %.10s", o->oldest ? "seed" : "commit", git_oid_tostr_s(&o->commit));
    else if (isnan(o->estimate))
        snprintf(out, 160, "%lld", (long long)o->experiment);
    else
        snprintf(out, 160, "%lld %+.2f %%%s%s", (long long)o->experiment, 100 * expm1(o->estimate),
                 o->focus[0] ? " " : "", o->focus);
}

static void print_origin(const struct blame_origin *o, size_t columns)
{
    struct strbuf text = {0};
    char name[160];

    origin_name(o, name);
    cmd_line(&text, o->text, columns);
    printable_printf(stdout, "%-28s %s\n", name, strbuf_str(&text));
    strbuf_deinit(&text);
}

static void print_file(const struct blame *b, const struct blame_file *f, const struct range *range)
{
    for (size_t i = range->first - 1; i < range->last;) {
        size_t end = i + blame_run(f, i);

        if (end > range->last)
            end = range->last;
        printf("-- ");
        print_origin(&b->origins[f->lines[i].origin], 90);
        for (; i < end; i++) {
            printf("%5zu  ", i + 1);
            printable_write(stdout, f->lines[i].text, f->lines[i].len);
            putchar('\n');
        }
    }
}

static void print_summary(const struct blame *b)
{
    printf("%zu lines in %zu files\n%6s %6s  %-28s %s\n", b->n_lines, b->n_files, "lines", "share",
           "experiment, gain", "hypothesis");
    for (size_t i = 0; i < b->n_origins; i++) {
        const struct blame_origin *o = &b->origins[i];

        if (!o->n_lines && !o->experiment)
            continue;
        printf("%6zu %4.1f %%  ", o->n_lines, 100.0 * (double)o->n_lines / (double)b->n_lines);
        print_origin(o, 60);
    }
    if (b->cut)
        puts("this clone is shallow: what is older than its first commit counts as that one's");
}

/* --- for programs --- */

static json_t *origin_json(const struct blame_origin *o)
{
    json_t *out = json_object();
    char hex[REPO_HEX];

    git_oid_tostr(hex, sizeof hex, &o->commit);
    record_set_text(out, "commit", hex);
    json_object_set_new(out, "experiment",
                        o->experiment ? json_integer(o->experiment) : json_null());
    json_object_set_new(out, "seed", json_boolean(o->oldest));
    record_set_real(out, "estimate", o->estimate);
    record_set_real(out, "low", o->low);
    record_set_real(out, "high", o->high);
    record_set_text(out, "focus", o->focus);
    record_set_text(out, "text", o->text);
    json_object_set_new(out, "lines", json_integer((json_int_t)o->n_lines));
    return out;
}

static json_t *file_json(const struct blame_file *f, size_t first, size_t last)
{
    json_t *hunks = json_array();

    for (size_t i = first - 1; i < last;) {
        size_t end = i + blame_run(f, i);

        if (end > last)
            end = last;
        json_array_append_new(hunks,
                              json_pack("{s:I, s:I, s:I}", "first", (json_int_t)i + 1, "last",
                                        (json_int_t)end, "origin", (json_int_t)f->lines[i].origin));
        i = end;
    }
    return json_pack("{s:s, s:I, s:o}", "path", f->path, "lines", (json_int_t)f->n_lines, "hunks",
                     hunks);
}

/* Hunks name their origin by its place in `origins`. */
static json_t *blame_json(const struct blame *b, const struct blame_file *only,
                          const struct range *range)
{
    json_t *origins = json_array(), *files = json_array();

    for (size_t i = 0; i < b->n_origins; i++)
        json_array_append_new(origins, origin_json(&b->origins[i]));
    if (only)
        json_array_append_new(files, file_json(only, range->first, range->last));
    for (size_t i = 0; !only && i < b->n_files; i++)
        json_array_append_new(files, file_json(&b->files[i], 1, b->files[i].n_lines));
    return json_pack("{s:I, s:o, s:o, s:b}", "lines", (json_int_t)b->n_lines, "origins", origins,
                     "files", files, "shallow", (int)b->cut);
}

int cmd_blame(int argc, char **argv)
{
    const struct blame_file *file = NULL;
    const char *where = NULL;
    bool json = false;
    const struct cmd_arg args[] = {
        {"", NULL, &where, NULL}, {"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    struct blame b = {0};
    struct range range;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = where ? range_parse(where, &range) : 0;
    if (rc == 0)
        rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = blame_kernel(r, &b);
    if (rc == 0 && where)
        rc = file_choose(&b, &range, &file);
    if (rc == 0 && json)
        cmd_json(blame_json(&b, file, &range));
    else if (rc == 0 && file)
        print_file(&b, file, &range);
    else if (rc == 0)
        print_summary(&b);
    blame_deinit(&b);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_cumulative.h"

#include "ratchet/try/record.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folders begin with their date: the last one is the newest. */
static bool newest_find(const char *root, struct strbuf *path)
{
    struct dirent **names;
    bool any = false;
    int n;

    strbuf_addf(path, "%sprofiles", root);
    n = scandir(path->data, &names, NULL, alphasort);
    if (n < 0)
        return false;
    while (n-- > 0) {
        if (!any) {
            strbuf_clear(path);
            strbuf_addf(path, "%sprofiles/%s/cumulative.txt", root, names[n]->d_name);
            any = names[n]->d_name[0] != '.' && access(path->data, R_OK) == 0;
        }
        free(names[n]);
    }
    free(names);
    return any;
}

/* "  gemv-q4_k   1.19 x (1.14 .. 1.24)   1.39 x (1.34 .. 1.44)   0.856 (0.810 .. 0.904)  ..." */
static json_t *sums_parse(const char *line, const char *name, const char *numbers)
{
    double v[9];
    json_t *o;

    if (sscanf(numbers, "%lf x (%lf .. %lf) %lf x (%lf .. %lf) %lf (%lf .. %lf)", &v[0], &v[1],
               &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]) != 9)
        return NULL;
    o = json_pack("{s:[f,f,f], s:[f,f,f], s:[f,f,f]}", "measured", v[0], v[1], v[2], "claimed",
                  v[3], v[4], v[5], "ratio", v[6], v[7], v[8]);
    record_set_text(o, "name", name);
    json_object_set_new(o, "compares", json_boolean(!strstr(line, "does not compare")));
    return o;
}

static void line_parse(const char *line, json_t *out)
{
    static const char total[] = "  total, by weight ", remark[] = "  remark ";
    char name[96], head[41];
    long long wins;
    int after = 0;
    json_t *sums;

    if (sscanf(line, "HEAD %40s against %*[^:]: %lld win", head, &wins) == 2) {
        record_set_text(out, "head", head);
        json_object_set_new(out, "wins", json_integer(wins));
    } else if (strncmp(line, total, strlen(total)) == 0) {
        sums = sums_parse(line, "total", line + strlen(total));
        if (sums)
            json_object_set_new(out, "total", sums);
    } else if (strncmp(line, remark, strlen(remark)) == 0) {
        char *clean = NULL;

        record_text(&clean, line + strlen(remark) + strspn(line + strlen(remark), " "));
        json_array_append_new(json_object_get(out, "remarks"), json_string(clean));
        free(clean);
    } else if (sscanf(line, "  %95s %n", name, &after) == 1 && after) {
        sums = sums_parse(line, name, line + after);
        if (sums)
            json_array_append_new(json_object_get(out, "cases"), sums);
    }
}

json_t *report_cumulative(const char *root)
{
    struct strbuf path = {0}, text = {0};
    json_t *out = NULL;
    char *save = NULL;

    if (newest_find(root, &path) && file_read(path.data, &text) == 0 && text.len) {
        out = json_pack("{s:[], s:[], s:n}", "cases", "remarks", "total");
        record_set_text(out, "file", path.data + strlen(root));
        for (char *line = strtok_r(text.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
            if (line[0] == '#' && !json_object_get(out, "said"))
                record_set_text(out, "said", line + 1 + strspn(line + 1, " "));
            else
                line_parse(line, out);
    }
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    return out ? out : json_null();
}

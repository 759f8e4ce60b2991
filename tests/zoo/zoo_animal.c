/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/zoo/zoo_animal.h"

#include "judge/judge.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const stage_names[ZOO_N_STAGES] = {"build", "check", "unit", "trial", "command"};

const char *zoo_stage_name(enum zoo_stage s)
{
    return stage_names[s];
}

static int stage_parse(const char *name, enum zoo_stage *out)
{
    for (int i = 0; i < ZOO_N_STAGES; i++)
        if (strcmp(name, stage_names[i]) == 0) {
            *out = (enum zoo_stage)i;
            return 0;
        }
    return err_set(ERR_FORMAT, "stage %s: there is none of that name", name);
}

/* "VERDICT fragment of the reason" */
static int expect_parse(struct animal *a, const char *value)
{
    size_t n = strcspn(value, " ");

    snprintf(a->expect, sizeof a->expect, "%.*s", (int)n, value);
    snprintf(a->fragment, sizeof a->fragment, "%s", value[n] ? value + n + 1 : "");
    if (a->stage != ZOO_COMMAND && judge_verdict_parse(a->expect) < 0)
        return err_set(ERR_FORMAT, "expect %s: no such verdict", a->expect);
    return 0;
}

static int field_set(struct animal *a, const char *key, const char *value)
{
    const struct {
        const char *key;
        char *to;
        size_t room;
    } texts[] = {
        {"row", a->row, sizeof a->row},       {"attack", a->attack, sizeof a->attack},
        {"base", a->base, sizeof a->base},    {"case", a->only_case, sizeof a->only_case},
        {"focus", a->focus, sizeof a->focus}, {"incumbent", a->incumbent, sizeof a->incumbent},
    };

    if (strcmp(key, "stage") == 0)
        return stage_parse(value, &a->stage);
    if (strcmp(key, "expect") == 0)
        return expect_parse(a, value);
    if (strcmp(key, "units") == 0) {
        a->n_units = (unsigned)strtoul(value, NULL, 10);
        return 0;
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(key, texts[i].key) == 0) {
            snprintf(texts[i].to, texts[i].room, "%s", value);
            return 0;
        }
    return err_set(ERR_FORMAT, "%s: no such field", key);
}

/* " * key: value" or "# key: value"; anything else ends the fields. */
static bool line_split(char *line, char **key, char **value)
{
    char *colon;

    line += strspn(line, " *#");
    colon = strstr(line, ": ");
    if (!colon || colon == line)
        return false;
    for (const char *p = line; p < colon; p++)
        if (!islower((unsigned char)*p))
            return false;
    *colon = '\0';
    *key = line;
    *value = colon + 2;
    return true;
}

static int fields_read(struct animal *a, char *text)
{
    char *rest = text, *line, *key, *value;
    bool began = false;

    while ((line = strsep(&rest, "\n"))) {
        if (line_split(line, &key, &value)) {
            began = true;
            TRY(field_set(a, key, value));
        } else if (began) {
            break;
        }
    }
    if (!a->row[0] || !a->attack[0] || !a->expect[0])
        return err_set(ERR_FORMAT, "row, attack and expect must be said");
    return 0;
}

int animal_read(const char *path, struct animal *out)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct strbuf text = {0};
    int rc;

    memset(out, 0, sizeof *out);
    snprintf(out->path, sizeof out->path, "%s", path);
    snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(name, "."), name);
    strcpy(out->base, "tiny");
    strcpy(out->incumbent, "shipped");
    strcpy(out->only_case, "gemv-q4_k-5x512");
    out->n_units = 1;
    rc = file_read(path, &text);
    if (rc == 0)
        rc = fields_read(out, text.data);
    strbuf_deinit(&text);
    return rc < 0 ? err_wrap("%s", path) : 0;
}

static int is_animal(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');

    return isdigit((unsigned char)e->d_name[0]) && dot &&
           (strcmp(dot, ".c") == 0 || strcmp(dot, ".sh") == 0);
}

int animals_read(const char *folder, struct animal **out, size_t *n)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_animal, alphasort), rc = 0;

    *out = NULL;
    *n = 0;
    if (count < 0)
        return err_set(ERR_IO, "%s: cannot be read; run this in the repository's root", folder);
    *out = calloc((size_t)count + 1, sizeof **out);
    if (!*out)
        rc = err_set(ERR_NOMEM, "out of memory for animals");
    for (int i = 0; i < count; i++) {
        char path[512];

        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (rc == 0)
            rc = animal_read(path, &(*out)[i]);
        free(entries[i]);
    }
    free(entries);
    *n = (size_t)count;
    return rc;
}

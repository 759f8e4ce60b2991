/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/init/scaffold.h"

#include "ratchet/init/original.h"
#include "ratchet/init/source_tree.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is to be there in the end, in the order of writing: kernel.c is last, by it a ratchet is
 * known to be complete. */
enum { MAX_FILES = 32 };

struct plan {
    const struct scaffold *s;
    size_t n;
    struct {
        char path[256]; /* relative to the folder */
        struct strbuf content;
        bool pawls; /* as in Pawl's tree: scaffold_reseal renews it */
    } file[MAX_FILES];
};

static void plan_deinit(struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        strbuf_deinit(&p->file[i].content);
}

static int plan_add(struct plan *p, const char *path, bool pawls, struct strbuf **content)
{
    if (p->n == MAX_FILES || strlen(path) >= sizeof p->file[0].path)
        return err_set(ERR_RANGE, "%s: too many files, or too long a path", path);
    strcpy(p->file[p->n].path, path);
    p->file[p->n].pawls = pawls;
    *content = &p->file[p->n++].content;
    return 0;
}

/* A file of Pawl's tree as it is. */
static int plan_copy(struct plan *p, const char *path, bool pawls)
{
    char from[PATH_MAX];
    struct strbuf *content = NULL;

    TRY(plan_add(p, path, pawls, &content));
    snprintf(from, sizeof from, "%s/%s", p->s->tree, path);
    return file_read(from, content);
}

static int plan_seal(struct plan *p)
{
    char path[PATH_MAX], hex[SHA256_HEX];
    struct strbuf *content = NULL;
    struct dirent **names;
    int n, rc = 0;

    snprintf(path, sizeof path, "%s/judge/compile/headers", p->s->tree);
    n = scandir(path, &names, NULL, alphasort);
    if (n < 0)
        return err_set(ERR_IO, "%s cannot be read", path);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "judge/compile/headers/%s", names[i]->d_name);
        if (names[i]->d_name[0] != '.' && rc == 0)
            rc = plan_copy(p, path, true);
        free(names[i]);
    }
    free(names);
    TRY(rc);
    TRY(plan_copy(p, "kernel/kernel.h", true));
    TRY(plan_add(p, "judge/PAWL", true, &content));
    TRY(source_tree_digest(p->s->tree, hex));
    strbuf_addf(content, "%s\n", hex);
    return 0;
}

/* --- the template --- */

/* Copy `text` with the name put in, and what stands between the marks replaced by `row` (NULL:
 * kept). */
static void fill_in(struct strbuf *out, const char *text, const char *name, const char *row)
{
    static const char begin[] = "/* row: begin */\n", end[] = "/* row: end */\n", mark[] = "@NAME@";
    const char *from = strstr(text, begin), *to = strstr(text, end);

    while (*text) {
        if (text == from) {
            text += sizeof begin - 1;
            if (row) {
                strbuf_addf(out, "%s", row);
                text = to;
            }
        } else if (text == to) {
            text += sizeof end - 1;
        } else if (strncmp(text, mark, sizeof mark - 1) == 0) {
            strbuf_addf(out, "%s", name);
            text += sizeof mark - 1;
        } else {
            strbuf_add(out, text++, 1);
        }
    }
}

static int plan_template(struct plan *p, const char *path, const char *template, const char *row)
{
    struct strbuf text = {0}, *content = NULL;
    char from[PATH_MAX];
    int rc;

    TRY(plan_add(p, path, false, &content));
    snprintf(from, sizeof from, "%s/ratchet/init/template/%s", p->s->tree, template);
    rc = file_read(from, &text);
    if (rc == 0)
        fill_in(content, strbuf_str(&text), p->s->name, row);
    strbuf_deinit(&text);
    return rc;
}

/* One side of the template; with an original, its copy beside. */
static int plan_side(struct plan *p, const struct original *o, const char *folder, const char *file,
                     const char *template, const struct strbuf *row)
{
    struct strbuf *content = NULL;
    char path[256];

    if (o) {
        snprintf(path, sizeof path, "%s/%s", folder, o->copy);
        TRY(plan_add(p, path, false, &content));
        strbuf_add(content, o->text.data, o->text.len);
    }
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return plan_template(p, path, template, row ? strbuf_str(row) : NULL);
}

/* --- what is there already --- */

static bool exists(const struct plan *p, const char *path)
{
    char full[PATH_MAX];

    snprintf(full, sizeof full, "%s/%s", p->s->folder, path);
    return access(full, F_OK) == 0;
}

static bool planned(const struct plan *p, const char *folder, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->file[i].path, path) == 0)
            return true;
    return false;
}

/* C sources in a folder that is to be ours and holds none of what makes it so. `remedy` follows. */
static int check_strangers(const struct plan *p, const char *folder, const char *remedy)
{
    char path[PATH_MAX];
    struct dirent *e;
    int rc = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/%s", p->s->folder, folder);
    d = opendir(path);
    while (d && rc == 0 && (e = readdir(d))) {
        const char *dot = strrchr(e->d_name, '.');

        if (dot && (!strcmp(dot, ".c") || !strcmp(dot, ".inc")) && !planned(p, folder, e->d_name))
            rc = err_set(ERR_CONFLICT, "%s/%s is in the way: %s; nothing was written", folder,
                         e->d_name, remedy);
    }
    if (d)
        closedir(d);
    return rc;
}

/* Does a C file of reference/ define the problem? It is taken as it is then. */
static int has_problem(const struct plan *p)
{
    char path[PATH_MAX];
    struct strbuf text = {0};
    struct dirent *e;
    int found = 0, rc = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/reference", p->s->folder);
    d = opendir(path);
    while (d && rc == 0 && !found && (e = readdir(d))) {
        const char *dot = strrchr(e->d_name, '.');

        if (!dot || strcmp(dot, ".c") != 0)
            continue;
        snprintf(path, sizeof path, "%s/reference/%s", p->s->folder, e->d_name);
        strbuf_clear(&text);
        rc = file_read(path, &text);
        found = rc == 0 && strstr(strbuf_str(&text), "problem_shipped");
    }
    if (d)
        closedir(d);
    strbuf_deinit(&text);
    return rc < 0 ? rc : found;
}

/* --- making it so --- */

/* 1: the file is there with these bytes, 0: it is not there. What cannot be read, a link to nowhere
 * too, is there with others. */
static int in_place(const struct plan *p, size_t i, bool renew)
{
    const struct strbuf *want = &p->file[i].content;
    struct strbuf text = {0};
    char path[PATH_MAX];
    struct stat st;
    bool same;

    snprintf(path, sizeof path, "%s/%s", p->s->folder, p->file[i].path);
    if (lstat(path, &st))
        return 0;
    same = file_read(path, &text) == 0 && text.len == want->len &&
           memcmp(text.data, want->data, text.len) == 0;
    strbuf_deinit(&text);
    if (same || renew)
        return same;
    return err_set(
        ERR_CONFLICT,
        p->file[i].pawls
            ? "%s is there and is not this Pawl's; nothing was written. For a folder that "
              "is a ratchet: ratchet init --reseal; otherwise move it"
            : "%s is in the way; nothing was written. Move it, or use another folder",
        p->file[i].path);
}

/* By way of a file in the top folder: what a crash leaves of it must not lie where all is sealed. */
static int write_file(const struct plan *p, size_t i)
{
    char path[PATH_MAX], part[PATH_MAX], *slash;

    snprintf(path, sizeof path, "%s/%s", p->s->folder, p->file[i].path);
    snprintf(part, sizeof part, "%s/.ratchet-init", p->s->folder);
    slash = strrchr(path, '/');
    *slash = '\0';
    TRY(file_make_dirs(path));
    *slash = '/';
    TRY(file_write_atomic(part, strbuf_str(&p->file[i].content), p->file[i].content.len));
    return rename(part, path) ? err_set(ERR_IO, "%s: %s", path, strerror(errno)) : 0;
}

static int plan_carry_out(const struct plan *p, bool renew, json_t *made)
{
    for (size_t i = 0; i < p->n; i++)
        TRY(in_place(p, i, renew));
    for (size_t i = 0; i < p->n; i++) {
        if (in_place(p, i, renew) == 1)
            continue;
        TRY(write_file(p, i));
        json_array_append_new(made, json_string(p->file[i].path));
    }
    return 0;
}

static int name_check(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            return err_set(ERR_USAGE, "--name %s: letters, digits, _ and - only", name);
    return *name && strlen(name) < 64 ? 0 : err_set(ERR_USAGE, "--name %s: 1 to 63 letters", name);
}

static int plan_all(struct plan *p, const struct original *o)
{
    char file[80];
    int there;

    snprintf(file, sizeof file, "%s.c", p->s->name);
    TRY(there = has_problem(p));
    if (!there) {
        TRY(plan_side(p, o, "reference", file, "reference/template.c", o ? &o->expect : NULL));
        TRY(check_strangers(p, "reference",
                            "reference/ is for the problem alone, and no file in it "
                            "defines problem_shipped"));
    }
    TRY(plan_copy(p, "judge/kernel.flags", false));
    TRY(plan_seal(p));
    if (exists(p, "kernel/kernel.c") && !o)
        return 0;
    TRY(plan_side(p, o, "kernel", "kernel.c", "kernel/kernel.c", o ? &o->row : NULL));
    return check_strangers(p, "kernel",
                           "all of kernel/*.c and *.inc is the kernel, and there is no "
                           "kernel/kernel.c");
}

int scaffold_make(const struct scaffold *s, json_t **made)
{
    struct plan p = {.s = s};
    struct original o = {0};
    int rc = name_check(s->name);

    *made = json_array();
    if (rc == 0 && s->kernel)
        rc = original_read(s->kernel, &o);
    if (rc == 0)
        rc = plan_all(&p, s->kernel ? &o : NULL);
    if (rc == 0)
        rc = plan_carry_out(&p, false, *made);
    original_deinit(&o);
    plan_deinit(&p);
    return rc;
}

int scaffold_reseal(const struct scaffold *s, json_t **made)
{
    struct plan p = {.s = s};
    int rc = 0;

    *made = json_array();
    if (!exists(&p, "judge/PAWL") || !exists(&p, "kernel/kernel.c"))
        rc = err_set(ERR_CONFLICT, "%s is no ratchet yet; leave out --reseal", s->folder);
    if (rc == 0)
        rc = plan_seal(&p);
    if (rc == 0)
        rc = plan_carry_out(&p, true, *made);
    plan_deinit(&p);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include "judge/compile/compilation.h"
#include "judge/compile/link_script.h"
#include "judge/compile/object_cache.h"
#include "judge/compile/object_code.h"
#include "judge/compile/source_audit.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT_LAYOUTS = 16 }; /* linked objects on disk at a time */

struct judge_build {
    struct compilation c; /* its folder is ours, removed at close: see compilation.h */
    bool ok;
    struct object object;
    char object_path[PATH_MAX], sanitized_path[PATH_MAX]; /* the second "" until asked for */
    struct {
        uint64_t seed;
        char path[PATH_MAX]; /* "" = free */
    } layouts[KEPT_LAYOUTS];
    size_t n_linked; /* since open; the next one replaces entry n_linked % KEPT_LAYOUTS */
};

static int path_join(char out[PATH_MAX], const char *folder, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        return err_set(ERR_RANGE, "%s/%s: path too long", folder, name);
    return 0;
}

static int copy_file(const char *from_folder, const char *from_name, const char *to_folder,
                     const char *to_name)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct strbuf text = {0};
    int rc;

    TRY(path_join(from, from_folder, from_name));
    TRY(path_join(to, to_folder, to_name));
    rc = file_read(from, &text);
    if (rc == 0)
        rc = file_write_atomic(to, text.data, text.len);
    strbuf_deinit(&text);
    return rc;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);

    return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Copy a source of the kernel. What is no plain file could be anything of this machine. */
static int stage_source(struct compilation *c, const char *source_dir, const char *name)
{
    char path[PATH_MAX], to[PATH_MAX], reason[PATH_MAX + 80];
    struct stat st;

    TRY(path_join(path, source_dir, name));
    TRY(path_join(to, c->folder, "kernel"));
    if (lstat(path, &st))
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode) && source_name_ok(name))
        return copy_file(source_dir, name, to, name);
    snprintf(reason, sizeof reason,
             "kernel/%s: sources are plain files (no links) with plain names (letters, digits, "
             "_ - .)",
             name);
    return compilation_refuse(c, JUDGE_FAIL_CONTRACT, reason);
}

/* kernel.c and the *.inc beside it from source_dir, kernel.h from the sealed root: a kernel.h in
 * source_dir never gets in. */
static int stage_sources(struct compilation *c, const char *source_dir)
{
    const struct dirent *e;
    DIR *dir;
    int rc = stage_source(c, source_dir, "kernel.c");

    if (rc)
        return rc;
    dir = opendir(source_dir);
    if (!dir)
        return err_set(ERR_IO, "%s: %s", source_dir, strerror(errno));
    while (rc == 0 && (e = readdir(dir)))
        if (e->d_name[0] != '.' && has_suffix(e->d_name, ".inc"))
            rc = stage_source(c, source_dir, e->d_name);
    closedir(dir);
    return rc;
}

/* The sealed side: kernel.h, the approved headers, the flags. */
static int stage_sealed(struct compilation *c, const char *root)
{
    static const char *const headers[] = {"errno.h", "limits.h", "stdint.h", "stdlib.h",
                                          "string.h"};
    char from[PATH_MAX], to[PATH_MAX];
    int rc;

    TRY(path_join(to, c->folder, "kernel"));
    TRY(file_make_dirs(to));
    TRY(copy_file(root, "kernel/kernel.h", to, "kernel.h"));
    TRY(path_join(to, c->folder, "headers"));
    TRY(file_make_dirs(to));
    TRY(path_join(from, root, "judge/compile/headers"));
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        TRY(copy_file(from, headers[i], to, headers[i]));
    TRY(path_join(from, root, "judge/kernel.flags"));
    rc = file_read(from, &c->flags);
    return rc;
}

/* --- cache --- */

static int name_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Digest the files of folder/`part`, in the order of their names. */
static int digest_folder(const struct compilation *c, const char *part, struct strbuf *lines)
{
    char folder[PATH_MAX], path[PATH_MAX], hex[SHA256_HEX];
    struct dirent **names = NULL;
    int n, rc;

    TRY(path_join(folder, c->folder, part));
    n = scandir(folder, &names, NULL, name_compare);
    rc = n < 0 ? err_set(ERR_IO, "%s: %s", folder, strerror(errno)) : 0;
    for (int i = 0; i < n; i++) {
        struct strbuf text = {0};

        if (rc == 0 && names[i]->d_name[0] != '.') {
            rc = path_join(path, folder, names[i]->d_name);
            if (rc == 0)
                rc = file_read(path, &text);
            sha256_hex(strbuf_str(&text), text.len, hex);
            strbuf_addf(lines, "%s/%s %s\n", part, names[i]->d_name, hex);
        }
        strbuf_deinit(&text);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* What the object depends on. */
static int cache_key(const struct compilation *c, char key[SHA256_HEX])
{
    struct strbuf lines = {0};
    int rc;

    strbuf_addf(&lines, "%s\n%s\n%s\n%s\n%s\n%s\n", judge_hash, c->compiler.program,
                c->compiler.options, c->compiler.version, c->compiler.stamp, strbuf_str(&c->flags));
    rc = digest_folder(c, "kernel", &lines);
    if (rc == 0)
        rc = digest_folder(c, "headers", &lines);
    sha256_hex(lines.data, lines.len, key);
    strbuf_deinit(&lines);
    return rc;
}

/* Make kernel.o, from the cache where it has it. 0, 1 when refused, or an error. */
static int object_make(struct judge_build *b, const char *cache_dir)
{
    struct compilation *c = &b->c;
    struct strbuf object = {0};
    char key[SHA256_HEX];
    int rc;

    if (!cache_dir)
        return compilation_object(c);
    TRY(cache_key(c, key));
    if (object_cache_get(cache_dir, key, &object, &c->log)) {
        rc = file_write_atomic(b->object_path, object.data, object.len);
    } else {
        rc = compilation_object(c);
        if (rc == 0)
            rc = file_read(b->object_path, &object);
        if (rc == 0)
            rc = object_cache_put(cache_dir, key, &object, &c->log);
    }
    strbuf_deinit(&object);
    return rc;
}

/* --- inspection --- */

static int inspect(struct judge_build *b)
{
    struct compilation *c = &b->c;
    struct object *o = &b->object;
    struct strbuf text = {0};
    struct words w = {0};
    int rc;

    TRY(object_init(b->object_path, o));
    TRY(words_add(&w, c->compiler.objdump));
    TRY(words_split(&w, OBJECT_CODE_OPTIONS " kernel.o"));
    rc = o->fault[0] ? 0 : confine_run(&c->confine, w.argv, c->folder, &text);
    if (rc > 0)
        rc = err_set(ERR_IO, "%s %s: exit status %d", w.argv[0], w.argv[1], rc);
    if (rc == 0)
        object_code_inspect(o, &text);
    strbuf_deinit(&text);
    TRY(rc);
    if (o->fault[0])
        return compilation_refuse(c, o->cheat ? JUDGE_CHEAT : JUDGE_FAIL_CONTRACT, o->fault);
    if (o->n_syscall_bytes)
        strbuf_addf(&c->log,
                    "note: the bytes of a system call lie inside %zu other instructions, as they "
                    "may\n",
                    o->n_syscall_bytes);
    return object_wording_blank(o, b->object_path);
}

/* What compiles need not link (an absolute address in inline assembly): found out here, where it is
 * still a verdict. */
static int first_link(struct judge_build *b)
{
    const char *path;
    int rc;

    b->ok = true;
    rc = judge_build_link(b, 0, &path);
    if (rc != ERR_FORMAT)
        return rc;
    return compilation_refuse(&b->c, JUDGE_FAIL_BUILD, err_message());
}

static int folder_make(struct judge_build *b, const char *work_dir)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/build-XXXXXX", work_dir) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: path too long", work_dir);
    if (!mkdtemp(path))
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (!realpath(path, b->c.folder))
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    return path_join(b->object_path, b->c.folder, "kernel.o");
}

/* 0: built; 1: refused. */
static int build(struct judge_build *b, const char *source_dir, const struct judge_options *o)
{
    struct compilation *c = &b->c;
    int rc;

    TRY(compiler_find(&c->compiler));
    TRY(folder_make(b, o->work_dir));
    TRY(confine_init(&c->confine, c->folder, c->compiler.program));
    TRY(compiler_ask(&c->compiler, &c->confine, c->folder));
    TRY(stage_sealed(c, o->root));
    rc = stage_sources(c, source_dir);
    if (rc == 0)
        rc = compilation_audit(c);
    if (rc == 0)
        rc = object_make(b, o->cache_dir);
    if (rc == 0)
        rc = inspect(b);
    if (rc == 0)
        rc = first_link(b);
    if (c->confine.unavailable[0])
        strbuf_addf(&c->log, "confining the compiler is unavailable: %s\n", c->confine.unavailable);
    return rc;
}

int judge_build_open(const char *source_dir, const struct judge_options *o,
                     struct judge_build **out)
{
    struct judge_build *b = calloc(1, sizeof *b);
    int rc;

    *out = NULL;
    if (!b)
        return err_set(ERR_NOMEM, "out of memory for a build");
    b->c.confine.ruleset = -1;
    rc = build(b, source_dir, o);
    b->ok = rc == 0;
    if (rc < 0) {
        err_wrap("building %s", source_dir);
        judge_build_close(&b);
    }
    *out = b;
    return rc < 0 ? rc : 0;
}

void judge_build_close(struct judge_build **b)
{
    if (!*b)
        return;
    if ((*b)->c.folder[0])
        file_remove_tree((*b)->c.folder);
    confine_deinit(&(*b)->c.confine);
    strbuf_deinit(&(*b)->c.flags);
    strbuf_deinit(&(*b)->c.log);
    object_deinit(&(*b)->object);
    free(*b);
    *b = NULL;
}

bool judge_build_ok(const struct judge_build *b)
{
    return b->ok;
}

enum judge_verdict judge_build_verdict(const struct judge_build *b)
{
    return b->c.verdict;
}

const char *judge_build_log(const struct judge_build *b)
{
    return strbuf_str(&b->c.log);
}

const char *judge_build_code_key(const struct judge_build *b)
{
    return b->ok ? b->object.code_key : "";
}

/* Write the script of a layout; none for seed 0. Sets *option to the linker option or "". */
static int script_option(struct judge_build *b, uint64_t seed, char option[64])
{
    struct strbuf script = {0};
    char path[PATH_MAX];
    int rc;

    option[0] = '\0';
    if (seed == 0)
        return 0;
    TRY(path_join(path, b->c.folder, "layout.ld"));
    link_script_write(&b->object, seed, &script);
    rc = file_write_atomic(path, script.data, script.len);
    strbuf_deinit(&script);
    snprintf(option, 64, "-Wl,-T,layout.ld");
    return rc;
}

/* Link an object of the build's folder into a shared one there. Error: ERR_FORMAT with the
 * linker's words. */
static int link_shared(struct judge_build *b, const char *object, const char *option,
                       const char *name)
{
    static const char fixed[] = "-shared -nostartfiles -nostdlib -Wl,-z,noexecstack -Wl,-z,now "
                                "-Wl,--build-id=none -Wl,--hash-style=gnu";
    struct strbuf said = {0};
    struct words w;
    int rc;

    TRY(compiler_words(&b->c.compiler, &w));
    TRY(words_split(&w, fixed));
    TRY(words_split(&w, option));
    TRY(words_add(&w, "-o"));
    TRY(words_add(&w, name));
    TRY(words_add(&w, object));
    rc = confine_run(&b->c.confine, w.argv, b->c.folder, &said);
    if (rc > 0)
        rc = err_set(ERR_FORMAT, "linking the kernel: %s", strbuf_str(&said));
    strbuf_deinit(&said);
    return rc;
}

static int link_layout(struct judge_build *b, uint64_t seed, const char *name)
{
    char option[64];

    TRY(script_option(b, seed, option));
    return link_shared(b, "kernel.o", option, name);
}

int judge_build_link(struct judge_build *b, uint64_t layout_seed, const char **path)
{
    size_t slot = b->n_linked % KEPT_LAYOUTS;
    char name[64], linked[PATH_MAX];

    *path = NULL;
    if (!b->ok)
        return err_set(ERR_USAGE, "a kernel that was refused cannot be linked");
    for (size_t i = 0; i < KEPT_LAYOUTS; i++)
        if (b->layouts[i].path[0] && b->layouts[i].seed == layout_seed) {
            *path = b->layouts[i].path;
            return 0;
        }
    if (b->layouts[slot].path[0]) {
        unlink(b->layouts[slot].path);
        b->layouts[slot].path[0] = '\0';
    }
    snprintf(name, sizeof name, "layout-%016" PRIx64 ".so", layout_seed);
    TRY(link_layout(b, layout_seed, name));
    TRY(path_join(linked, b->c.folder, name));
    memcpy(b->layouts[slot].path, linked, sizeof linked);
    b->layouts[slot].seed = layout_seed;
    b->n_linked++;
    *path = b->layouts[slot].path;
    return 0;
}

const char *judge_build_compiler(const struct judge_build *b)
{
    return b->c.compiler.version;
}

const char *judge_build_object(const struct judge_build *b)
{
    return b->ok ? b->object_path : NULL;
}

/* The run-time library stays undefined: the worker that loads the object has it. */
int judge_build_link_sanitized(struct judge_build *b, const char **path)
{
    char linked[PATH_MAX];
    int rc;

    *path = NULL;
    if (!b->ok)
        return err_set(ERR_USAGE, "a kernel that was refused cannot be linked");
    if (!b->sanitized_path[0]) {
        rc = compilation_sanitized(&b->c);
        TRY(rc);
        if (rc)
            return err_set(ERR_FORMAT, "the kernel does not build with sanitizers: %s",
                           judge_build_log(b));
        TRY(link_shared(b, "sanitized.o", "", "sanitized.so"));
        TRY(path_join(linked, b->c.folder, "sanitized.so"));
        memcpy(b->sanitized_path, linked, sizeof linked);
    }
    *path = b->sanitized_path;
    return 0;
}

const char *judge_build_folder(const struct judge_build *b)
{
    return b->c.folder;
}

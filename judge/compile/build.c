/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include "judge/compile/link_script.h"
#include "judge/compile/object.h"
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

enum {
    COMPILE_TIMEOUT_S = 120,
    MAX_WORDS = 64,    /* of a compiler command */
    LOG_BYTES = 65536, /* kept of the compiler's output */
    KEPT_LAYOUTS = 16, /* linked objects on disk at a time */
};

struct judge_build {
    char folder[PATH_MAX]; /* ours: kernel/ (staged sources), kernel.o, layouts; removed at close */
    bool ok;
    enum judge_verdict verdict;
    struct strbuf log;
    struct object object;
    struct {
        uint64_t seed;
        char path[PATH_MAX]; /* "" = free */
    } layouts[KEPT_LAYOUTS];
    size_t n_linked; /* since open; the next one replaces entry n_linked % KEPT_LAYOUTS */
};

/* A command line under construction; the words live in `text`. */
struct words {
    char *argv[MAX_WORDS + 1];
    size_t n;
    char text[8192];
    size_t used;
};

static int words_add(struct words *w, const char *word)
{
    size_t bytes = strlen(word) + 1;

    if (w->n == MAX_WORDS || bytes > sizeof w->text - w->used)
        return err_set(ERR_RANGE, "the compiler command is too long at %s", word);
    w->argv[w->n++] = memcpy(w->text + w->used, word, bytes);
    w->argv[w->n] = NULL;
    w->used += bytes;
    return 0;
}

/* Add the words of `line`, parted by white space. */
static int words_split(struct words *w, const char *line)
{
    char word[PATH_MAX];

    while (*(line += strspn(line, " \t\n"))) {
        size_t n = strcspn(line, " \t\n");

        if (n >= sizeof word)
            return err_set(ERR_RANGE, "a word of the compiler command is too long");
        memcpy(word, line, n);
        word[n] = '\0';
        TRY(words_add(w, word));
        line += n;
    }
    return 0;
}

static int words_compiler(struct words *w)
{
    const char *cc = getenv("CC");

    memset(w, 0, sizeof *w);
    return words_split(w, cc && *cc ? cc : "gcc");
}

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

/* kernel.c and the *.inc beside it from source_dir, kernel.h from the sealed root: a kernel.h in
 * source_dir never gets in. */
static int stage(const char *source_dir, const char *root, const char *folder)
{
    char to[PATH_MAX];
    const struct dirent *e;
    DIR *dir;
    int rc = 0;

    TRY(path_join(to, folder, "kernel"));
    TRY(file_make_dirs(to));
    TRY(copy_file(root, "kernel/kernel.h", to, "kernel.h"));
    TRY(copy_file(source_dir, "kernel.c", to, "kernel.c"));
    dir = opendir(source_dir);
    if (!dir)
        return err_set(ERR_IO, "%s: %s", source_dir, strerror(errno));
    while (rc == 0 && (e = readdir(dir)))
        if (e->d_name[0] != '.' && has_suffix(e->d_name, ".inc"))
            rc = copy_file(source_dir, e->d_name, to, e->d_name);
    closedir(dir);
    return rc;
}

static void log_cut(struct strbuf *log)
{
    if (log->len > LOG_BYTES) {
        log->len = LOG_BYTES;
        log->data[LOG_BYTES] = '\0';
        strbuf_addf(log, "\n[the rest is left out]\n");
    }
}

/* Run a command in `folder`, its output to *log. 0 when it succeeded, 1 when it said no. */
static int run(struct words *w, const char *folder, struct strbuf *log)
{
    int status = process_run(w->argv, folder, COMPILE_TIMEOUT_S, log);

    log_cut(log);
    if (status == ERR_TIMEOUT) {
        strbuf_addf(log, "%s took longer than %d s\n", w->argv[0], COMPILE_TIMEOUT_S);
        return 1;
    }
    if (status < 0)
        return status;
    if (status == 127)
        return err_set(ERR_IO, "cannot run the compiler %s: install gcc or set CC", w->argv[0]);
    return status != 0;
}

/* All paths are relative to the build's folder, so the bytes do not depend on where it is. */
static int compile(struct judge_build *b, const char *root)
{
    char path[PATH_MAX], map[PATH_MAX + 32];
    struct strbuf flags = {0};
    struct words w;
    int rc;

    TRY(words_compiler(&w));
    TRY(path_join(path, root, "judge/kernel.flags"));
    rc = file_read(path, &flags);
    if (rc == 0)
        rc = words_split(&w, strbuf_str(&flags));
    strbuf_deinit(&flags);
    TRY(rc);
    snprintf(map, sizeof map, "-ffile-prefix-map=%s=.", b->folder);
    TRY(words_add(&w, map));
    TRY(words_split(&w, "-I . -c -o kernel.o kernel/kernel.c"));
    return run(&w, b->folder, &b->log);
}

static void refuse(struct judge_build *b, enum judge_verdict verdict)
{
    b->ok = false;
    b->verdict = verdict;
}

/* What compiles need not link (an absolute address in inline assembly): found out here, where it is
 * still a verdict. */
static int first_link(struct judge_build *b)
{
    const char *path;
    int rc = judge_build_link(b, 0, &path);

    if (rc != ERR_FORMAT)
        return rc;
    refuse(b, JUDGE_FAIL_BUILD);
    strbuf_addf(&b->log, "%s\n", err_message());
    return 0;
}

static int build(struct judge_build *b, const char *source_dir, const struct judge_options *o)
{
    char path[PATH_MAX];
    int rc;

    if (snprintf(path, sizeof path, "%s/build-XXXXXX", o->work_dir) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: path too long", o->work_dir);
    if (!mkdtemp(path))
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (!realpath(path, b->folder))
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    TRY(stage(source_dir, o->root, b->folder));
    rc = compile(b, o->root);
    TRY(rc);
    if (rc) {
        refuse(b, JUDGE_FAIL_BUILD);
        return 0;
    }
    TRY(path_join(path, b->folder, "kernel.o"));
    TRY(object_init(path, &b->object));
    b->ok = !b->object.fault[0];
    if (!b->ok) {
        refuse(b, JUDGE_FAIL_CONTRACT);
        strbuf_addf(&b->log, "%s\n", b->object.fault);
        return 0;
    }
    return first_link(b);
}

int judge_build_open(const char *source_dir, const struct judge_options *o,
                     struct judge_build **out)
{
    struct judge_build *b = calloc(1, sizeof *b);
    int rc;

    *out = NULL;
    if (!b)
        return err_set(ERR_NOMEM, "out of memory for a build");
    rc = build(b, source_dir, o);
    if (rc < 0) {
        err_wrap("building %s", source_dir);
        judge_build_close(&b);
    }
    *out = b;
    return rc;
}

void judge_build_close(struct judge_build **b)
{
    if (!*b)
        return;
    if ((*b)->folder[0])
        file_remove_tree((*b)->folder);
    strbuf_deinit(&(*b)->log);
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
    return b->verdict;
}

const char *judge_build_log(const struct judge_build *b)
{
    return strbuf_str(&b->log);
}

const char *judge_build_code_key(const struct judge_build *b)
{
    return b->object.code_key;
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
    TRY(path_join(path, b->folder, "layout.ld"));
    link_script_write(&b->object, seed, &script);
    rc = file_write_atomic(path, script.data, script.len);
    strbuf_deinit(&script);
    snprintf(option, 64, "-Wl,-T,layout.ld");
    return rc;
}

static int link_layout(struct judge_build *b, uint64_t seed, const char *name)
{
    static const char fixed[] = "-shared -nostartfiles -nostdlib -Wl,-z,noexecstack -Wl,-z,now "
                                "-Wl,--build-id=none -Wl,--hash-style=gnu";
    struct strbuf log = {0};
    char option[64];
    struct words w;
    int rc;

    TRY(script_option(b, seed, option));
    TRY(words_compiler(&w));
    TRY(words_split(&w, fixed));
    TRY(words_split(&w, option));
    TRY(words_add(&w, "-o"));
    TRY(words_add(&w, name));
    TRY(words_add(&w, "kernel.o"));
    rc = run(&w, b->folder, &log);
    if (rc > 0)
        rc = err_set(ERR_FORMAT, "linking the kernel: %s", strbuf_str(&log));
    strbuf_deinit(&log);
    return rc;
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
    TRY(path_join(linked, b->folder, name));
    memcpy(b->layouts[slot].path, linked, sizeof linked);
    b->layouts[slot].seed = layout_seed;
    b->n_linked++;
    *path = b->layouts[slot].path;
    return 0;
}

const char *judge_build_compiler(const struct judge_build *b)
{
    (void)b;
    return "";
}

const char *judge_build_object(const struct judge_build *b)
{
    (void)b;
    return NULL;
}

int judge_build_link_sanitized(struct judge_build *b, const char **path)
{
    (void)b;
    *path = NULL;
    return err_set(ERR_UNSUPPORTED, "sanitized build: not yet");
}

const char *judge_build_folder(const struct judge_build *b)
{
    return b->folder;
}

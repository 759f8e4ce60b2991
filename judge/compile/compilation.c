/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/compilation.h"

#include "judge/compile/assembly_audit.h"
#include "judge/compile/source_audit.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_BYTES = 65536 }; /* kept of the compiler's output */

/* The folders of the two compilations. Their names differ in length, so that a path that finds its
 * way into the object moves something. */
static const char *const twins[2] = {"one", "another"};

static void log_cut(struct strbuf *log)
{
    if (log->len > LOG_BYTES) {
        log->len = LOG_BYTES;
        log->data[LOG_BYTES] = '\0';
        strbuf_addf(log, "\n[the rest is left out]\n");
    }
}

int compilation_refuse(struct compilation *c, enum judge_verdict verdict, const char *reason)
{
    c->verdict = verdict;
    strbuf_addf(&c->log, "%s\n", reason);
    return 1;
}

static int path_join(char out[PATH_MAX], const char *folder, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        return err_set(ERR_RANGE, "%s/%s: path too long", folder, name);
    return 0;
}

/* The step's result for what confine_wait said of `program`. */
static int step_result(struct compilation *c, int status, const char *program)
{
    char reason[160];

    log_cut(&c->log);
    if (status == ERR_TIMEOUT)
        return compilation_refuse(c, JUDGE_FAIL_BUILD, err_message());
    if (status < 0)
        return status;
    if (status == 126 || status == 127)
        return err_set(ERR_IO, "cannot run %s (%d)", program, status);
    if (status < 128)
        return status ? compilation_refuse(c, JUDGE_FAIL_BUILD, "the kernel does not build") : 0;
    snprintf(reason, sizeof reason, "%.100s died of signal %d (limits: %d s, 2 GiB)", program,
             status - 128, CONFINE_CPU_S);
    return compilation_refuse(c, JUDGE_FAIL_BUILD, reason);
}

int compilation_run(struct compilation *c, struct words *w, const char *part, struct strbuf *output)
{
    char folder[PATH_MAX];

    TRY(path_join(folder, c->folder, part));
    return step_result(c, confine_run(&c->confine, w->argv, folder, output), w->argv[0]);
}

/* The same command in both folders at the same time, its output in the log once. */
static int run_twice(struct compilation *c, struct words *w)
{
    struct confine_job jobs[2];
    struct strbuf unread = {0};
    int rc[2], n = 0;

    for (; n < 2; n++) {
        char folder[PATH_MAX];

        rc[n] = path_join(folder, c->folder, twins[n]);
        if (rc[n] == 0)
            rc[n] = confine_start(&c->confine, w->argv, folder, &jobs[n]);
        if (rc[n] < 0)
            break;
    }
    for (int i = 0; i < n; i++)
        rc[i] = confine_wait(&jobs[i], i ? &unread : &c->log);
    strbuf_deinit(&unread);
    if (n < 2)
        return rc[n];
    if (rc[0] == 0 && rc[1] == 0)
        return 0;
    return step_result(c, rc[0] ? rc[0] : rc[1], w->argv[0]);
}

static int flags_add(const struct compilation *c, struct words *w)
{
    char map[PATH_MAX + 32];

    snprintf(map, sizeof map, "-ffile-prefix-map=%s=.", c->folder);
    TRY(compiler_words(&c->compiler, w));
    TRY(words_split(w, strbuf_str(&c->flags)));
    return words_add(w, map);
}

/* --- the text as written --- */

int compilation_audit(struct compilation *c)
{
    char folder[PATH_MAX], path[PATH_MAX], fault[AUDIT_FAULT] = "";
    const struct dirent *e;
    DIR *dir;
    int rc = 0;

    TRY(path_join(folder, c->folder, "kernel"));
    dir = opendir(folder);
    if (!dir)
        return err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    while (rc == 0 && !fault[0] && (e = readdir(dir))) {
        struct strbuf text = {0};
        char name[NAME_MAX + 16];

        if (e->d_name[0] == '.' || strcmp(e->d_name, "kernel.h") == 0)
            continue;
        snprintf(name, sizeof name, "kernel/%s", e->d_name);
        rc = path_join(path, c->folder, name);
        if (rc == 0)
            rc = file_read(path, &text);
        if (rc == 0)
            source_audit_text(name, &text, fault);
        strbuf_deinit(&text);
    }
    closedir(dir);
    TRY(rc);
    return fault[0] ? compilation_refuse(c, JUDGE_FAIL_CONTRACT, fault) : 0;
}

/* --- preprocessing --- */

static int dependencies_audit(struct compilation *c, char fault[AUDIT_FAULT])
{
    char sources[PATH_MAX], headers[PATH_MAX], path[PATH_MAX];
    const char *const folders[] = {sources, headers, c->compiler.include};
    struct strbuf rule = {0};
    int rc;

    TRY(path_join(sources, c->folder, "kernel"));
    TRY(path_join(headers, c->folder, "headers"));
    TRY(path_join(path, c->folder, "kernel.d"));
    rc = file_read(path, &rule);
    if (rc == 0)
        source_audit_dependencies(&rule, c->folder, folders, 3, fault);
    strbuf_deinit(&rule);
    return rc;
}

static int preprocess(struct compilation *c)
{
    char path[PATH_MAX], fault[AUDIT_FAULT] = "";
    struct strbuf text = {0};
    struct words w;
    int rc;

    if (c->preprocessed)
        return 0;
    TRY(flags_add(c, &w));
    TRY(words_split(&w, "-Wdate-time -Werror=date-time -nostdinc -isystem headers -isystem"));
    TRY(words_add(&w, c->compiler.include));
    TRY(words_split(&w, "-I . -E -MD -MF kernel.d -MT kernel -o kernel.i kernel/kernel.c"));
    rc = compilation_run(c, &w, ".", &c->log);
    if (rc)
        return rc;
    TRY(dependencies_audit(c, fault));
    TRY(path_join(path, c->folder, "kernel.i"));
    rc = file_read(path, &text);
    if (rc == 0 && !fault[0])
        source_audit_preprocessed(&text, fault);
    strbuf_deinit(&text);
    TRY(rc);
    c->preprocessed = !fault[0];
    return fault[0] ? compilation_refuse(c, JUDGE_FAIL_CONTRACT, fault) : 0;
}

/* --- two compilations --- */

/* Read a file that both made; a refusal when they differ. Appends one copy to *out. */
static int twins_read(struct compilation *c, const char *name, struct strbuf *out)
{
    struct strbuf other = {0};
    char path[PATH_MAX];
    bool same = false;
    int rc = 0;

    for (int i = 0; i < 2 && rc == 0; i++) {
        snprintf(path, sizeof path, "%.*s/%s/%s", PATH_MAX - 64, c->folder, twins[i], name);
        rc = file_read(path, i ? &other : out);
    }
    same = rc == 0 && out->len == other.len && memcmp(out->data, other.data, other.len) == 0;
    strbuf_deinit(&other);
    TRY(rc);
    if (same)
        return 0;
    return compilation_refuse(c, JUDGE_FAIL_BUILD,
                              "not reproducible: two compilations of the kernel in different "
                              "folders gave different code");
}

static int assembly_make(struct compilation *c)
{
    char fault[ASSEMBLY_FAULT] = "";
    struct strbuf text = {0};
    struct words w;
    int rc;

    TRY(flags_add(c, &w));
    /* The comments that explain a fall-through are gone by now. */
    TRY(words_split(&w, "-Wno-implicit-fallthrough -S -o kernel.s ../kernel.i"));
    /* Or it would carry out the directives of inline assembly now, and show what they made. */
    if (strstr(c->compiler.version, "clang"))
        TRY(words_add(&w, "-fno-integrated-as"));
    rc = run_twice(c, &w);
    if (rc == 0)
        rc = twins_read(c, "kernel.s", &text);
    if (rc == 0)
        assembly_audit(&text, fault);
    if (rc == 0 && fault[0])
        rc = compilation_refuse(c, JUDGE_FAIL_CONTRACT, fault);
    strbuf_deinit(&text);
    return rc;
}

int compilation_object(struct compilation *c)
{
    struct strbuf object = {0};
    char path[PATH_MAX];
    struct words w;
    int rc;

    for (int i = 0; i < 2; i++) {
        TRY(path_join(path, c->folder, twins[i]));
        TRY(file_make_dirs(path));
    }
    rc = preprocess(c);
    if (rc == 0)
        rc = assembly_make(c);
    if (rc)
        return rc;
    TRY(compiler_words(&c->compiler, &w));
    TRY(words_split(&w, "-c -o kernel.o kernel.s"));
    rc = run_twice(c, &w);
    if (rc)
        return rc;
    rc = twins_read(c, "kernel.o", &object);
    if (rc == 0)
        rc = path_join(path, c->folder, "kernel.o");
    if (rc == 0)
        rc = file_write_atomic(path, object.data, object.len);
    strbuf_deinit(&object);
    return rc;
}

int compilation_sanitized(struct compilation *c)
{
    struct strbuf log = {0};
    struct words w;
    int rc = preprocess(c);

    if (rc)
        return rc;
    TRY(flags_add(c, &w));
    /* All for the compiler's time, 50 s without: no -g, the worker does not symbolize its report;
     * accesses are checked in calls; null faults by itself, and x86 reads at any alignment. */
    TRY(words_split(&w,
                    "-w -O1 -fsanitize=address,undefined -fno-sanitize=null,alignment "
                    "-fno-sanitize-recover=all --param asan-instrumentation-with-call-threshold=0 "
                    "-fno-omit-frame-pointer -c -o sanitized.o kernel.i"));
    rc = compilation_run(c, &w, ".", &log);
    strbuf_deinit(&log);
    return rc;
}

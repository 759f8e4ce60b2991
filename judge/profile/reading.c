/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/reading.h"

#include "judge/compile/compiler.h"
#include "judge/compile/object.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_S = 120, MAX_WORDS = 96 };

int reading_command(const char *line, const char *dir, struct strbuf *out)
{
    char *words = strdup(line), *argv[MAX_WORDS + 1], *rest = words, *word;
    size_t n = 0;
    int rc;

    if (!words)
        return err_set(ERR_NOMEM, "out of memory for a command");
    while (n < MAX_WORDS && (word = strtok_r(n ? NULL : words, " \t\n", &rest)))
        argv[n++] = word;
    argv[n] = NULL;
    rc = process_run(argv, dir, TIMEOUT_S, out);
    free(words);
    return rc;
}

int reading_compile(const char *folder, const char *root, const char *options, struct strbuf *said)
{
    char path[PATH_MAX];
    struct strbuf flags = {0};
    struct confine confine;
    struct compiler cc;
    struct words w;
    int rc;

    snprintf(path, sizeof path, "%s/judge/kernel.flags", root);
    TRY(compiler_find(&cc));
    TRY(confine_init(&confine, folder, cc.program));
    rc = compiler_ask(&cc, &confine, folder);
    if (rc == 0)
        rc = file_read(path, &flags);
    if (rc == 0)
        rc = compiler_words(&cc, &w);
    if (rc == 0)
        rc = words_split(&w, strbuf_str(&flags));
    if (rc == 0)
        rc = words_split(&w, "-nostdinc -isystem headers -isystem");
    if (rc == 0)
        rc = words_add(&w, cc.include);
    if (rc == 0)
        rc = words_split(&w, "-I .");
    if (rc == 0)
        rc = words_split(&w, options);
    if (rc == 0)
        rc = confine_run(&confine, w.argv, folder, said);
    strbuf_deinit(&flags);
    confine_deinit(&confine);
    return rc;
}

/* Paths in the object are relative to the staged folder, as in the build itself. */
static int compile(struct reading *r, const char *root, const char *folder)
{
    struct strbuf options = {0}, said = {0};
    int rc;

    strbuf_addf(&options,
                "-g -ffile-prefix-map=%s=. -fopt-info-vec-all=%s/remarks.txt -c -o %s/kernel.o "
                "kernel/kernel.c",
                r->folder, folder, folder);
    rc = reading_compile(r->folder, root, strbuf_str(&options), &said);
    if (rc > 0)
        snprintf(r->reason, sizeof r->reason, "unavailable: the compiler refuses -g: %.180s",
                 strbuf_str(&said));
    strbuf_deinit(&options);
    strbuf_deinit(&said);
    return rc < 0 ? rc : 0;
}

static int disassemble(struct reading *r, const char *folder)
{
    struct strbuf text = {0};
    int rc =
        reading_command("objdump -d -r -l -w --inlines --no-show-raw-insn kernel.o", folder, &text);

    if (rc == 127)
        snprintf(r->reason, sizeof r->reason, "unavailable: no objdump; install package binutils");
    else if (rc > 0)
        snprintf(r->reason, sizeof r->reason, "unavailable: objdump: %.200s", strbuf_str(&text));
    else if (rc == 0)
        rc = assembly_init(strbuf_str(&text), &r->assembly);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

static int read_results(struct reading *r, const struct judge_build *b, const char *folder)
{
    char path[PATH_MAX + 16];
    struct object object;

    snprintf(path, sizeof path, "%s/remarks.txt", folder);
    if (file_read(path, &r->remarks) < 0)
        strbuf_clear(&r->remarks);
    snprintf(path, sizeof path, "%s/kernel.o", folder);
    if (object_init(path, &object) == 0) {
        r->same_code = !strcmp(object.code_key, judge_build_code_key(b));
        object_deinit(&object);
    }
    return disassemble(r, folder);
}

int reading_init(const struct judge_build *b, const struct judge_options *o, struct reading *out)
{
    char folder[PATH_MAX];
    int rc;

    *out = (struct reading){0};
    snprintf(out->folder, sizeof out->folder, "%s", judge_build_folder(b));
    /* Inside the build's folder: nothing else can be written by the compiler. */
    snprintf(folder, sizeof folder, "%s/reading-XXXXXX", out->folder);
    if (!mkdtemp(folder))
        return err_set(ERR_IO, "no scratch folder %s", folder);
    rc = compile(out, o->root, folder);
    if (rc == 0 && !out->reason[0])
        rc = read_results(out, b, folder);
    file_remove_tree(folder);
    if (rc < 0)
        reading_deinit(out);
    return rc;
}

void reading_deinit(struct reading *r)
{
    assembly_deinit(&r->assembly);
    strbuf_deinit(&r->remarks);
}

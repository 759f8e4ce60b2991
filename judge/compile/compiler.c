/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/compiler.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The executable that `name` means to a shell, as an absolute path. */
static int program_find(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");

    if (strchr(name, '/'))
        return realpath(name, out) && access(out, X_OK) == 0 ? 0 : ERR_IO;
    for (path = path ? path : "/usr/bin:/bin"; *path; path += strspn(path, ":")) {
        int n = (int)strcspn(path, ":");

        if (path[0] == '/' && snprintf(out, PATH_MAX, "%.*s/%s", n, path, name) < PATH_MAX &&
            access(out, X_OK) == 0)
            return 0;
        path += n;
    }
    return ERR_IO;
}

int compiler_find(struct compiler *out)
{
    const char *cc = getenv("CC");
    char name[PATH_MAX];
    size_t n;

    memset(out, 0, sizeof *out);
    cc = cc ? cc + strspn(cc, " \t\n") : "";
    cc = *cc ? cc : "gcc";
    if (strchr(cc, '@'))
        return err_set(ERR_USAGE,
                       "CC is \"%s\": response files (@file) would hide options; "
                       "write them out",
                       cc);
    n = strcspn(cc, " \t\n");
    if (n >= sizeof name || strlen(cc + n) >= sizeof out->options)
        return err_set(ERR_RANGE, "CC is too long");
    memcpy(name, cc, n);
    name[n] = '\0';
    strcpy(out->options, cc + n);
    if (program_find(name, out->program) < 0)
        return err_set(ERR_IO, "cannot run the compiler %s: install gcc or set CC", name);
    return 0;
}

int compiler_words(const struct compiler *cc, struct words *w)
{
    memset(w, 0, sizeof *w);
    TRY(words_add(w, cc->program));
    return words_split(w, cc->options);
}

/* The first line of what it answers to `option`. */
static int ask(const struct compiler *cc, const struct confine *c, const char *folder,
               const char *option, char *out, size_t bytes)
{
    struct strbuf answer = {0};
    struct words w;
    int rc;

    TRY(compiler_words(cc, &w));
    TRY(words_add(&w, option));
    rc = confine_run(c, w.argv, folder, &answer);
    if (rc > 0)
        rc = err_set(ERR_IO, "cannot run the compiler: %s %s: %s", cc->program, option,
                     strbuf_str(&answer));
    else if (rc == 0)
        snprintf(out, bytes, "%.*s", (int)strcspn(strbuf_str(&answer), "\n"), strbuf_str(&answer));
    strbuf_deinit(&answer);
    return rc;
}

/* Size and time of a program; nothing when there is none of this name. */
static void stamp_add(const char *program, char *stamp, size_t bytes)
{
    size_t used = strlen(stamp);
    struct stat st;

    if (stat(program, &st) == 0)
        snprintf(stamp + used, bytes - used, "%lld %lld.%09ld ", (long long)st.st_size,
                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int compiler_ask(struct compiler *cc, const struct confine *c, const char *folder)
{
    char answer[PATH_MAX];

    TRY(ask(cc, c, folder, "--version", cc->version, sizeof cc->version));
    TRY(ask(cc, c, folder, "-print-file-name=include", answer, sizeof answer));
    if (!realpath(answer, cc->include))
        return err_set(ERR_IO, "%s: its headers should be in %s: %s", cc->program, answer,
                       strerror(errno));
    TRY(ask(cc, c, folder, "-print-prog-name=cc1", answer, sizeof answer));
    stamp_add(cc->program, cc->stamp, sizeof cc->stamp);
    stamp_add(answer, cc->stamp, sizeof cc->stamp);
    TRY(ask(cc, c, folder, "-print-prog-name=objdump", answer, sizeof answer));
    if (program_find(answer, cc->objdump) < 0)
        return err_set(ERR_IO, "%s: no disassembler (install binutils)", answer);
    return 0;
}

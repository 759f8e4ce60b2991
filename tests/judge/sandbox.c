/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/judge/sandbox.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sandbox_init(struct sandbox *s)
{
    const char *tmp = getenv("TMPDIR"), *bin = getenv("PAWL_BIN");

    memset(s, 0, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "%s/pawl-test-XXXXXX", tmp ? tmp : "/tmp");
    cr_assert(mkdtemp(s->folder) != NULL);
    snprintf(s->source, sizeof s->source, "%s/source", s->folder);
    snprintf(s->worker, sizeof s->worker, "%s/judge-worker", bin ? bin : "build/bin");
    cr_assert_eq(file_make_dirs(s->source), 0);
    s->options = (struct judge_options){
        .root = ".",
        .work_dir = s->folder,
        .worker = s->worker,
        .features = "all",
        .seed = 1,
    };
}

void sandbox_deinit(struct sandbox *s)
{
    file_remove_tree(s->folder);
}

void sandbox_write(struct sandbox *s, const char *name, const char *text)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", s->source, name);
    cr_assert_eq(file_write_atomic(path, text, strlen(text)), 0, "%s", err_message());
}

static void append_file(struct strbuf *text, const char *path)
{
    cr_assert_eq(file_read(path, text), 0, "%s", err_message());
}

void sandbox_tiny(struct sandbox *s, const char *prologue)
{
    struct strbuf text = {0};

    strbuf_addf(&text, "%s\n", prologue);
    append_file(&text, "tests/judge/kernels/tiny_q4_k.c");
    sandbox_write(s, "kernel.c", text.data);
    strbuf_deinit(&text);
}

void sandbox_shipped(struct sandbox *s, const char *body, const char *meta)
{
    struct strbuf text = {0};
    const struct dirent *e;
    DIR *dir = opendir("kernel");

    cr_assert(dir != NULL);
    while ((e = readdir(dir))) {
        char path[300];

        if (!strstr(e->d_name, ".inc"))
            continue;
        snprintf(path, sizeof path, "kernel/%s", e->d_name);
        strbuf_clear(&text);
        append_file(&text, path);
        sandbox_write(s, e->d_name, text.data);
    }
    closedir(dir);
    strbuf_clear(&text);
    append_file(&text, "kernel/kernel.c");
    sandbox_write(s, "shipped.inc", text.data);
    strbuf_clear(&text);
    strbuf_addf(&text,
                "#pragma GCC optimize(\"O1\")\n" /* compiles in half the time */
                "#include \"kernel/kernel.h\"\n"
                "#define kernel_fn shipped_fn\n"
                "#define get_tiling_meta shipped_meta\n"
                "int kernel_fn(const struct kernel_call *, const struct kernel_team *);\n"
                "int get_tiling_meta(const struct kernel_call *, uint32_t, uint64_t,\n"
                "                    struct kernel_tiling *);\n"
                "#include \"kernel/shipped.inc\"\n"
                "#undef kernel_fn\n"
                "#undef get_tiling_meta\n"
                "int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)\n"
                "{\n%s\nreturn shipped_fn(call, team);\n}\n"
                "int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads,\n"
                "                    uint64_t features, struct kernel_tiling *out)\n"
                "{\nint rc = shipped_meta(call, n_threads, features, out);\n%s\nreturn rc;\n}\n",
                body, meta);
    sandbox_write(s, "kernel.c", text.data);
    strbuf_deinit(&text);
}

struct judge_build *sandbox_build(struct sandbox *s)
{
    struct judge_build *b = NULL;

    cr_assert_eq(judge_build_open(s->source, &s->options, &b), 0, "%s", err_message());
    return b;
}

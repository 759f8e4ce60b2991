/* SPDX-License-Identifier: Apache-2.0
 *
 * engine pack: a model in the kernel's own layout, mapped instead of packed at every start. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/model/layout_id.h"
#include "engine/model/model.h"
#include "reference/base/err.h"

#include <stdio.h>
#include <sys/stat.h>

struct pack {
    struct model_flags flags;
    const char *in, *out;
    bool verify;
};

static const char usage[] =
    "usage: engine pack MODEL.gguf -o MODEL.pawl [OPTION...]\n"
    "       engine pack --verify MODEL.pawl\n"
    "Writes a model as this program's kernel packs it. engine run -m MODEL.pawl maps the file and\n"
    "starts at once; a program with another layout of weights refuses it: keep the GGUF file.\n";

static int pack_parse(struct pack *p, int argc, char **argv)
{
    const struct option_spec specs[] = {
        {NULL, NULL, OPTION_TEXT, &p->in, 0, 0, "MODEL", "the model"},
        {"--output", "-o", OPTION_TEXT, &p->out, 0, 0, "FILE", "the packed model"},
        {"--verify", NULL, OPTION_FLAG, &p->verify, 0, 0, NULL,
         "read all of a packed model and compare its checksums"},
        {"--threads", "-t", OPTION_INT, &p->flags.n_threads, 0, 512, "T",
         "threads (default: one per performance core)"},
        {"--features", NULL, OPTION_TEXT, &p->flags.features, 0, 0, "SET",
         "pack for scalar, avx2, avx512, amx or all (default)"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

static int verify(const char *path)
{
    struct gguf_file *file = NULL;
    struct pack_view view;
    int rc = pack_file_open(path, &file, &view);

    if (rc == 0)
        rc = pack_file_verify(&view, path);
    if (rc == 0)
        printf("%s: %.1f MiB of weights, whole\n", path, (double)view.bytes / 1048576);
    gguf_close(&file);
    return rc;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int model_write(const struct pack *p, const struct engine_options *o,
                       const struct engine_model *m)
{
    char model[SHA256_HEX], layout[SHA256_HEX];

    if (m->pack.weights)
        return err_set(ERR_USAGE, "%s is packed already: name its GGUF file", p->in);
    if (is_same_file(p->in, p->out))
        return err_set(ERR_USAGE, "-o %s would overwrite the GGUF file", p->out);
    TRY(model_id(m, model));
    TRY(layout_id_weights(m->graph, o->features, layout));
    TRY(pack_file_write(p->out, m->file, &m->weights, model, layout));
    printf("%s: %.1f MiB of weights, layout %.16s\n", p->out, (double)m->weights.bytes / 1048576,
           layout);
    return 0;
}

static int pack_run(const struct pack *p)
{
    struct engine_model *m = NULL;
    struct engine_options o;
    int rc;

    if (!p->in)
        return err_set(ERR_USAGE, "which model? engine pack MODEL.gguf -o MODEL.pawl");
    if (p->verify)
        return verify(p->in);
    if (!p->out)
        return err_set(ERR_USAGE, "where to? -o MODEL.pawl");
    TRY(model_flags_resolve(&p->flags, &o));
    o.embeddings = true; /* packing is the same for every use */
    rc = engine_model_open(p->in, &o, &m);
    if (rc == 0)
        rc = model_write(p, &o, m);
    engine_model_close(&m);
    return rc;
}

int pack_main(int argc, char **argv)
{
    struct pack p = {0};
    int rc = pack_parse(&p, argc, argv);

    if (rc == 0)
        rc = pack_run(&p);
    return rc < 0 ? command_fail(argv[0]) : 0;
}

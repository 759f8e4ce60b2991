/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/cmd_options.h"

#include "engine/model/model.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_CONTEXT = 4096 };

static void options_help(const struct option_spec *specs, size_t n, const char *usage)
{
    printf("%s\n", usage);
    for (size_t i = 0; i < n; i++) {
        const struct option_spec *o = &specs[i];
        char left[64];

        if (o->name)
            snprintf(left, sizeof left, "%s%s%s%s%s", o->short_name ? o->short_name : "",
                     o->short_name ? ", " : "", o->name, o->value ? " " : "",
                     o->value ? o->value : "");
        else
            snprintf(left, sizeof left, "%s", o->value);
        printf("  %-24s ", left);
        for (const char *c = o->help; *c; c++)
            *c == '\n' ? printf("\n%27s", "") : putchar(*c);
        putchar('\n');
    }
}

static int option_number(const struct option_spec *o, const char *text)
{
    char *end;
    double x;

    errno = 0;
    x = strtod(text, &end);
    if (end == text || *end || errno || isnan(x) || (o->kind == OPTION_INT && x != floor(x)))
        return err_set(ERR_USAGE, "option %s: \"%s\" is no %s", o->name, text,
                       o->kind == OPTION_INT ? "whole number" : "number");
    if (x < o->min || x > o->max)
        return err_set(ERR_USAGE, "option %s: %s is outside %.15g..%.15g", o->name, text, o->min,
                       o->max);
    if (o->kind == OPTION_INT)
        *(int64_t *)o->out = (int64_t)x;
    else
        *(double *)o->out = x;
    return 0;
}

static void texts_add(struct option_texts *texts, const char *text)
{
    texts->at[texts->n++] = text;
}

static int option_set(const struct option_spec *o, const char *text)
{
    if (o->kind == OPTION_FLAG)
        *(bool *)o->out = true;
    else if (o->kind == OPTION_TEXT)
        *(const char **)o->out = text;
    else if (o->kind == OPTION_TEXTS)
        texts_add(o->out, text);
    else
        return option_number(o, text);
    return 0;
}

/* The named option `word`, or the next unnamed argument when it is no option, or NULL. */
static const struct option_spec *option_find(const struct option_spec *specs, size_t n,
                                             const char *word, size_t *n_unnamed)
{
    bool named = word[0] == '-' && word[1];
    size_t skip = *n_unnamed;

    for (size_t i = 0; i < n; i++) {
        const struct option_spec *o = &specs[i];

        if (named && o->name &&
            (!strcmp(word, o->name) || (o->short_name && !strcmp(word, o->short_name))))
            return o;
        if (!named && !o->name && (o->kind == OPTION_TEXTS || skip-- == 0)) {
            (*n_unnamed)++;
            return o;
        }
    }
    return NULL;
}

int options_parse(const struct option_spec *specs, size_t n, const char *usage, int argc,
                  char **argv)
{
    size_t n_unnamed = 0;

    for (int i = 1; i < argc; i++) {
        const struct option_spec *o;
        const char *text = argv[i];

        if (!strcmp(text, "--help") || !strcmp(text, "-h")) {
            options_help(specs, n, usage);
            return 1;
        }
        o = option_find(specs, n, text, &n_unnamed);
        if (!o)
            return err_set(ERR_USAGE, "unknown %s \"%s\" (engine %s --help lists what there is)",
                           text[0] == '-' ? "option" : "argument", text, argv[0]);
        if (o->name && o->kind != OPTION_FLAG) {
            if (i + 1 == argc)
                return err_set(ERR_USAGE, "option %s needs a value: %s %s", o->name, o->name,
                               o->value);
            text = argv[++i];
        }
        TRY(option_set(o, text));
    }
    return 0;
}

int model_flags_resolve(const struct model_flags *f, struct engine_options *out)
{
    *out = (struct engine_options){
        .n_threads = (uint32_t)f->n_threads,
        .embeddings = f->embeddings,
        .n_context = (uint32_t)f->n_context,
        .micro_batch = (uint32_t)f->micro_batch,
        .n_sessions = f->n_sessions,
        .kv_type = KERNEL_F16,
    };
    if (f->kv && !strcmp(f->kv, "q8_0"))
        out->kv_type = KERNEL_Q8_0;
    else if (f->kv && strcmp(f->kv, "f16"))
        return err_set(ERR_USAGE, "option --kv: \"%s\": say f16 or q8_0", f->kv);
    return cpu_features_named(f->features ? f->features : "all", &out->features);
}

/* The context when the user does not say: read from the file's header alone. */
static int default_context(const char *path, uint32_t *out)
{
    struct gguf_file *file = NULL;
    struct graph *graph = NULL;
    int rc = model_file_open(path, &file);

    if (rc == 0)
        rc = graph_open(file, &graph);
    if (rc == 0)
        *out = graph->dims[DIM_CONTEXT] < DEFAULT_MAX_CONTEXT ? (uint32_t)graph->dims[DIM_CONTEXT]
                                                              : DEFAULT_MAX_CONTEXT;
    graph_close(&graph);
    gguf_close(&file);
    return rc;
}

int model_flags_open(const struct model_flags *f, struct engine_model **m,
                     struct engine_session **s)
{
    struct engine_options o;

    *m = NULL;
    *s = NULL;
    TRY(model_flags_resolve(f, &o));
    if (!o.n_context)
        TRY(default_context(f->path, &o.n_context));
    TRY(engine_model_open(f->path, &o, m));
    return engine_session_open(*m, s);
}

/* C0, DEL, and C1 as UTF-8 writes it. */
void print_clean(FILE *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i], next = i + 1 < len ? (unsigned char)s[i + 1] : 0xff;
        bool wide = c == 0xc2 && next >= 0x80 && next < 0xa0;

        fputc(c < 0x20 || c == 0x7f || wide ? '?' : c, out);
        i += wide;
    }
}

int command_fail(const char *command)
{
    fprintf(stderr, "engine %s: ", command);
    print_clean(stderr, err_message(), strlen(err_message()));
    fputc('\n', stderr);
    return err_code() == ERR_USAGE ? 2 : 1;
}

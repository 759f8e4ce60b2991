/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quantize/importance.h"

#include "reference/base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 1e-3

struct importance {
    struct gguf_file *file;
};

static int file_check(const struct gguf_file *f, const char *path)
{
    struct gguf_string type = {"", 0};
    size_t n = 0;

    TRY(gguf_get_string(f, "general.type", &type));
    if (type.len != 7 || memcmp(type.data, "imatrix", 7) != 0)
        return err_set(ERR_FORMAT, "%s: no importance matrix (general.type is not \"imatrix\")",
                       path);
    for (size_t i = 0; i < gguf_n_tensors(f); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(f, i);
        const char *end = strrchr(t->name, '.');
        const float *x = t->data;

        if (t->type != KERNEL_F32)
            return err_set(ERR_FORMAT, "%s: tensor %s is %s, not F32", path, t->name,
                           gguf_type_name(t->type));
        for (size_t j = 0; j < t->bytes / sizeof *x; j++)
            if (!(x[j] >= 0) || !isfinite(x[j]))
                return err_set(ERR_FORMAT, "%s: tensor %s: element %zu is %g", path, t->name, j,
                               (double)x[j]);
        n += end && !strcmp(end, ".in_sum2");
    }
    return n ? 0 : err_set(ERR_FORMAT, "%s: holds no .in_sum2 tensor", path);
}

int importance_open(const char *path, struct importance **out)
{
    struct importance *m = calloc(1, sizeof *m);
    int rc = m ? gguf_open(path, &m->file) : err_set(ERR_NOMEM, "%s: no memory", path);

    if (!rc)
        rc = file_check(m->file, path);
    if (rc < 0)
        importance_close(&m);
    *out = m;
    return rc;
}

void importance_close(struct importance **m)
{
    if (!*m)
        return;
    gguf_close(&(*m)->file);
    free(*m);
    *m = NULL;
}

/* sum2 as weights of mean 1; false when all are 0. */
static bool weights_of(const float *sum2, int64_t k, float *out)
{
    double mean = 0;

    for (int64_t i = 0; i < k; i++)
        mean += (double)sum2[i] / (double)k;
    for (int64_t i = 0; mean > 0 && i < k; i++)
        out[i] = (float)fmax((double)sum2[i] / mean, SMALLEST);
    return mean > 0;
}

int importance_row(const struct importance *m, const struct gguf_tensor *t, int64_t expert,
                   float *out)
{
    const struct gguf_tensor *sum2;
    char name[sizeof t->name + 16];

    snprintf(name, sizeof name, "%s.in_sum2", t->name);
    sum2 = gguf_tensor_find(m->file, name);
    if (!sum2)
        return 0;
    if (sum2->ne[0] != t->ne[0] || sum2->ne[1] != t->ne[2])
        return err_set(ERR_FORMAT,
                       "importance matrix: %s is %" PRId64 " x %" PRId64 ", the model's matrix has "
                       "%" PRId64 " columns and %" PRId64 " experts: it is of another model",
                       name, sum2->ne[0], sum2->ne[1], t->ne[0], t->ne[2]);
    return weights_of((const float *)sum2->data + expert * t->ne[0], t->ne[0], out);
}

/* --- collecting --- */

struct sums {
    char name[128];
    int64_t k, n_experts;
    double *sum2;  /* [k, n_experts] */
    double *count; /* [n_experts] */
};

struct importance_sums {
    struct sums *at;
    size_t n;
    size_t latest; /* the matrix that was added to last: mostly it is the next one's neighbour */
};

int importance_sums_open(struct importance_sums **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : err_set(ERR_NOMEM, "no memory for an importance matrix");
}

void importance_sums_close(struct importance_sums **s)
{
    if (!*s)
        return;
    for (size_t i = 0; i < (*s)->n; i++) {
        free((*s)->at[i].sum2);
        free((*s)->at[i].count);
    }
    free((*s)->at);
    free(*s);
    *s = NULL;
}

size_t importance_sums_n_matrices(const struct importance_sums *s)
{
    return s->n;
}

static int sums_append(struct importance_sums *s, const char *name, int64_t k, int64_t n_experts)
{
    struct sums *grown = realloc(s->at, (s->n + 1) * sizeof *grown), *new;

    if (!grown)
        return err_set(ERR_NOMEM, "tensor %s: no memory", name);
    s->at = grown;
    new = &grown[s->n];
    *new = (struct sums){.k = k, .n_experts = n_experts};
    snprintf(new->name, sizeof new->name, "%s", name);
    new->sum2 = calloc((size_t)(k * n_experts), sizeof *new->sum2);
    new->count = calloc((size_t)n_experts, sizeof *new->count);
    if (!new->sum2 || !new->count) {
        free(new->sum2);
        free(new->count);
        return err_set(ERR_NOMEM, "tensor %s: no memory", name);
    }
    s->n++;
    return 0;
}

int importance_sums_add(struct importance_sums *s, const char *name, int64_t k, int64_t n_experts,
                        int64_t expert, const float *x)
{
    size_t i = s->latest, looked = 0;

    while (looked < s->n && strcmp(s->at[i].name, name) != 0) {
        i = (i + 1) % s->n;
        looked++;
    }
    if (looked == s->n) {
        TRY(sums_append(s, name, k, n_experts));
        i = s->n - 1;
    }
    s->latest = i;
    for (int64_t j = 0; j < k; j++)
        s->at[i].sum2[expert * k + j] += (double)x[j] * x[j];
    s->at[i].count[expert]++;
    return 0;
}

/* --- the file --- */

/* A string, or an array of one. */
static int text_write(struct gguf_writer *w, const char *key, bool array, const char *text)
{
    unsigned char value[8 + 256];
    uint64_t len = strnlen(text, 256);

    memcpy(value, &len, 8);
    memcpy(value + 8, text, len);
    return gguf_writer_add_kv(w, &(struct gguf_kv){.key = {key, strlen(key)},
                                                   .type = array ? GGUF_ARRAY : GGUF_STRING,
                                                   .element_type = GGUF_STRING,
                                                   .count = 1,
                                                   .value = value,
                                                   .bytes = 8 + len});
}

static int sums_declare(struct gguf_writer *w, const struct sums *m)
{
    char name[sizeof m->name + 16];

    snprintf(name, sizeof name, "%s.in_sum2", m->name);
    TRY(gguf_writer_declare(w, name, KERNEL_F32, 2, (int64_t[]){m->k, m->n_experts}));
    snprintf(name, sizeof name, "%s.counts", m->name);
    return gguf_writer_declare(w, name, KERNEL_F32, 2, (int64_t[]){1, m->n_experts});
}

static int numbers_write(struct gguf_writer *w, const double *x, int64_t n)
{
    float *f = malloc((size_t)n * sizeof *f);
    int rc;

    if (!f)
        return err_set(ERR_NOMEM, "no memory for %" PRId64 " sums", n);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)x[i];
    rc = gguf_writer_data(w, f, (size_t)n * sizeof *f);
    free(f);
    return rc;
}

static int sums_write(const struct importance_sums *s, struct gguf_writer *w, const char *text,
                      uint32_t n_chunks, uint32_t n_tokens)
{
    TRY(text_write(w, "general.type", false, "imatrix"));
    TRY(text_write(w, "imatrix.datasets", true, text));
    TRY(gguf_writer_set_u32(w, "imatrix.chunk_count", n_chunks));
    TRY(gguf_writer_set_u32(w, "imatrix.chunk_size", n_tokens));
    for (size_t i = 0; i < s->n; i++)
        TRY(sums_declare(w, &s->at[i]));
    for (size_t i = 0; i < s->n; i++) {
        TRY(numbers_write(w, s->at[i].sum2, s->at[i].k * s->at[i].n_experts));
        TRY(numbers_write(w, s->at[i].count, s->at[i].n_experts));
    }
    return 0;
}

int importance_sums_write(const struct importance_sums *s, const char *path, const char *text,
                          uint32_t n_chunks, uint32_t n_tokens)
{
    struct gguf_writer *w;
    int rc;

    TRY(gguf_writer_open(path, &w));
    rc = sums_write(s, w, text, n_chunks, n_tokens);
    if (!rc)
        rc = gguf_writer_finish(&w);
    gguf_writer_abandon(&w);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/logits_file.h"

#include "engine/gguf/file_writer.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "_logits_"

enum { MAX_CODE = 65535, HEADER_CODES = 4 /* two f32 */ };
#define RANGE 16.0f /* of log probabilities that are told apart */

static size_t record_codes(const struct logits_shape *s)
{
    return HEADER_CODES + ((size_t)s->n_vocab + 1) / 2 * 2;
}

/* --- writing --- */

struct logits_writer {
    struct file_writer *file; /* NULL: finished */
    struct logits_shape shape;
    uint16_t *record;
};

static int header_write(struct logits_writer *w, const int32_t *ids)
{
    const int32_t head[3] = {w->shape.window, w->shape.n_vocab, w->shape.n_windows};

    TRY(file_writer_add(w->file, MAGIC, 8));
    TRY(file_writer_add(w->file, head, sizeof head));
    return file_writer_add(w->file, ids,
                           (size_t)w->shape.window * (size_t)w->shape.n_windows * sizeof *ids);
}

int logits_writer_open(const char *path, const struct logits_shape *shape, const int32_t *ids,
                       struct logits_writer **out)
{
    struct logits_writer *w = calloc(1, sizeof *w);
    int rc;

    *out = NULL;
    if (!w)
        return err_set(ERR_NOMEM, "%s: no memory", path);
    w->shape = *shape;
    w->record = calloc(record_codes(shape), sizeof *w->record);
    rc = w->record ? file_writer_open(path, 0644, &w->file)
                   : err_set(ERR_NOMEM, "%s: no memory", path);
    if (!rc)
        rc = header_write(w, ids);
    if (rc < 0)
        logits_writer_close(&w);
    *out = w;
    return rc;
}

int logits_writer_add(struct logits_writer *w, const float *logits)
{
    float high = logits[0], low = logits[0], head[2];
    uint16_t *codes = w->record + HEADER_CODES;
    double sum = 0;

    for (int32_t i = 1; i < w->shape.n_vocab; i++) {
        high = fmaxf(high, logits[i]);
        low = fminf(low, logits[i]);
    }
    low = fmaxf(low, high - RANGE);
    for (int32_t i = 0; i < w->shape.n_vocab; i++)
        sum += exp((double)(logits[i] - high));
    head[0] = (high - low) / MAX_CODE;
    /* cppcheck-suppress invalidFunctionArg; the highest adds 1 */
    head[1] = (float)((double)(low - high) - log(sum));
    memcpy(w->record, head, sizeof head);
    for (int32_t i = 0; i < w->shape.n_vocab; i++)
        codes[i] = head[0] > 0 && logits[i] > low
                       ? (uint16_t)fminf((logits[i] - low) / head[0] + 0.5f, MAX_CODE)
                       : 0;
    return file_writer_add(w->file, w->record, record_codes(&w->shape) * sizeof *w->record);
}

int logits_writer_finish(struct logits_writer *w)
{
    return file_writer_finish(&w->file);
}

void logits_writer_close(struct logits_writer **w)
{
    if (!*w)
        return;
    file_writer_abandon(&(*w)->file);
    free((*w)->record);
    free(*w);
    *w = NULL;
}

/* --- reading --- */

struct logits_reader {
    const char *path; /* borrowed */
    FILE *f;
    struct logits_shape shape;
    int32_t *ids;
    uint16_t *record;
};

static int read_whole(struct logits_reader *r, void *out, size_t size, size_t n)
{
    if (fread(out, size, n, r->f) == n)
        return 0;
    return err_set(ferror(r->f) ? ERR_IO : ERR_FORMAT, "%s: %s", r->path,
                   ferror(r->f) ? strerror(errno) : "the file ends too early");
}

/* Bytes of a whole file; ERR_FORMAT for what no file has. */
static int shape_check(const struct logits_reader *r, const struct logits_shape *s)
{
    size_t ids, records, all;
    struct stat st;

    if (s->window < 3 || s->n_vocab < 1 || s->n_windows < 1)
        return err_set(ERR_FORMAT, "%s: %d windows of %d tokens over %d words: that cannot be",
                       r->path, s->n_windows, s->window, s->n_vocab);
    if (!size_mul((size_t)s->n_windows, (size_t)s->window * sizeof(int32_t), &ids) ||
        !size_mul((size_t)s->n_windows * (size_t)logits_records(s),
                  record_codes(s) * sizeof(uint16_t), &records) ||
        !size_add(ids, records, &all) || !size_add(all, 8 + 3 * sizeof(int32_t), &all))
        return err_set(ERR_FORMAT, "%s: its size overflows", r->path);
    if (fstat(fileno(r->f), &st))
        return err_set(ERR_IO, "%s: %s", r->path, strerror(errno));
    if ((uint64_t)st.st_size != all)
        return err_set(ERR_FORMAT, "%s: %lld bytes, %zu are what its head says", r->path,
                       (long long)st.st_size, all);
    return 0;
}

static int header_read(struct logits_reader *r)
{
    struct logits_shape *s = &r->shape;
    int32_t head[3];
    char magic[8];
    size_t n_ids;

    TRY(read_whole(r, magic, 1, sizeof magic));
    if (memcmp(magic, MAGIC, sizeof magic) != 0)
        return err_set(ERR_FORMAT, "%s: no logits file (it does not begin with %s)", r->path,
                       MAGIC);
    TRY(read_whole(r, head, sizeof *head, 3));
    *s = (struct logits_shape){head[0], head[1], head[2]};
    TRY(shape_check(r, s));
    n_ids = (size_t)s->window * (size_t)s->n_windows;
    r->ids = malloc(n_ids * sizeof *r->ids);
    r->record = malloc(record_codes(s) * sizeof *r->record);
    if (!r->ids || !r->record)
        return err_set(ERR_NOMEM, "%s: no memory for %zu tokens", r->path, n_ids);
    TRY(read_whole(r, r->ids, sizeof *r->ids, n_ids));
    for (size_t i = 0; i < n_ids; i++)
        if (r->ids[i] < 0 || r->ids[i] >= s->n_vocab)
            return err_set(ERR_FORMAT, "%s: token %zu is %d, of %d words", r->path, i, r->ids[i],
                           s->n_vocab);
    return 0;
}

int logits_reader_open(const char *path, struct logits_reader **out)
{
    struct logits_reader *r = calloc(1, sizeof *r);
    int rc;

    *out = NULL;
    if (!r)
        return err_set(ERR_NOMEM, "%s: no memory", path);
    r->path = path;
    r->f = fopen(path, "rb");
    rc = r->f ? header_read(r) : err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (rc < 0)
        logits_reader_close(&r);
    *out = r;
    return rc;
}

void logits_reader_close(struct logits_reader **r)
{
    if (!*r)
        return;
    if ((*r)->f)
        fclose((*r)->f);
    free((*r)->ids);
    free((*r)->record);
    free(*r);
    *r = NULL;
}

const struct logits_shape *logits_reader_shape(const struct logits_reader *r)
{
    return &r->shape;
}

const int32_t *logits_reader_ids(const struct logits_reader *r)
{
    return r->ids;
}

int logits_reader_next(struct logits_reader *r, float *out)
{
    float head[2];

    TRY(read_whole(r, r->record, sizeof *r->record, record_codes(&r->shape)));
    memcpy(head, r->record, sizeof head);
    if (!isfinite(head[0]) || !isfinite(head[1]))
        return err_set(ERR_FORMAT, "%s: a record's scale is not finite", r->path);
    for (int32_t i = 0; i < r->shape.n_vocab; i++)
        out[i] = head[0] * (float)r->record[HEADER_CODES + i] + head[1];
    return 0;
}

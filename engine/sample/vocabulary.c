/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/vocabulary.h"

#include "engine/tokenizer/tokenizer.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

struct vocabulary {
    int32_t n;
    struct strbuf bytes; /* all pieces, one after the other */
    size_t *start;       /* [n + 1] where each begins */
    bool *is_end;        /* [n] */
    int32_t *order;      /* [n_order] ids */
    uint32_t *shared;    /* [n_order] */
    size_t n_order;
};

static int vocabulary_new(int32_t n, struct vocabulary **out)
{
    struct vocabulary *v = calloc(1, sizeof *v);
    size_t slots = (size_t)n + 1;

    *out = v;
    if (!v)
        return err_set(ERR_NOMEM, "no memory for a vocabulary");
    v->n = n;
    v->start = calloc(slots, sizeof *v->start);
    v->is_end = calloc(slots, sizeof *v->is_end);
    v->order = calloc(slots, sizeof *v->order);
    v->shared = calloc(slots, sizeof *v->shared);
    if (!v->start || !v->is_end || !v->order || !v->shared)
        return err_set(ERR_NOMEM, "no memory for a vocabulary of %d tokens", n);
    return 0;
}

void vocabulary_close(struct vocabulary **v)
{
    if (!*v)
        return;
    strbuf_deinit(&(*v)->bytes);
    free((*v)->start);
    free((*v)->is_end);
    free((*v)->order);
    free((*v)->shared);
    free(*v);
    *v = NULL;
}

/* --- order --- */

static int by_bytes(const void *left, const void *right, void *ctx)
{
    const struct vocabulary *v = ctx;
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    size_t a_len, b_len;
    const char *a_bytes = vocabulary_piece(v, a, &a_len);
    const char *b_bytes = vocabulary_piece(v, b, &b_len);
    int way = memcmp(a_bytes, b_bytes, a_len < b_len ? a_len : b_len);

    if (way == 0 && a_len != b_len)
        way = a_len < b_len ? -1 : 1;
    return way ? way : (a > b) - (a < b);
}

static uint32_t shared_bytes(const struct vocabulary *v, int32_t a, int32_t b)
{
    size_t a_len, b_len, n = 0;
    const char *a_bytes = vocabulary_piece(v, a, &a_len);
    const char *b_bytes = vocabulary_piece(v, b, &b_len);

    while (n < a_len && n < b_len && a_bytes[n] == b_bytes[n])
        n++;
    return (uint32_t)n;
}

static void vocabulary_arrange(struct vocabulary *v)
{
    for (int32_t id = 0; id < v->n; id++)
        if (v->start[id + 1] > v->start[id])
            v->order[v->n_order++] = id;
    qsort_r(v->order, v->n_order, sizeof *v->order, by_bytes, v);
    for (size_t i = 1; i < v->n_order; i++)
        v->shared[i] = shared_bytes(v, v->order[i - 1], v->order[i]);
}

/* --- making --- */

static int pieces_of(struct vocabulary *v, const struct tokenizer *t)
{
    for (int32_t id = 0; id < v->n; id++) {
        TRY(tokenizer_piece(t, id, &v->bytes));
        v->start[id + 1] = v->bytes.len;
        v->is_end[id] = tokenizer_is_eog(t, id);
    }
    return 0;
}

int vocabulary_open(const struct tokenizer *t, struct vocabulary **out)
{
    int rc = vocabulary_new(tokenizer_n_vocab(t), out);

    if (rc == 0)
        rc = pieces_of(*out, t);
    if (rc < 0)
        vocabulary_close(out);
    else
        vocabulary_arrange(*out);
    return rc;
}

int vocabulary_open_pieces(const char *const *pieces, const bool *is_end, int32_t n,
                           struct vocabulary **out)
{
    int rc = vocabulary_new(n, out);

    if (rc < 0) {
        vocabulary_close(out);
        return rc;
    }
    for (int32_t id = 0; id < n; id++) {
        strbuf_add(&(*out)->bytes, pieces[id], strlen(pieces[id]));
        (*out)->start[id + 1] = (*out)->bytes.len;
        (*out)->is_end[id] = is_end && is_end[id];
    }
    vocabulary_arrange(*out);
    return 0;
}

/* --- what others ask --- */

int32_t vocabulary_n(const struct vocabulary *v)
{
    return v->n;
}

const char *vocabulary_piece(const struct vocabulary *v, int32_t id, size_t *len)
{
    *len = v->start[id + 1] - v->start[id];
    return strbuf_str(&v->bytes) + v->start[id];
}

bool vocabulary_is_end(const struct vocabulary *v, int32_t id)
{
    return v->is_end[id];
}

bool vocabulary_goes_on(const struct vocabulary *v, const char *text, size_t len)
{
    size_t low = 0, high = v->n_order;

    while (low < high) { /* the first piece behind the text in the order */
        size_t middle = low + (high - low) / 2, n;
        const char *piece = vocabulary_piece(v, v->order[middle], &n);
        int way = memcmp(piece, text, n < len ? n : len);

        if (way < 0 || (way == 0 && n <= len))
            low = middle + 1;
        else
            high = middle;
    }
    if (low < v->n_order) {
        size_t n;
        const char *piece = vocabulary_piece(v, v->order[low], &n);

        return n > len && !memcmp(piece, text, len);
    }
    return false;
}

size_t vocabulary_order(const struct vocabulary *v, const int32_t **ids, const uint32_t **shared)
{
    *ids = v->order;
    *shared = v->shared;
    return v->n_order;
}

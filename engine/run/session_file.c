/* SPDX-License-Identifier: Apache-2.0
 *
 * session_file.c: a timeline as a file. Little-endian: the header; i32 tokens [n_tokens]; f32 logits
 * [n_logits], none or the vocabulary; the pages in order, each with all layers and heads; and the
 * hex SHA-256 of all that. */
#include "engine/run/session_internal.h"

#include "engine/gguf/file_map.h"
#include "engine/gguf/file_writer.h"
#include "engine/model/layout_id.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/base/sha256.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, HEX = SHA256_HEX - 1 };

static const char magic[8] = {'P', 'A', 'W', 'L', 'S', 'E', 'S', 'S'};

struct session_header {
    char magic[8];
    uint32_t version, kv_type;
    uint32_t n_tokens, n_logits;
    uint64_t id_bytes; /* of a page id: all layers and heads */
    char model[HEX];   /* model_id */
    char layout[HEX];  /* layout_id_pages */
};
_Static_assert(sizeof(struct session_header) == 160, "no padding in a file");

/* The header that s's own file would have. */
static int header_fill(const struct engine_session *s, struct session_header *h)
{
    const struct kv_shape *shape = kv_pool_shape(kv_cache_pool(s->kv));
    char model[SHA256_HEX], layout[SHA256_HEX];

    TRY(model_id(s->model, model));
    TRY(layout_id_pages(shape, s->model->options.features, layout));
    *h = (struct session_header){
        .version = VERSION,
        .kv_type = shape->type,
        .n_tokens = s->position,
        .id_bytes = kv_pool_id_bytes(kv_cache_pool(s->kv)),
    };
    if (s->logits && s->logits_from == s->position)
        h->n_logits = (uint32_t)s->plan->width;
    memcpy(h->magic, magic, sizeof magic);
    memcpy(h->model, model, HEX);
    memcpy(h->layout, layout, HEX);
    return 0;
}

/* --- saving --- */

struct saving {
    struct file_writer *file;
    struct sha256 *digest;
};

static int put(struct saving *x, const void *data, size_t bytes)
{
    sha256_add(x->digest, data, bytes);
    return file_writer_add(x->file, data, bytes);
}

/* Store zeros, row by row as the plan's scratch allows for, in the slots from `first` on of the page
 * in `memory`: what they hold came from tokens that are not the timeline's. */
static int page_clear(struct engine_session *s, uint32_t first, void *memory)
{
    struct kv_shape shape = *kv_pool_shape(kv_cache_pool(s->kv));
    const size_t head = shape.head_dim * sizeof(float), row = head * shape.kv_heads;
    struct kernel_call call = {.op = KERNEL_KV_STORE, .n_in = 3, .n_out = 1};
    const struct kernel_call *list[] = {&call};
    int32_t table = 0;
    void *zeros = calloc(1, row);
    int rc = zeros ? 0 : err_set(ERR_NOMEM, "no memory for a row of %zu bytes", row);

    shape.n_pages = 1;
    for (int i = 0; i < 2; i++)
        call.in[i] = (struct kernel_tensor){.type = KERNEL_F32,
                                            .ne = {shape.head_dim, shape.kv_heads, 1, 1},
                                            .nb = {sizeof(float), head, row, row},
                                            .bytes = row,
                                            .data = zeros};
    call.in[2] = (struct kernel_tensor){
        .type = KERNEL_I32, .ne = {1, 1, 1, 1}, .nb = {4, 4, 4, 4}, .bytes = 4, .data = &table};
    call.out[0] = kv_shape_layer(&shape);
    call.out[0].bytes = shape.page_bytes * shape.kv_heads;
    for (uint32_t layer = 0; layer < shape.layers; layer++) {
        call.out[0].data = (char *)memory + layer * call.out[0].bytes;
        for (uint32_t slot = first; rc == 0 && slot < KERNEL_PAGE_POSITIONS; slot++) {
            call.i[KERNEL_I_POS] = slot;
            rc = team_run(s->team, list, 1);
        }
    }
    free(zeros);
    return rc;
}

static int last_page_put(struct engine_session *s, struct saving *x, const void *page, size_t bytes)
{
    void *copy = aligned_alloc(KERNEL_ALIGN, bytes);
    int rc;

    if (!copy)
        return err_set(ERR_NOMEM, "no memory for a page of %zu bytes", bytes);
    memcpy(copy, page, bytes);
    rc = page_clear(s, s->position % KERNEL_PAGE_POSITIONS, copy);
    if (rc == 0)
        rc = put(x, copy, bytes);
    free(copy);
    return rc;
}

static int pages_put(struct engine_session *s, struct saving *x)
{
    const struct kv_pool *pool = kv_cache_pool(s->kv);
    const int32_t *table = kv_cache_table(s->kv);
    uint32_t n_full = s->position / KERNEL_PAGE_POSITIONS;
    size_t bytes = kv_pool_id_bytes(pool);

    for (uint32_t i = 0; i < n_full; i++)
        TRY(put(x, kv_pool_page(pool, table[i]), bytes));
    return s->position % KERNEL_PAGE_POSITIONS
               ? last_page_put(s, x, kv_pool_page(pool, table[n_full]), bytes)
               : 0;
}

static int session_put(struct engine_session *s, struct saving *x)
{
    struct session_header h;

    TRY(header_fill(s, &h));
    TRY(put(x, &h, sizeof h));
    TRY(put(x, s->ids, h.n_tokens * sizeof *s->ids));
    TRY(put(x, s->logits, h.n_logits * sizeof *s->logits));
    return pages_put(s, x);
}

int engine_session_save(struct engine_session *s, const char *path)
{
    struct saving x = {0};
    char hex[SHA256_HEX];
    int rc = sha256_open(&x.digest);

    if (rc == 0)
        rc = file_writer_open(path, 0600, &x.file);
    if (rc == 0)
        rc = session_put(s, &x);
    if (x.digest)
        sha256_close(&x.digest, hex);
    if (rc == 0)
        rc = file_writer_add(x.file, hex, HEX);
    if (rc == 0)
        rc = file_writer_finish(&x.file);
    file_writer_abandon(&x.file);
    return rc < 0 ? err_wrap("saving the session") : 0;
}

/* --- loading --- */

/* What the header says the whole file has; false when no file can. */
static bool file_bytes(const struct session_header *h, size_t *out)
{
    size_t pages;

    return size_mul(h->id_bytes, kv_pages_for(h->n_tokens), &pages) &&
           size_add(sizeof *h + HEX + sizeof(int32_t) * (size_t)h->n_tokens +
                        sizeof(float) * (size_t)h->n_logits,
                    pages, out);
}

static int whole_check(const struct session_header *h, const char *data, size_t bytes,
                       const char *name)
{
    char hex[SHA256_HEX];
    size_t want;

    if (memcmp(h->magic, magic, sizeof magic))
        return err_set(ERR_FORMAT, "%s: not a session file", name);
    if (h->version != VERSION)
        return err_set(ERR_UNSUPPORTED, "%s: a session file of version %u; version %d is read here",
                       name, h->version, VERSION);
    if (!file_bytes(h, &want) || bytes != want)
        return err_set(ERR_FORMAT,
                       "%s: %zu bytes, not those of %u tokens: the session file is cut short or "
                       "damaged",
                       name, bytes, h->n_tokens);
    sha256_hex(data, bytes - HEX, hex);
    if (memcmp(data + bytes - HEX, hex, HEX))
        return err_set(ERR_INTEGRITY,
                       "%s: the checksum does not match: the session file is damaged", name);
    return 0;
}

/* Whether s can go on with a file that is whole. */
static int header_check(const struct engine_session *s, const struct session_header *h,
                        const char *name)
{
    struct session_header own;

    TRY(header_fill(s, &own));
    if (memcmp(h->model, own.model, HEX))
        return err_set(ERR_CONFLICT, "%s: a session of another model", name);
    if (h->kv_type != own.kv_type)
        return err_set(ERR_CONFLICT, "%s: a session with a KV cache of the other type: say --kv %s",
                       name, h->kv_type == KERNEL_Q8_0 ? "q8_0" : "f16");
    if (memcmp(h->layout, own.layout, HEX) || h->id_bytes != own.id_bytes)
        return err_set(ERR_CONFLICT,
                       "%s: a session of a kernel that lays pages out in another way: evaluate its "
                       "text again",
                       name);
    if (h->n_tokens > s->model->options.n_context)
        return err_set(ERR_RANGE, "%s: %u tokens do not fit a context of %u (--ctx)", name,
                       h->n_tokens, s->model->options.n_context);
    if (h->n_logits && h->n_logits != s->plan->width)
        return err_set(ERR_FORMAT, "%s: %u logits, the model has %zu", name, h->n_logits,
                       s->plan->width);
    return 0;
}

/* Tokens and logits, which have no alignment in the file. */
static int content_check(const struct engine_session *s, const struct session_header *h,
                         const char *at, const char *name)
{
    int32_t n_vocab = engine_model_n_vocab(s->model), id;
    float *logits;
    bool finite;

    for (uint32_t i = 0; i < h->n_tokens; i++) {
        memcpy(&id, at + i * sizeof id, sizeof id);
        if (id < 0 || id >= n_vocab)
            return err_set(ERR_FORMAT, "%s: token %u is %d, outside the vocabulary 0..%d", name, i,
                           id, n_vocab - 1);
    }
    if (!h->n_logits)
        return 0;
    logits = malloc(h->n_logits * sizeof *logits);
    if (!logits)
        return err_set(ERR_NOMEM, "no memory for %u logits", h->n_logits);
    memcpy(logits, at + h->n_tokens * sizeof id, h->n_logits * sizeof *logits);
    finite = session__all_finite(logits, h->n_logits);
    free(logits);
    return finite ? 0 : err_set(ERR_FORMAT, "%s: the logits are not finite", name);
}

/* All has been checked: put it into s. */
static int session_take(struct engine_session *s, const struct session_header *h, const char *at)
{
    struct kv_pool *pool = kv_cache_pool(s->kv);

    TRY(engine_session_truncate(s, 0));
    s->logits = NULL;
    TRY(kv_cache_reserve(s->kv, h->n_tokens));
    memcpy(s->ids, at, h->n_tokens * sizeof *s->ids);
    at += h->n_tokens * sizeof *s->ids;
    if (h->n_logits)
        s->logits = memcpy(session__logits_room(s), at, h->n_logits * sizeof *s->logits);
    at += h->n_logits * sizeof *s->logits;
    for (uint32_t i = 0; i < kv_cache_n_used(s->kv); i++)
        memcpy(kv_pool_page(pool, kv_cache_table(s->kv)[i]), at + i * h->id_bytes, h->id_bytes);
    s->position = s->logits_from = h->n_tokens;
    return 0;
}

int session__load(struct engine_session *s, const void *data, size_t bytes, const char *name)
{
    struct session_header h;
    const char *at = data;

    if (bytes < sizeof h)
        return err_set(ERR_FORMAT, "%s: %zu bytes are no session file", name, bytes);
    memcpy(&h, data, sizeof h);
    TRY(whole_check(&h, data, bytes, name));
    TRY(header_check(s, &h, name));
    TRY(content_check(s, &h, at + sizeof h, name));
    return session_take(s, &h, at + sizeof h);
}

int engine_session_load(struct engine_session *s, const char *path)
{
    struct file_map map;
    int rc;

    TRY(file_map_open(path, &map));
    rc = session__load(s, map.data, map.bytes, path);
    file_map_close(&map);
    return rc;
}

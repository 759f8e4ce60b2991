/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_write.c: a GGUF v3 file in one pass. Metadata and tensor headers wait in memory until the
 * first data arrives, because only then all offsets are known; data goes straight to the file. */
#include "engine/gguf/file_writer.h"
#include "engine/gguf/gguf_internal.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct kv_entry {
    char *key;
    struct strbuf blob; /* value type and value as the file wants them, without the key */
};

struct tensor_entry {
    char name[sizeof((struct gguf_tensor *)NULL)->name];
    uint32_t type, n_dims;
    int64_t ne[GGUF_MAX_DIMS];
    size_t bytes, offset; /* offset from the start of the data section */
};

struct gguf_writer {
    char path[PATH_MAX]; /* for messages */
    struct file_writer *out;
    struct kv_entry *kvs;
    struct tensor_entry *tensors;
    size_t n_kvs, n_tensors;
    size_t n_written; /* tensors whose data was given */
    size_t alignment;
    bool begun; /* the header is out */
};

int gguf_writer_open(const char *path, struct gguf_writer **out)
{
    struct gguf_writer *w = calloc(1, sizeof *w);
    int rc;

    *out = NULL;
    if (!w)
        return err_set(ERR_NOMEM, "%s: no memory", path);
    rc = file_writer_open(path, 0644, &w->out);
    if (rc < 0) {
        free(w);
        return rc;
    }
    snprintf(w->path, sizeof w->path, "%s", path);
    w->alignment = GGUF_DEFAULT_ALIGNMENT;
    *out = w;
    return 0;
}

static void writer_free(struct gguf_writer *w)
{
    for (size_t i = 0; i < w->n_kvs; i++) {
        free(w->kvs[i].key);
        strbuf_deinit(&w->kvs[i].blob);
    }
    free(w->kvs);
    free(w->tensors);
    free(w);
}

void gguf_writer_abandon(struct gguf_writer **w)
{
    if (!*w)
        return;
    file_writer_abandon(&(*w)->out);
    writer_free(*w);
    *w = NULL;
}

static void add_u32(struct strbuf *s, uint32_t v)
{
    strbuf_add(s, &v, sizeof v);
}

static void add_u64(struct strbuf *s, uint64_t v)
{
    strbuf_add(s, &v, sizeof v);
}

static void add_string(struct strbuf *s, const char *data, size_t len)
{
    add_u64(s, len);
    strbuf_add(s, data, len);
}

/* The entry of `key`, an old one emptied or a new one. NULL: no memory. */
static struct kv_entry *kv_slot(struct gguf_writer *w, const char *key, size_t len)
{
    struct kv_entry *grown;
    char *copy;

    for (size_t i = 0; i < w->n_kvs; i++)
        if (strlen(w->kvs[i].key) == len && !memcmp(w->kvs[i].key, key, len)) {
            strbuf_clear(&w->kvs[i].blob);
            return &w->kvs[i];
        }
    copy = strndup(key, len);
    grown = realloc(w->kvs, (w->n_kvs + 1) * sizeof *grown);
    if (grown)
        w->kvs = grown;
    if (!copy || !grown) {
        free(copy);
        return NULL;
    }
    w->kvs[w->n_kvs] = (struct kv_entry){.key = copy};
    return &w->kvs[w->n_kvs++];
}

static int alignment_set(struct gguf_writer *w, const struct gguf_kv *kv)
{
    uint32_t v;

    if (kv->type != GGUF_U32)
        return err_set(ERR_RANGE, "%s: general.alignment must be a u32", w->path);
    v = gguf__u32(kv->value);
    if (v < 8 || (v & (v - 1)))
        return err_set(ERR_RANGE, "%s: general.alignment %" PRIu32 " is no power of two from 8",
                       w->path, v);
    w->alignment = v;
    return 0;
}

int gguf_writer_add_kv(struct gguf_writer *w, const struct gguf_kv *kv)
{
    struct kv_entry *e;

    if (w->begun)
        return err_set(ERR_USAGE, "%s: key %.*s comes after the first data", w->path,
                       (int)kv->key.len, kv->key.data);
    if (kv->key.len == strlen("general.alignment") &&
        !memcmp(kv->key.data, "general.alignment", kv->key.len))
        TRY(alignment_set(w, kv));
    e = kv_slot(w, kv->key.data, kv->key.len);
    if (!e)
        return err_set(ERR_NOMEM, "%s: no memory", w->path);
    add_u32(&e->blob, kv->type);
    if (kv->type == GGUF_ARRAY) {
        add_u32(&e->blob, kv->element_type);
        add_u64(&e->blob, kv->count);
    }
    strbuf_add(&e->blob, kv->value, kv->bytes);
    return 0;
}

int gguf_writer_set_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    unsigned char bytes[4];

    memcpy(bytes, &value, sizeof bytes);
    return gguf_writer_add_kv(w, &(struct gguf_kv){.key = {key, strlen(key)},
                                                   .type = GGUF_U32,
                                                   .element_type = GGUF_U32,
                                                   .count = 1,
                                                   .value = bytes,
                                                   .bytes = sizeof bytes});
}

int gguf_writer_declare(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const int64_t *ne)
{
    struct tensor_entry t = {.type = type, .n_dims = n_dims};
    struct tensor_entry *grown;

    if (w->begun)
        return err_set(ERR_USAGE, "%s: tensor %s is declared after the first data", w->path, name);
    if (!*name || snprintf(t.name, sizeof t.name, "%s", name) >= (int)sizeof t.name)
        return err_set(ERR_RANGE, "%s: tensor name %s: 1 to %zu bytes are possible", w->path, name,
                       sizeof t.name - 1);
    for (size_t i = 0; i < w->n_tensors; i++)
        if (!strcmp(w->tensors[i].name, t.name))
            return err_set(ERR_USAGE, "%s: tensor %s is declared twice", w->path, name);
    if (gguf_tensor_size(type, n_dims, ne, &t.bytes)) {
        err_wrap("%s: tensor %s", w->path, name);
        return ERR_USAGE;
    }
    memcpy(t.ne, ne, n_dims * sizeof *ne);
    grown = realloc(w->tensors, (w->n_tensors + 1) * sizeof *grown);
    if (!grown)
        return err_set(ERR_NOMEM, "%s: no memory", w->path);
    w->tensors = grown;
    w->tensors[w->n_tensors++] = t;
    return 0;
}

/* Write magic, counts, metadata and tensor headers; pad to the data section. */
static int begin(struct gguf_writer *w)
{
    struct strbuf head = {0};
    size_t offset = 0;
    int rc;

    strbuf_add(&head, "GGUF", 4);
    add_u32(&head, 3);
    add_u64(&head, w->n_tensors);
    add_u64(&head, w->n_kvs);
    for (size_t i = 0; i < w->n_kvs; i++) {
        add_string(&head, w->kvs[i].key, strlen(w->kvs[i].key));
        strbuf_add(&head, w->kvs[i].blob.data, w->kvs[i].blob.len);
    }
    for (size_t i = 0; i < w->n_tensors; i++) {
        struct tensor_entry *t = &w->tensors[i];

        t->offset = offset;
        add_string(&head, t->name, strlen(t->name));
        add_u32(&head, t->n_dims);
        strbuf_add(&head, t->ne, t->n_dims * sizeof *t->ne);
        add_u32(&head, t->type);
        add_u64(&head, t->offset);
        offset = size_align(offset + t->bytes, w->alignment);
    }
    w->begun = true;
    rc = file_writer_add(w->out, head.data, head.len);
    strbuf_deinit(&head);
    return rc ? rc : file_writer_align(w->out, w->alignment);
}

int gguf_writer_data(struct gguf_writer *w, const void *data, size_t bytes)
{
    if (w->n_written == w->n_tensors)
        return err_set(ERR_USAGE, "%s: data for a tensor that was not declared", w->path);
    if (bytes != w->tensors[w->n_written].bytes)
        return err_set(ERR_USAGE, "%s: tensor %s takes %zu bytes, %zu were given", w->path,
                       w->tensors[w->n_written].name, w->tensors[w->n_written].bytes, bytes);
    if (!w->begun)
        TRY(begin(w));
    w->n_written++;
    TRY(file_writer_add(w->out, data, bytes));
    return file_writer_align(w->out, w->alignment);
}

int gguf_writer_finish(struct gguf_writer **out)
{
    struct gguf_writer *w = *out;

    if (w->n_written != w->n_tensors)
        return err_set(ERR_USAGE, "%s: tensor %s has no data yet", w->path,
                       w->tensors[w->n_written].name);
    if (!w->begun)
        TRY(begin(w));
    TRY(file_writer_finish(&w->out));
    writer_free(w);
    *out = NULL;
    return 0;
}

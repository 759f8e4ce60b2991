/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_parse.c: from bytes to checked tables. Every read goes through `need`, counts are held
 * against the bytes that are left before anything is allocated for them, and tensors are resolved
 * to pointers only after their last byte was found inside the file. */
#include "engine/gguf/gguf_internal.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
    struct gguf_file *f;
    size_t at;
};

/* True when n more bytes are there. */
static bool need(const struct reader *r, uint64_t n)
{
    return n <= r->f->bytes - r->at;
}

/* The file ended inside `what` (a field, of which kv or tensor). */
static int cut(const struct reader *r, const char *what)
{
    return err_set(ERR_FORMAT, "%s: the file ends at byte %zu, inside %s", r->f->name, r->f->bytes,
                   what);
}

static int read_u32(struct reader *r, const char *what, uint32_t *out)
{
    if (!need(r, 4))
        return cut(r, what);
    *out = gguf__u32(r->f->base + r->at);
    r->at += 4;
    return 0;
}

static int read_u64(struct reader *r, const char *what, uint64_t *out)
{
    if (!need(r, 8))
        return cut(r, what);
    *out = gguf__u64(r->f->base + r->at);
    r->at += 8;
    return 0;
}

static int read_string(struct reader *r, const char *what, struct gguf_string *out)
{
    uint64_t len = 0;

    TRY(read_u64(r, what, &len));
    if (!need(r, len))
        return err_set(ERR_FORMAT, "%s: %s has a length of %" PRIu64 ", %zu bytes are left",
                       r->f->name, what, len, r->f->bytes - r->at);
    *out = (struct gguf_string){(const char *)r->f->base + r->at, (size_t)len};
    r->at += (size_t)len;
    return 0;
}

/* Control characters: C0, DEL, and C1 as UTF-8 writes it. */
static bool is_control(struct gguf_string s, size_t i)
{
    unsigned char c = (unsigned char)s.data[i];

    return c < 0x20 || c == 0x7f ||
           (c == 0xc2 && i + 1 < s.len && (unsigned char)s.data[i + 1] < 0xa0);
}

/* Names end up in messages and on terminals, and callers look them up as C strings. */
static int name_check(const struct reader *r, const char *what, struct gguf_string s, size_t max)
{
    if (!s.len || s.len > max)
        return err_set(ERR_FORMAT, "%s: %s has %zu bytes, 1 to %zu are possible", r->f->name, what,
                       s.len, max);
    for (size_t i = 0; i < s.len; i++)
        if (is_control(s, i))
            return err_set(ERR_FORMAT, "%s: %s has a control character in it at byte %zu",
                           r->f->name, what, i);
    return 0;
}

static int string_compare(struct gguf_string a, struct gguf_string b)
{
    int c = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* --- metadata --- */

static int bools_check(const struct reader *r, const struct gguf_kv *kv)
{
    for (size_t i = 0; i < kv->bytes; i++)
        if (kv->value[i] > 1)
            return err_set(ERR_FORMAT, "%s: key %.*s: a bool is %d, neither 0 nor 1", r->f->name,
                           (int)kv->key.len, kv->key.data, kv->value[i]);
    return 0;
}

/* Step over the kv's values: kv->count of kv->element_type. */
static int values_skip(struct reader *r, struct gguf_kv *kv, const char *what)
{
    size_t size = gguf__value_bytes(kv->element_type), start = r->at, bytes;

    if (kv->element_type == GGUF_STRING) {
        struct gguf_string s;

        if (kv->count > (r->f->bytes - r->at) / 8)
            return err_set(ERR_FORMAT, "%s: %s has a count of %" PRIu64 ", %zu bytes are left",
                           r->f->name, what, kv->count, r->f->bytes - r->at);
        for (uint64_t i = 0; i < kv->count; i++)
            TRY(read_string(r, what, &s));
    } else {
        if (!size_mul(kv->count, size, &bytes) || !need(r, bytes))
            return err_set(ERR_FORMAT, "%s: %s has a count of %" PRIu64 ", %zu bytes are left",
                           r->f->name, what, kv->count, r->f->bytes - r->at);
        r->at += bytes;
    }
    kv->value = r->f->base + start;
    kv->bytes = r->at - start;
    return kv->element_type == GGUF_BOOL ? bools_check(r, kv) : 0;
}

static int kv_parse(struct reader *r, size_t index, struct gguf_kv *kv)
{
    char what[160];

    snprintf(what, sizeof what, "the name of key %zu", index);
    TRY(read_string(r, what, &kv->key));
    TRY(name_check(r, what, kv->key, GGUF_MAX_KEY));
    snprintf(what, sizeof what, "key %.*s", (int)(kv->key.len < 128 ? kv->key.len : 128),
             kv->key.data);
    TRY(read_u32(r, what, &kv->type));
    kv->element_type = kv->type;
    kv->count = 1;
    if (kv->type == GGUF_ARRAY) {
        TRY(read_u32(r, what, &kv->element_type));
        TRY(read_u64(r, what, &kv->count));
        if (kv->element_type == GGUF_ARRAY)
            return err_set(ERR_FORMAT, "%s: %s is an array of arrays, which nothing here reads",
                           r->f->name, what);
    }
    if (!gguf_value_type_name(kv->element_type))
        return err_set(ERR_FORMAT, "%s: %s has the unknown value type %" PRIu32, r->f->name, what,
                       kv->element_type);
    return values_skip(r, kv, what);
}

static int kv_pointer_compare(const void *a, const void *b)
{
    return string_compare((*(const struct gguf_kv *const *)a)->key,
                          (*(const struct gguf_kv *const *)b)->key);
}

static int kvs_parse(struct reader *r, uint64_t n)
{
    struct gguf_file *f = r->f;

    f->kvs = calloc(n + 1, sizeof *f->kvs);
    f->kvs_by_key = calloc(n + 1, sizeof *f->kvs_by_key);
    if (!f->kvs || !f->kvs_by_key)
        return err_set(ERR_NOMEM, "%s: no memory for %" PRIu64 " keys", f->name, n);
    for (; f->n_kvs < n; f->n_kvs++) {
        TRY(kv_parse(r, f->n_kvs, &f->kvs[f->n_kvs]));
        f->kvs_by_key[f->n_kvs] = &f->kvs[f->n_kvs];
    }
    qsort(f->kvs_by_key, f->n_kvs, sizeof *f->kvs_by_key, kv_pointer_compare);
    for (size_t i = 1; i < f->n_kvs; i++)
        if (!string_compare(f->kvs_by_key[i - 1]->key, f->kvs_by_key[i]->key))
            return err_set(ERR_FORMAT, "%s: key %.*s is there twice", f->name,
                           (int)f->kvs_by_key[i]->key.len, f->kvs_by_key[i]->key.data);
    return 0;
}

/* --- tensors --- */

/* One header; `data` holds the offset (in bytes, from the data section) until tensors_place. */
static int tensor_parse(struct reader *r, size_t index, struct gguf_tensor *t, uint64_t *offset)
{
    struct gguf_string name;
    char what[192];
    uint64_t extent = 0;

    snprintf(what, sizeof what, "the name of tensor %zu", index);
    TRY(read_string(r, what, &name));
    TRY(name_check(r, what, name, sizeof t->name - 1));
    memcpy(t->name, name.data, name.len);
    snprintf(what, sizeof what, "tensor %s", t->name);
    TRY(read_u32(r, what, &t->n_dims));
    if (t->n_dims < 1 || t->n_dims > GGUF_MAX_DIMS)
        return err_set(ERR_FORMAT, "%s: %s: %" PRIu32 " dimensions, 1 to 4 are possible",
                       r->f->name, what, t->n_dims);
    for (uint32_t i = 0; i < GGUF_MAX_DIMS; i++)
        t->ne[i] = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        TRY(read_u64(r, what, &extent));
        if (extent < 1 || extent > INT64_MAX)
            return err_set(ERR_FORMAT, "%s: %s: dimension %" PRIu32 " is %" PRIu64, r->f->name,
                           what, i, extent);
        t->ne[i] = (int64_t)extent;
    }
    TRY(read_u32(r, what, &t->type));
    TRY(read_u64(r, what, offset));
    if (gguf_tensor_size(t->type, t->n_dims, t->ne, &t->bytes))
        return err_wrap("%s: %s", r->f->name, what);
    return 0;
}

static int tensor_pointer_compare(const void *a, const void *b)
{
    return strcmp((*(const struct gguf_tensor *const *)a)->name,
                  (*(const struct gguf_tensor *const *)b)->name);
}

static int alignment_get(const struct gguf_file *f, size_t *out)
{
    int64_t alignment = GGUF_DEFAULT_ALIGNMENT;

    TRY(gguf_get_int(f, "general.alignment", &alignment));
    /* The specification wants a multiple of 8, and so does whoever reads an f32 in place. */
    if (alignment < 8 || alignment > UINT32_MAX || (alignment & (alignment - 1)))
        return err_set(ERR_FORMAT, "%s: general.alignment is %" PRId64 ", no power of two from 8",
                       f->name, alignment);
    *out = (size_t)alignment;
    return 0;
}

/* Turn offsets into pointers: the data section begins at the next multiple of the alignment. */
static int tensors_place(struct reader *r, const uint64_t *offsets)
{
    struct gguf_file *f = r->f;
    size_t alignment = 0, start;

    TRY(alignment_get(f, &alignment));
    start = size_align(r->at, alignment);
    f->head_bytes = start < f->bytes ? start : f->bytes;
    for (size_t i = 0; i < f->n_tensors; i++) {
        struct gguf_tensor *t = &f->tensors[i];

        if (offsets[i] % alignment)
            return err_set(ERR_FORMAT, "%s: tensor %s: offset %" PRIu64 " is no multiple of %zu",
                           f->name, t->name, offsets[i], alignment);
        if (start > f->file_bytes || offsets[i] > f->file_bytes - start ||
            t->bytes > f->file_bytes - start - offsets[i])
            return err_set(ERR_FORMAT,
                           "%s: tensor %s: its %zu bytes at offset %" PRIu64
                           " of the data reach past the end of the file (%zu bytes)",
                           f->name, t->name, t->bytes, offsets[i], f->file_bytes);
        t->offset = start + offsets[i];
        if (t->offset + t->bytes <= f->bytes)
            t->data = f->base + t->offset;
    }
    return 0;
}

static int tensors_parse(struct reader *r, uint64_t n)
{
    struct gguf_file *f = r->f;
    uint64_t *offsets = calloc(n + 1, sizeof *offsets);
    int rc = 0;

    f->tensors = calloc(n + 1, sizeof *f->tensors);
    f->tensors_by_name = calloc(n + 1, sizeof *f->tensors_by_name);
    if (!offsets || !f->tensors || !f->tensors_by_name) {
        rc = err_set(ERR_NOMEM, "%s: no memory for %" PRIu64 " tensors", f->name, n);
        goto out;
    }
    for (; f->n_tensors < n; f->n_tensors++) {
        rc = tensor_parse(r, f->n_tensors, &f->tensors[f->n_tensors], &offsets[f->n_tensors]);
        if (rc)
            goto out;
        f->tensors_by_name[f->n_tensors] = &f->tensors[f->n_tensors];
    }
    qsort(f->tensors_by_name, f->n_tensors, sizeof *f->tensors_by_name, tensor_pointer_compare);
    for (size_t i = 1; i < f->n_tensors && !rc; i++)
        if (!strcmp(f->tensors_by_name[i - 1]->name, f->tensors_by_name[i]->name))
            rc = err_set(ERR_FORMAT, "%s: tensor %s is there twice", f->name,
                         f->tensors_by_name[i]->name);
    if (!rc)
        rc = tensors_place(r, offsets);
out:
    free(offsets);
    return rc;
}

/* --- the file --- */

static int version_check(struct reader *r)
{
    uint32_t version = 0;

    TRY(read_u32(r, "the version", &version));
    if (version == 2 || version == 3) {
        r->f->version = version;
        return 0;
    }
    if (version && !(version & 0xffff))
        return err_set(ERR_UNSUPPORTED,
                       "%s: a big-endian GGUF file; convert it to little-endian first", r->f->name);
    return err_set(ERR_UNSUPPORTED, "%s: GGUF version %" PRIu32 "; versions 2 and 3 are read here",
                   r->f->name, version);
}

int gguf__parse(struct gguf_file *f)
{
    /* The least a key (length, one character, type, one byte) and a tensor header can take. */
    enum { KV_MIN = 8 + 1 + 4 + 1, TENSOR_MIN = 8 + 1 + 4 + 8 + 4 + 8 };
    struct reader r = {f, 0};
    uint64_t n_tensors = 0, n_kvs = 0;

    if (f->bytes < 4)
        return cut(&r, "the magic number");
    if (!memcmp(f->base, "FUGG", 4))
        return err_set(ERR_UNSUPPORTED,
                       "%s: a big-endian GGUF file; convert it to little-endian first", f->name);
    if (memcmp(f->base, "GGUF", 4))
        return err_set(ERR_FORMAT, "%s: not a GGUF file (it begins %02x %02x %02x %02x)", f->name,
                       f->base[0], f->base[1], f->base[2], f->base[3]);
    r.at = 4;
    TRY(version_check(&r));
    TRY(read_u64(&r, "the tensor count", &n_tensors));
    TRY(read_u64(&r, "the key count", &n_kvs));
    if (n_kvs > (f->bytes - r.at) / KV_MIN)
        return err_set(ERR_FORMAT, "%s: the key count is %" PRIu64 ", %zu bytes are left", f->name,
                       n_kvs, f->bytes - r.at);
    if (n_tensors > (f->bytes - r.at) / TENSOR_MIN)
        return err_set(ERR_FORMAT, "%s: the tensor count is %" PRIu64 ", %zu bytes are left",
                       f->name, n_tensors, f->bytes - r.at);
    TRY(kvs_parse(&r, n_kvs));
    return tensors_parse(&r, n_tensors);
}

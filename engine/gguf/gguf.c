/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gguf/gguf_internal.h"

#include "reference/base/err.h"

#include <inttypes.h>
#include <stdlib.h>

static struct gguf_file *file_new(const char *name)
{
    struct gguf_file *f = calloc(1, sizeof *f);

    if (f)
        f->name = strdup(name);
    if (f && !f->name) {
        free(f);
        f = NULL;
    }
    if (!f)
        err_set(ERR_NOMEM, "%s: no memory", name);
    return f;
}

int gguf_open(const char *path, struct gguf_file **out)
{
    struct file_map map;
    int rc;

    *out = NULL;
    TRY(file_map_open(path, &map));
    rc = gguf_open_memory(map.data, map.bytes, path, out);
    if (rc)
        file_map_close(&map);
    else
        gguf_own_map(*out, &map);
    return rc;
}

int gguf_open_memory(const void *data, size_t bytes, const char *name, struct gguf_file **out)
{
    return gguf_open_head(data, bytes, bytes, name, out);
}

int gguf_open_head(const void *data, size_t bytes, size_t file_bytes, const char *name,
                   struct gguf_file **out)
{
    struct gguf_file *f = file_new(name);
    int rc;

    *out = NULL;
    if (!f)
        return ERR_NOMEM;
    f->base = data;
    f->bytes = bytes;
    f->file_bytes = file_bytes;
    rc = gguf__parse(f);
    if (rc)
        gguf_close(&f);
    *out = f;
    return rc;
}

void gguf_own_map(struct gguf_file *f, const struct file_map *map)
{
    f->map = *map;
}

void gguf_close(struct gguf_file **f)
{
    struct gguf_file *g = *f;

    if (!g)
        return;
    file_map_close(&g->map);
    free(g->kvs);
    free(g->tensors);
    free(g->kvs_by_key);
    free(g->tensors_by_name);
    free(g->name);
    free(g);
    *f = NULL;
}

uint32_t gguf_version(const struct gguf_file *f)
{
    return f->version;
}

size_t gguf_file_bytes(const struct gguf_file *f)
{
    return f->file_bytes;
}

const void *gguf_head(const struct gguf_file *f, size_t *bytes)
{
    *bytes = f->head_bytes;
    return f->base;
}

size_t gguf_n_kv(const struct gguf_file *f)
{
    return f->n_kvs;
}

const struct gguf_kv *gguf_kv_at(const struct gguf_file *f, size_t i)
{
    return &f->kvs[i];
}

size_t gguf_n_tensors(const struct gguf_file *f)
{
    return f->n_tensors;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf_file *f, size_t i)
{
    return &f->tensors[i];
}

static int key_compare(const void *key, const void *item)
{
    const struct gguf_kv *kv = *(const struct gguf_kv *const *)item;
    size_t len = strlen(key), shorter = len < kv->key.len ? len : kv->key.len;
    int c = memcmp(key, kv->key.data, shorter);

    return c ? c : (len > kv->key.len) - (len < kv->key.len);
}

const struct gguf_kv *gguf_kv_find(const struct gguf_file *f, const char *key)
{
    const struct gguf_kv **hit =
        bsearch(key, f->kvs_by_key, f->n_kvs, sizeof *f->kvs_by_key, key_compare);

    return hit ? *hit : NULL;
}

static int tensor_name_compare(const void *name, const void *item)
{
    return strcmp(name, (*(const struct gguf_tensor *const *)item)->name);
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf_file *f, const char *name)
{
    const struct gguf_tensor **hit = bsearch(name, f->tensors_by_name, f->n_tensors,
                                             sizeof *f->tensors_by_name, tensor_name_compare);

    return hit ? *hit : NULL;
}

/* --- values --- */

static bool type_is_int(uint32_t type)
{
    return type <= GGUF_I32 || type == GGUF_U64 || type == GGUF_I64;
}

/* The integer at p; u64 above INT64_MAX comes out negative, which get_int refuses. */
static int64_t load_int(uint32_t type, const unsigned char *p)
{
    switch (type) {
    case GGUF_U8:
    case GGUF_BOOL:
        return p[0];
    case GGUF_I8:
        return (int8_t)p[0];
    case GGUF_U16:
        return gguf__u16(p);
    case GGUF_I16:
        return (int16_t)gguf__u16(p);
    case GGUF_U32:
        return gguf__u32(p);
    case GGUF_I32:
        return (int32_t)gguf__u32(p);
    default:
        return (int64_t)gguf__u64(p);
    }
}

static double load_float(uint32_t type, const unsigned char *p)
{
    float f;
    double d;

    if (type == GGUF_F32) {
        memcpy(&f, p, sizeof f);
        return f;
    }
    if (type == GGUF_F64) {
        memcpy(&d, p, sizeof d);
        return d;
    }
    return (double)load_int(type, p);
}

static int wrong_type(const struct gguf_file *f, const struct gguf_kv *kv, const char *wanted)
{
    return err_set(ERR_FORMAT, "%s: key %.*s is %s, not %s", f->name, (int)kv->key.len,
                   kv->key.data, gguf_value_type_name(kv->type), wanted);
}

int gguf_get_int(const struct gguf_file *f, const char *key, int64_t *out)
{
    const struct gguf_kv *kv = gguf_kv_find(f, key);
    int64_t v;

    if (!kv)
        return 1;
    if (!type_is_int(kv->type))
        return wrong_type(f, kv, "an integer");
    v = load_int(kv->type, kv->value);
    if (kv->type == GGUF_U64 && v < 0)
        return err_set(ERR_FORMAT, "%s: key %s: %" PRIu64 " is too large", f->name, key,
                       (uint64_t)v);
    *out = v;
    return 0;
}

int gguf_get_float(const struct gguf_file *f, const char *key, double *out)
{
    const struct gguf_kv *kv = gguf_kv_find(f, key);

    if (!kv)
        return 1;
    if (kv->type != GGUF_F32 && kv->type != GGUF_F64 && !type_is_int(kv->type))
        return wrong_type(f, kv, "a number");
    *out = load_float(kv->type, kv->value);
    return 0;
}

int gguf_get_bool(const struct gguf_file *f, const char *key, bool *out)
{
    const struct gguf_kv *kv = gguf_kv_find(f, key);

    if (!kv)
        return 1;
    if (kv->type != GGUF_BOOL)
        return wrong_type(f, kv, "a bool");
    *out = kv->value[0] != 0;
    return 0;
}

/* The string whose length field is at p. */
static struct gguf_string load_string(const unsigned char *p)
{
    return (struct gguf_string){(const char *)p + 8, (size_t)gguf__u64(p)};
}

int gguf_get_string(const struct gguf_file *f, const char *key, struct gguf_string *out)
{
    const struct gguf_kv *kv = gguf_kv_find(f, key);

    if (!kv)
        return 1;
    if (kv->type != GGUF_STRING)
        return wrong_type(f, kv, "a string");
    *out = load_string(kv->value);
    return 0;
}

double gguf_array_float(const struct gguf_kv *kv, uint64_t i)
{
    return load_float(kv->element_type, kv->value + i * gguf__value_bytes(kv->element_type));
}

int64_t gguf_array_int(const struct gguf_kv *kv, uint64_t i)
{
    return load_int(kv->element_type, kv->value + i * gguf__value_bytes(kv->element_type));
}

int gguf_array_strings(const struct gguf_kv *kv, struct gguf_string *out)
{
    const unsigned char *p = kv->value;

    if (kv->type != GGUF_ARRAY || kv->element_type != GGUF_STRING)
        return err_set(ERR_FORMAT, "gguf: key %.*s is no array of strings", (int)kv->key.len,
                       kv->key.data);
    for (uint64_t i = 0; i < kv->count; i++) {
        out[i] = load_string(p);
        p += 8 + out[i].len;
    }
    return 0;
}

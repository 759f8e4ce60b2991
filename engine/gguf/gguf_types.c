/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_types.c: sizes of what a file holds: tensors by their block format, values by their type. */
#include "engine/gguf/gguf_internal.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/base/formats.h"

#include <inttypes.h>

static const struct {
    size_t bytes;
    const char *name;
} value_types[] = {
    [GGUF_U8] = {1, "u8"},       [GGUF_I8] = {1, "i8"},     [GGUF_U16] = {2, "u16"},
    [GGUF_I16] = {2, "i16"},     [GGUF_U32] = {4, "u32"},   [GGUF_I32] = {4, "i32"},
    [GGUF_F32] = {4, "f32"},     [GGUF_BOOL] = {1, "bool"}, [GGUF_STRING] = {0, "string"},
    [GGUF_ARRAY] = {0, "array"}, [GGUF_U64] = {8, "u64"},   [GGUF_I64] = {8, "i64"},
    [GGUF_F64] = {8, "f64"},
};

/* The activation formats have a row in the table too; no file holds them. */
static const struct format *file_format_find(uint32_t type)
{
    return type == KERNEL_Q8_K || type == KERNEL_Q8_32 ? NULL : format_find(type);
}

bool gguf_type_block(uint32_t type, int64_t *elements, size_t *bytes)
{
    const struct format *format = file_format_find(type);

    if (!format)
        return false;
    *elements = format->elements;
    *bytes = format->bytes;
    return true;
}

const char *gguf_type_name(uint32_t type)
{
    const struct format *format = file_format_find(type);

    return format ? format->name : NULL;
}

size_t gguf__value_bytes(uint32_t type)
{
    return type < sizeof value_types / sizeof *value_types ? value_types[type].bytes : 0;
}

const char *gguf_value_type_name(uint32_t type)
{
    return type < sizeof value_types / sizeof *value_types ? value_types[type].name : NULL;
}

int gguf_tensor_size(uint32_t type, uint32_t n_dims, const int64_t *ne, size_t *bytes)
{
    const struct format *format = file_format_find(type);
    int64_t block;
    size_t n;

    if (!format)
        return err_set(ERR_FORMAT, "type %" PRIu32 " is not a tensor type known here", type);
    block = format->elements;
    if (n_dims < 1 || n_dims > GGUF_MAX_DIMS)
        return err_set(ERR_FORMAT, "%" PRIu32 " dimensions, 1 to 4 are possible", n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        if (ne[i] < 1)
            return err_set(ERR_FORMAT, "dimension %" PRIu32 " is %" PRId64, i, ne[i]);
    if (ne[0] % block)
        return err_set(ERR_FORMAT,
                       "rows of %" PRId64 " are no whole number of %s blocks of %" PRId64, ne[0],
                       format->name, block);
    n = (size_t)(ne[0] / block);
    for (uint32_t i = 1; i < n_dims; i++)
        if (!size_mul(n, (size_t)ne[i], &n))
            return err_set(ERR_FORMAT, "the product of its dimensions overflows");
    if (!size_mul(n, format->bytes, bytes) || *bytes > PTRDIFF_MAX ||
        n > (size_t)(INT64_MAX / block))
        return err_set(ERR_FORMAT, "its size in bytes overflows");
    return 0;
}

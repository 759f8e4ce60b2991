/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel.c: the mutable unit. One translation unit made of the .inc files beside it, each included
 * once; those ending in _avx2 are compiled for AVX2, FMA, F16C and BMI2, those ending in _avx512 for
 * AVX-512 F, BW, DQ, VL, CD and VNNI besides, those in _amx for its tiles of bytes on top, and run
 * only where the team's features say so; everything else runs on any x86-64. Here: what is supported,
 * what it costs, who computes it.
 */
#include "kernel/kernel.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

const char kernel_name[] = "pawl: scalar, AVX2, AVX-512 and AMX";
const char problem_description[] =
    "inference on K-quant, IQ4, ternary, Q4 to Q8 and float weights with paged f16 or q8_0 KV";

#include "kernel/tunables.inc"
#include "kernel/layout.inc"
#include "kernel/math_scalar.inc"
#include "kernel/block32_scalar.inc"
#include "kernel/pack.inc"
#include "kernel/product.inc"
#include "kernel/matmul_scalar.inc"
#include "kernel/matmul_block.inc"
#include "kernel/matmul_float.inc"
#include "kernel/matmul.inc"
#include "kernel/matmul_ids.inc"
#include "kernel/rows_scalar.inc"
#include "kernel/pages_scalar.inc"
#include "kernel/attention.inc"
#include "kernel/attention_scalar.inc"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi2")
#endif
#include "kernel/math_avx2.inc"
#include "kernel/matmul_avx2.inc"
#include "kernel/matmul_k_quant_avx2.inc"
#include "kernel/matmul_float_avx2.inc"
#include "kernel/matmul_block_avx2.inc"
#include "kernel/rows_avx2.inc"
#include "kernel/pack_avx2.inc"
#include "kernel/pages_avx2.inc"
#include "kernel/attention_avx2.inc"
#include "kernel/attention_q8_0_avx2.inc"
#include "kernel/attention_f16_avx2.inc"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#ifdef __clang__
#pragma clang attribute push(                                                                      \
    __attribute__((                                                                                \
        target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni"))),     \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni")
#endif
#include "kernel/math_avx512.inc"
#include "kernel/matmul_k_quant_avx512.inc"
#include "kernel/matmul_block32_avx512.inc"
#include "kernel/matmul_block256_avx512.inc"
#include "kernel/matmul_float_avx512.inc"
#include "kernel/rows_avx512.inc"
#include "kernel/attention_avx512.inc"
#include "kernel/attention_q8_0_avx512.inc"
#include "kernel/attention_f16_avx512.inc"
#include "kernel/pages_avx512.inc"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#ifdef __clang__
#pragma clang attribute push(                                                                      \
    __attribute__((                                                                                \
        target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni,"        \
               "amx-tile,amx-int8"))),                                                             \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni")
#pragma GCC target("amx-tile,amx-int8")
#endif
#include "kernel/matmul_k_quant_amx.inc"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static const struct kernel_tensor *call_pages(const struct kernel_call *call)
{
    switch (call->op) {
    case KERNEL_KV_STORE:
        return &call->out[0];
    case KERNEL_KV_LOAD:
        return &call->in[0];
    default:
        return &call->in[1];
    }
}

static bool supported(const struct kernel_call *call)
{
    const struct kernel_tensor *pages;
    size_t block;

    switch (call->op) {
    case KERNEL_PACK:
    case KERNEL_GET_ROWS:
        block = type_block(call->in[0].type);
        return block && call->in[0].ne[0] % (int64_t)block == 0;
    case KERNEL_QUANTIZE:
        return call->out[0].type == KERNEL_Q8_K || call->out[0].type == KERNEL_Q8_32;
    case KERNEL_GEMV:
    case KERNEL_GEMM:
    case KERNEL_GEMM_IDS:
        block = type_block(call->in[1].type);
        return block && call->n_in > (call->op == KERNEL_GEMM_IDS ? 2 : 1) &&
               call->in[1].ne[0] % (int64_t)block == 0 &&
               call->in[0].type == activation_type(call->in[1].type);
    case KERNEL_GLU:
        return call->i[KERNEL_I_ACT] >= 0 && call->i[KERNEL_I_ACT] < KERNEL_N_ACTS;
    case KERNEL_KV_STORE:
    case KERNEL_KV_LOAD:
    case KERNEL_ATTENTION:
        pages = call_pages(call);
        return pages->ne[0] % 8 == 0 && (pages->type == KERNEL_F16 || pages->type == KERNEL_Q8_0);
    default:
        return call->op < KERNEL_N_OPS;
    }
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    enum path path = path_of(team->features);

    if (!supported(call))
        return KERNEL_UNSUPPORTED;
    switch (call->op) {
    case KERNEL_PACK:
        pack(call, team);
        break;
    case KERNEL_GET_ROWS:
        get_rows(call, team, path);
        break;
    case KERNEL_GEMV:
    case KERNEL_GEMM:
        matmul(call, team, path);
        break;
    case KERNEL_GEMM_IDS:
        matmul_ids(call, team, path);
        break;
    case KERNEL_KV_STORE:
    case KERNEL_KV_LOAD:
        kv_copy(call, team, path);
        break;
    case KERNEL_ATTENTION:
        attention(call, team, path);
        break;
    case KERNEL_ROPE:
        rope(call, team, path);
        break;
    case KERNEL_GLU:
    case KERNEL_ADD:
    case KERNEL_MIX:
        element_wise(call, team, path);
        break;
    default:
        whole_rows(call, team, path);
    }
    return KERNEL_OK;
}

/* --- what it declares --- */

static void buffer_add(struct kernel_tiling *out, const char *name, size_t bytes, size_t n_reads)
{
    out->buffers[out->n_buffers].name = name;
    out->buffers[out->n_buffers].bytes = bytes;
    out->buffers[out->n_buffers++].n_reads = (uint32_t)n_reads;
}

static void tiling_panels(const struct kernel_call *call, uint32_t n_threads, enum path path,
                          struct kernel_tiling *out)
{
    bool tiles = has_tiles(call->in[1].type, path, (size_t)call->in[0].ne[1]);
    struct matmul_plan p =
        matmul_plan(&call->in[1], call->n_in - 1, (size_t)call->in[0].ne[1], n_threads, tiles);
    bool sweep = p.columns > FEW_COLUMNS || tiles;
    size_t n_blocks = div_up(p.n, p.columns), groups = sweep ? p.panel_groups : 1;

    out->tile_m = (uint32_t)groups * GROUP;
    out->tile_n = (uint32_t)(sweep ? p.tile : p.columns);
    out->tile_k = KERNEL_QK_K;
    out->n_vector_regs = tiles ? 16 : 2 * (uint32_t)groups * out->tile_n + 4;
    out->scratch_bytes = matmul_scratch_bytes(&p);
    buffer_add(out, "weights of a group", group_bytes(p.type, p.k), n_blocks);
    buffer_add(out, "arranged columns", p.columns_bytes, div_up(p.n_groups, groups));
    buffer_add(out, "sums of a sweep", p.sum_bytes, p.k / KERNEL_QK_K);
    buffer_add(out, "decoded block", p.panel_bytes, div_up(p.columns, out->tile_n));
}

static void tiling_matmul(const struct kernel_call *call, enum path path, struct kernel_tiling *out)
{
    uint32_t type = call->in[1].type;
    size_t k = (size_t)call->in[1].ne[0], n = (size_t)call->in[0].ne[1];
    size_t column = activation_bytes(type, k), block = ((size_t)COLUMN_BLOCK_KIB << 10) / column;
    bool sweeps = type_is_float(type) && path >= PATH_AVX2;
    size_t width = sweeps ? FLOAT_SWEEP : tile_columns(type, path);

    out->scratch_bytes = type_is_float(type) ? sizeof(struct float_scratch) : 0;
    out->tile_m = GROUP;
    out->tile_n = (uint32_t)min_size(n, width);
    out->tile_k = sweeps                ? FLOAT_BLOCK
                  : type_is_float(type) ? FLOAT_SUMS
                                        : (uint32_t)type_block(type);
    out->n_vector_regs = 3 * (uint32_t)min_size(n, TILE_N) + 4;
    block = block < width ? width : block;
    buffer_add(out, "weights of a group", group_bytes(type, k), div_up(n, block));
    buffer_add(out, "block of columns", min_size(n, block) * column,
               div_up((size_t)call->in[1].ne[1], GROUP));
}

static void tiling_product(const struct kernel_call *call, uint32_t n_threads, enum path path,
                           struct kernel_tiling *out)
{
    out->layout_id = LAYOUT_WEIGHTS | call->in[1].type;
    if (has_panels(call->in[1].type, path))
        tiling_panels(call, n_threads, path, out);
    else
        tiling_matmul(call, path, out);
}

/* Tiles are those of a GEMM of the columns that one expert gets at most. */
static void tiling_ids(const struct kernel_call *call, uint32_t n_threads, enum path path,
                       struct kernel_tiling *out)
{
    struct kernel_call gemm = *call;
    struct ids lists;

    size_t scratch = ids_carve(call, path, NULL, &lists);

    gemm.n_in--;
    gemm.in[0].ne[1] = (int64_t)lists.block;
    tiling_product(&gemm, n_threads, path, out);
    out->scratch_bytes = scratch;
}

static void tiling_attention(const struct kernel_call *call, uint32_t n_threads,
                             struct kernel_tiling *out)
{
    const struct kernel_tensor *pages = &call->in[1];
    struct page_shape s = page_shape(pages->type, (size_t)pages->ne[0]);
    struct attention_scratch unused;
    struct attention_plan p = attention_plan(call, &s, n_threads);

    out->tile_m = (uint32_t)s.head_dim;
    out->tile_n = (uint32_t)p.tile_rows;
    out->tile_k = BLOCK_K;
    out->n_vector_regs = 12;
    out->scratch_bytes = attention_scratch_carve(&s, NULL, &unused);
    buffer_add(out, "page", s.bytes, p.n_tiles);
    buffer_add(out, "rows of a tile", out->scratch_bytes, 1);
    out->scratch_bytes += attention_parts_room(call, &s, n_threads);
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    const struct kernel_tensor *in = call->in;

    memset(out, 0, sizeof *out);
    if (!supported(call))
        return KERNEL_UNSUPPORTED;
    out->tile_m = out->tile_n = out->tile_k = 1;
    switch (call->op) {
    case KERNEL_PACK:
        out->opaque_bytes = (size_t)in->ne[2] * expert_bytes(in);
        out->layout_id = LAYOUT_WEIGHTS | in->type;
        break;
    case KERNEL_GET_ROWS:
        out->layout_id = LAYOUT_WEIGHTS | in->type;
        break;
    case KERNEL_GEMV:
    case KERNEL_GEMM:
        tiling_product(call, n_threads, path_of(features), out);
        break;
    case KERNEL_GEMM_IDS:
        tiling_ids(call, n_threads, path_of(features), out);
        break;
    case KERNEL_ATTENTION:
        tiling_attention(call, n_threads, out);
        /* fall through */
    case KERNEL_KV_STORE:
    case KERNEL_KV_LOAD:
        in = call_pages(call);
        out->opaque_bytes = page_shape(in->type, (size_t)in->ne[0]).bytes;
        out->layout_id = LAYOUT_PAGES | in->type;
        break;
    default:
        break;
    }
    return KERNEL_OK;
}

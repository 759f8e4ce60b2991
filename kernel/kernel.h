/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel.h: the whole contract between a kernel and those who call it (sealed).
 *
 * Seven symbols make a problem. Four are supplied by the mutable translation unit kernel/kernel.c:
 * kernel_name, problem_description, kernel_fn, get_tiling_meta. Three are supplied by the sealed
 * side (reference/problem.h): reference_fn, generate_inputs, compute_flops. The judge and the engine
 * bind these seven names and nothing else.
 *
 * A kernel starts no thread, allocates nothing, keeps no state between calls, and calls nothing but
 * memcpy, memmove and memset. Everything it may touch comes through a `struct kernel_call` (what to
 * compute) and a `struct kernel_team` (which thread of how many this is, scratch, CPU features).
 * This header is included by both sides and compiles on its own. */
#ifndef PAWL_KERNEL_H
#define PAWL_KERNEL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Element types. The numbers are those of the GGUF specification (ggml_type), so that a tensor's
 * type field in a file is used as it is; 1000 and up are ours. */
enum kernel_type {
    KERNEL_F32 = 0,
    KERNEL_F16 = 1,
    KERNEL_Q4_0 = 2,
    KERNEL_Q4_1 = 3,
    KERNEL_Q5_0 = 6,
    KERNEL_Q5_1 = 7,
    KERNEL_Q8_0 = 8,
    KERNEL_Q2_K = 10,
    KERNEL_Q3_K = 11,
    KERNEL_Q4_K = 12,
    KERNEL_Q5_K = 13,
    KERNEL_Q6_K = 14,
    KERNEL_Q8_K = 15, /* activations only */
    KERNEL_IQ4_NL = 20,
    KERNEL_IQ4_XS = 23,
    KERNEL_I8 = 24,
    KERNEL_I16 = 25,
    KERNEL_I32 = 26,
    KERNEL_I64 = 27,
    KERNEL_F64 = 28,
    KERNEL_BF16 = 30,
    KERNEL_TQ1_0 = 34,
    KERNEL_TQ2_0 = 35,
    KERNEL_Q8_32 = 1000, /* activations only, see struct q8_32_block */
};

enum {
    KERNEL_QK_K = 256,          /* weights in a K-quant super-block */
    KERNEL_QK_32 = 32,          /* weights in a block of Q8_0, Q4_x, Q5_x, IQ4_NL */
    KERNEL_PACK_ROWS = 16,      /* packed tensors may round their rows up to this */
    KERNEL_PAGE_POSITIONS = 64, /* KV positions in one page */
    KERNEL_ALIGN = 64,          /* bytes: packed weights, pages, scratch, arena buffers */
    KERNEL_MAX_TENSORS = 8,
    KERNEL_MAX_PARAMS = 8,
};

/* Block formats. Multi-byte fields are little-endian; f16 is IEEE binary16 held in uint16_t. Offsets
 * in bytes stand on each line. Source: the GGUF / ggml quantisation format definition.
 *
 * Q4_K: x[j] = d * sc[j/32] * q[j] - dmin * mn[j/32], q in 0..15; 8 sub-blocks of 32.
 *   scales[12]: 6-bit sc and mn. For s < 4: sc = scales[s] & 63, mn = scales[s+4] & 63. For s >= 4:
 *   sc = (scales[s+4] & 15) | (scales[s-4] >> 6) << 4, mn = (scales[s+4] >> 4) | (scales[s] >> 6) << 4.
 *   qs: sub-blocks 2p and 2p+1 share qs[32p .. 32p+31]: low nibbles first, high nibbles second. */
struct q4_k_block {
    uint16_t d;         /*   0: f16 scale of the scales */
    uint16_t dmin;      /*   2: f16 scale of the mins */
    uint8_t scales[12]; /*   4 */
    uint8_t qs[128];    /*  16 */
};                      /* 144 */

/* Q5_K: as Q4_K with q in 0..31; bit s of qh[l] is the fifth bit of weight l of sub-block s. */
struct q5_k_block {
    uint16_t d;         /*   0 */
    uint16_t dmin;      /*   2 */
    uint8_t scales[12]; /*   4 */
    uint8_t qh[32];     /*  16 */
    uint8_t qs[128];    /*  48 */
};                      /* 176 */

/* Q6_K: x[j] = d * scales[j/16] * (q[j] - 32), q in 0..63; 16 sub-blocks of 16. For half h (128
 * weights), l in 0..31: low bits of weight 128h+l and 128h+64+l are the nibbles of ql[64h+l], of
 * 128h+32+l and 128h+96+l those of ql[64h+32+l]; qh[32h+l] holds the upper two bits of the weights
 * at +0, +32, +64, +96, lowest pair first. */
struct q6_k_block {
    uint8_t ql[128];   /*   0 */
    uint8_t qh[64];    /* 128 */
    int8_t scales[16]; /* 192 */
    uint16_t d;        /* 208 */
};                     /* 210 */

/* Q2_K: x[j] = d * (scales[j/16] & 15) * q[j] - dmin * (scales[j/16] >> 4), q in 0..3. For half h (128
 * weights), l in 0..31: bit pair p of qs[32h + l], lowest first, is weight 128h + 32p + l. */
struct q2_k_block {
    uint8_t scales[16]; /*  0 */
    uint8_t qs[64];     /* 16 */
    uint16_t d;         /* 80 */
    uint16_t dmin;      /* 82 */
};                      /* 84 */

/* Q3_K: x[j] = d * (sc[j/16] - 32) * (q[j] - 4), sc in 0..63, q in 0..7. Low two bits of q as in Q2_K;
 * bit 4h + p of hmask[l] is the third bit of weight 128h + 32p + l. sc[s]: low four bits are the low
 * nibble of scales[s] for s < 8, the high nibble of scales[s - 8] otherwise; high two bits the pair at
 * bit 2 * (s / 4) of scales[8 + s % 4]. */
struct q3_k_block {
    uint8_t hmask[32];  /*   0 */
    uint8_t qs[64];     /*  32 */
    uint8_t scales[12]; /*  96 */
    uint16_t d;         /* 108 */
};                      /* 110 */

/* IQ4_XS: x[j] = d * (sc[j/32] - 32) * v[q[j]], sc in 0..63, q in 0..15, v the values of IQ4_NL;
 * 8 sub-blocks of 32. sc[s]: low four bits are nibble s & 1 of scales_l[s/2], high two bits the pair
 * at bit 2s of scales_h. Sub-block s lies in qs[16s .. 16s+15], its nibbles as those of Q4_0. */
struct iq4_xs_block {
    uint16_t d;          /*   0 */
    uint16_t scales_h;   /*   2 */
    uint8_t scales_l[4]; /*   4 */
    uint8_t qs[128];     /*   8 */
};                       /* 136 */

/* TQ2_0: x[j] = d * (q[j] - 1), q in 0..2 (3 decodes to 2 d). For half h (128 weights), l in 0..31:
 * bit pair p of qs[32h + l], lowest first, is weight 128h + 32p + l. */
struct tq2_0_block {
    uint8_t qs[64]; /*  0 */
    uint16_t d;     /* 64 */
};                  /* 66 */

/* TQ1_0: x[j] = d * (t - 1), t in 0..2. A byte b holds ternary digits; digit i, first the most
 * significant, is (uint8_t)(b * 3^i) * 3 >> 8. Digit i of qs[l] is weight 32i + l for l in 0..31 and
 * weight 160 + 16i + (l - 32) for l in 32..47, i in 0..4; digit i of qh[l] is weight 240 + 4i + l, i in
 * 0..3. */
struct tq1_0_block {
    uint8_t qs[48]; /*  0 */
    uint8_t qh[4];  /* 48 */
    uint16_t d;     /* 52 */
};                  /* 54 */

/* Blocks of 32 with 4-bit codes: the low nibble of qs[l] is q[l], the high one q[l + 16], l in 0..15.
 * Q4_0: x[j] = d * (q[j] - 8). Q4_1: x[j] = d * q[j] + m.
 * IQ4_NL: x[j] = d * v[q[j]], v = -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69,
 *   89, 113. */
struct q4_0_block {
    uint16_t d;     /*  0 */
    uint8_t qs[16]; /*  2 */
};                  /* 18 */

struct q4_1_block {
    uint16_t d;     /*  0 */
    uint16_t m;     /*  2: f16, of either sign */
    uint8_t qs[16]; /*  4 */
};                  /* 20 */

struct iq4_nl_block {
    uint16_t d;     /*  0 */
    uint8_t qs[16]; /*  2 */
};                  /* 18 */

/* Q5_0: x[j] = d * (q[j] - 16). Q5_1: x[j] = d * q[j] + m. The low four bits as in Q4_0; bit j of
 * qh, read as one little-endian word, is the fifth bit of weight j. */
struct q5_0_block {
    uint16_t d;     /*  0 */
    uint8_t qh[4];  /*  2 */
    uint8_t qs[16]; /*  6 */
};                  /* 22 */

struct q5_1_block {
    uint16_t d;     /*  0 */
    uint16_t m;     /*  2 */
    uint8_t qh[4];  /*  4 */
    uint8_t qs[16]; /*  8 */
};                  /* 24 */

/* Q8_0: x[j] = d * qs[j]; -128 occurs in other people's files. */
struct q8_0_block {
    uint16_t d;    /*  0 */
    int8_t qs[32]; /*  2 */
};                 /* 34 */

/* Q8_K, activations of 256-blocks: x[j] ~ d * qs[j], bsums[s] = sum of qs[16s .. 16s+15]. */
struct q8_k_block {
    float d;           /*   0 */
    int8_t qs[256];    /*   4 */
    int16_t bsums[16]; /* 260 */
};                     /* 292 */

/* Q8_32, activations of 32-blocks: x[j] ~ d * qs[j], sum = sum of qs. */
struct q8_32_block {
    float d;       /*  0 */
    int16_t sum;   /*  4 */
    int16_t zero;  /*  6: always 0 */
    int8_t qs[32]; /*  8 */
};                 /* 40 */

_Static_assert(sizeof(struct q2_k_block) == 84, "Q2_K is 84 bytes");
_Static_assert(sizeof(struct q3_k_block) == 110, "Q3_K is 110 bytes");
_Static_assert(sizeof(struct tq1_0_block) == 54, "TQ1_0 is 54 bytes");
_Static_assert(sizeof(struct q4_k_block) == 144, "Q4_K is 144 bytes");
_Static_assert(sizeof(struct q5_k_block) == 176, "Q5_K is 176 bytes");
_Static_assert(sizeof(struct q6_k_block) == 210, "Q6_K is 210 bytes");
_Static_assert(sizeof(struct iq4_xs_block) == 136, "IQ4_XS is 136 bytes");
_Static_assert(sizeof(struct tq2_0_block) == 66, "TQ2_0 is 66 bytes");
_Static_assert(sizeof(struct q4_0_block) == 18, "Q4_0 is 18 bytes");
_Static_assert(sizeof(struct q4_1_block) == 20, "Q4_1 is 20 bytes");
_Static_assert(sizeof(struct q5_0_block) == 22, "Q5_0 is 22 bytes");
_Static_assert(sizeof(struct q5_1_block) == 24, "Q5_1 is 24 bytes");
_Static_assert(sizeof(struct iq4_nl_block) == 18, "IQ4_NL is 18 bytes");
_Static_assert(sizeof(struct q8_0_block) == 34, "Q8_0 is 34 bytes");
_Static_assert(sizeof(struct q8_k_block) == 292, "Q8_K is 292 bytes");
_Static_assert(sizeof(struct q8_32_block) == 40, "Q8_32 is 40 bytes");

/* Tensors. ne[0] is the fastest dimension, as in GGUF; unused extents are 1. */
enum kernel_layout {
    KERNEL_PLAIN = 0,  /* the type's own blocks, strides nb[] */
    KERNEL_PACKED = 1, /* the kernel's private weight layout, made by KERNEL_PACK; nb[] unused */
    KERNEL_PAGES = 2,  /* KV pages, see below */
};

struct kernel_tensor {
    uint32_t type;   /* enum kernel_type: of the elements; of the canonical weights when PACKED */
    uint32_t layout; /* enum kernel_layout */
    int64_t ne[4];   /* extents in elements */
    size_t nb[4];    /* strides in bytes; nb[0] = bytes of one block (f32: 4) */
    size_t bytes;    /* bytes that `data` points at */
    void *data;      /* inputs are read-only, whatever the type says */
};

/* KV pages: one tensor of layout KERNEL_PAGES, type F16 or Q8_0, ne = {head_dim, 64, kv_heads,
 * pages}. The page of (page id p, KV head h) starts at data + h*nb[2] + p*nb[3], is 64-byte aligned,
 * holds the K tile and the V tile of 64 positions, and has the private inner layout and size that
 * get_tiling_meta declares (opaque_bytes). A *page table* is an i32 tensor: position t of the
 * sequence lives in page table[t / 64], slot t % 64. Bytes of slots never stored, or past n_kv, are
 * arbitrary (they may decode to NaN) and must not reach any output. */

/* Operations. "X: [k, n]" gives ne[0] = k (contiguous), ne[1] = n with stride nb[1].
 * Unless said otherwise: outputs are overwritten whole, nothing else is written, inputs and outputs
 * do not overlap, f32 data is 4-byte aligned, extents are >= 1, the threads' shares are disjoint and
 * together write everything, the result is bit-identical for every team size, and the result for one
 * row/column/token does not depend on how many others are in the same call (batch invariance).
 * NaN and Inf in activations: results that do not depend on them are as ever, the others may be
 * anything, and the call ends as usual within its bounds. Tolerances:
 * reference/inference/tolerance.h.
 *
 * PACK       in: W [k, m] plain weights, k a multiple of the type's block. out: the same tensor,
 *            layout PACKED, 64-byte aligned, bytes = opaque_bytes <= 1.125 x the canonical bytes of
 *            m rounded up to 16 rows. W [k, m, experts]: every expert alike, one after the other, each
 *            in an equal part of opaque_bytes that is a multiple of 64. Offline; its time is reported,
 *            not scored.
 * GET_ROWS   in: W [k, m] packed; ids i32 [n], each in 0..m-1. out: f32 [k, n]. Bit-exact.
 * QUANTIZE   in: x f32 [k, n]. out: [k, n] Q8_K (k % 256 == 0) or Q8_32 (k % 32 == 0). Per block:
 *            amax = max|x|, in f32; amax < 2^-100: a block of zeros; else d = amax / 127, and
 *            q = round-to-nearest-even(x * (127 / amax)), both divides and the product correctly
 *            rounded in f32. Sums are exact. Bit-exact.
 * GEMV       in[0]: x [k, 1]; in[1..L]: W_l [k, m_l] packed, all of one type; out[l-1]: f32 [m_l, 1].
 *            x is Q8_K for K-quants, IQ4_XS, TQ*; Q8_32 for the 32-blocks; f32 for F32, F16, BF16.
 *            Row sums: y = sum over blocks of (d*dx) * (integer dot) [- (dmin*dx) * (integer min sum)];
 *            integer inside a block, f32 across blocks.
 * GEMM       as GEMV with X [k, n] (column stride nb[1]) and out f32 [m_l, n] (column stride nb[1]).
 *            Column j is bit-identical to GEMV of column j, for every n, position and team size.
 * GEMM_IDS   mixtures of experts. in[0]: X [k, 1 or used, n], of the type GEMV reads; in[1..L]: W_l
 *            packed [k, m_l, experts], all of one type; in[L+1]: ids i32 [used, n], each in
 *            0..experts-1, those of one token distinct; out[l-1]: f32 [m_l, used, n]. Entry (u, j) is
 *            bit-identical to GEMV of expert ids[u, j] and column X[., u or 0, j].
 * KV_STORE   in: K f32 [head_dim, kv_heads, n], V alike, page table i32. out: pages, positions
 *            POS .. POS+n-1 of every head; other slots keep their meaning. head_dim % 8 == 0.
 *            F16: round to nearest even. Q8_0: blocks of 32 along the head, the last may be short;
 *            amax as in QUANTIZE, d = f16(amax / 127), q = rne(x * (127 / amax)).
 * KV_LOAD    in: pages, page table. out: K f32 [head_dim, kv_heads, n], V alike, from position POS.
 *            Bit-exact to what was stored.
 * ATTENTION  in: Q f32 [head_dim, heads, n], pages, page table. out: f32 [head_dim, heads, n].
 *            heads % kv_heads == 0; head h reads KV head h / (heads / kv_heads). Query j is at position
 *            POS + j. It sees t in 0..N_KV-1, with CAUSAL only t <= POS + j, with WINDOW w > 0 only
 *            t > POS + j - w. s_t = SCALE * (q . k_t); with SOFTCAP c > 0: s = c * tanh(s / c);
 *            out = sum softmax(s)_t v_t, summed page by page: one f32 chain over thousands of positions
 *            misses the gate. Over F16 pages all arithmetic is f32. Over Q8_0 pages Q is rounded per
 *            block of 32 as in KV_STORE but with an f32 scale, before SCALE; q.k is an exact integer
 *            per block. Every query sees at least one position. Never n x n memory; splits fall at
 *            fixed KV positions.
 * RMS_NORM   in: x f32 [k, n], w f32 [k]. out: x * w / sqrt(mean(x^2) + EPS). out may equal x.
 * LAYER_NORM in: x f32 [k, n], w f32 [k], optionally b f32 [k]. out may equal x.
 * ROPE       in: x f32 [head_dim, heads, n]; table f32 [2 * pairs, n]: cos and sin of pair i of token
 *            j at [2i], [2i+1]. out may equal x. STYLE 0 ("norm"): rotates elements (2i, 2i+1);
 *            STYLE 1 ("neox"): (i, i + pairs). Elements past 2 * pairs are copied.
 * GLU        in: gate f32 [k, n], and up f32 [k, n] or nothing. out: act(gate) * up, or act(gate).
 *            ACT one of enum kernel_act, c = GAIN. out may equal gate or up.
 * SOFTMAX    in: x f32 [k, n]. out: softmax over ne[0] of SCALE * x. out may equal x.
 * ADD        in: a f32 [k, n], b f32 [k, n] or [k, 1] (broadcast). out may equal a or b.
 * ARGMAX     in: x f32 [k, n]. out: i32 [n], index of the largest, the first of equals.
 * TOP_K      in: x f32 [k, n]. out: ids i32 [used, n], w f32 [used, n], used <= k: the largest of each
 *            column in falling order, of equals the lower index first, and their values; with
 *            NORMALIZE divided by their sum.
 * MIX        in: x f32 [k, used, n], w f32 [used, n]. out: f32 [k, n], the sum over u of
 *            w[u, j] * x[., u, j]. out may equal x where used is 1. */
enum kernel_op {
    KERNEL_PACK = 0,
    KERNEL_GET_ROWS,
    KERNEL_QUANTIZE,
    KERNEL_GEMV,
    KERNEL_GEMM,
    KERNEL_GEMM_IDS,
    KERNEL_KV_STORE,
    KERNEL_KV_LOAD,
    KERNEL_ATTENTION,
    KERNEL_RMS_NORM,
    KERNEL_LAYER_NORM,
    KERNEL_ROPE,
    KERNEL_GLU,
    KERNEL_SOFTMAX,
    KERNEL_ADD,
    KERNEL_ARGMAX,
    KERNEL_TOP_K,
    KERNEL_MIX,
    KERNEL_N_OPS,
    KERNEL_OWN_OPS = 1000, /* from here on: the operations of other problems */
};

/* Indices into kernel_call.i and kernel_call.f. */
enum {
    KERNEL_I_POS = 0,       /* KV_STORE, KV_LOAD, ATTENTION: position of the first token */
    KERNEL_I_N_KV = 1,      /* ATTENTION: positions stored */
    KERNEL_I_CAUSAL = 2,    /* ATTENTION: 0 or 1 */
    KERNEL_I_WINDOW = 3,    /* ATTENTION: 0 = none */
    KERNEL_I_STYLE = 0,     /* ROPE */
    KERNEL_I_ACT = 0,       /* GLU */
    KERNEL_I_NORMALIZE = 0, /* TOP_K: 0 or 1 */
};
enum kernel_act {
    KERNEL_ACT_SILU = 0,
    KERNEL_ACT_GELU = 1,     /* 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
    KERNEL_ACT_GELU_ERF = 2, /* 0.5 x (1 + erf(x / sqrt(2))) */
    KERNEL_ACT_RELU = 3,
    KERNEL_ACT_SIGMOID = 4,
    KERNEL_ACT_SOFTCAP = 5, /* c * tanh(x / c) */
    KERNEL_ACT_SCALE = 6,   /* c * x */
    KERNEL_N_ACTS,
};
enum {
    KERNEL_F_SCALE = 0,   /* ATTENTION, SOFTMAX */
    KERNEL_F_SOFTCAP = 1, /* ATTENTION: 0 = none */
    KERNEL_F_EPS = 0,     /* RMS_NORM, LAYER_NORM */
    KERNEL_F_GAIN = 0,    /* GLU: c of activations 5 and 6 */
};

struct kernel_call {
    uint32_t op;                                 /* enum kernel_op */
    uint32_t n_in, n_out;                        /* tensors used below */
    struct kernel_tensor in[KERNEL_MAX_TENSORS]; /* order as documented per operation */
    struct kernel_tensor out[KERNEL_MAX_TENSORS];
    int64_t i[KERNEL_MAX_PARAMS];
    float f[KERNEL_MAX_PARAMS];
};

/* The team. */
enum kernel_feature {
    KERNEL_CPU_AVX2 = 1u << 0,   /* AVX2, FMA, F16C and BMI2 together */
    KERNEL_CPU_AVX512 = 1u << 1, /* AVX-512 F, BW, DQ, VL, CD together */
    KERNEL_CPU_AVX512_VNNI = 1u << 2,
    KERNEL_CPU_AVX512_VBMI = 1u << 3,
    KERNEL_CPU_AVX512_BF16 = 1u << 4,
    KERNEL_CPU_AVX_VNNI = 1u << 5,
    KERNEL_CPU_AMX_INT8 = 1u << 6, /* tiles, and the system lets this process use them */
};

/* Shared by the threads of one call; the caller zeroes both counters before each call. */
struct kernel_sync {
    _Alignas(64) _Atomic uint32_t barrier; /* arrivals so far */
    _Alignas(64) _Atomic uint32_t chunk;   /* next chunk to claim */
    /* Sleep while *word == seen; wake all sleepers on word. Supplied by the harness, may be NULL. */
    void (*wait)(_Atomic uint32_t *word, uint32_t seen);
    void (*wake)(_Atomic uint32_t *word);
};

struct kernel_team {
    uint32_t rank, size;      /* this thread, threads in the call; 0 <= rank < size */
    uint64_t features;        /* enum kernel_feature bits that may be used */
    void *scratch;            /* this thread's own, 64-byte aligned, content arbitrary */
    void *shared;             /* scratch of rank 0: a part of it may serve all, with barriers */
    size_t scratch_bytes;     /* of each thread, >= what get_tiling_meta asked for */
    struct kernel_sync *sync; /* never NULL */
};

/* Claim the next of n chunks; returns n when all are taken. One claiming loop per call. */
static inline uint32_t kernel_chunk_claim(const struct kernel_team *team, uint32_t n)
{
    uint32_t c = atomic_fetch_add_explicit(&team->sync->chunk, 1, memory_order_relaxed);
    return c < n ? c : n;
}

/* Wait for the whole team. Any number of barriers per call; all threads must pass each. */
static inline void kernel_barrier(const struct kernel_team *team)
{
    struct kernel_sync *s = team->sync;
    uint32_t arrived, goal;

    if (team->size == 1)
        return;
    arrived = atomic_fetch_add_explicit(&s->barrier, 1, memory_order_acq_rel) + 1;
    goal = (arrived + team->size - 1) / team->size * team->size;
    if (arrived == goal) {
        if (s->wake)
            s->wake(&s->barrier);
        return;
    }
    for (uint32_t spins = 0;; spins++) {
        uint32_t seen = atomic_load_explicit(&s->barrier, memory_order_acquire);
        if (seen >= goal)
            return;
        if (spins > 4096 && s->wait)
            s->wait(&s->barrier, seen);
        else
            __builtin_ia32_pause();
    }
}

/* What the kernel declares about a call. Checked for the sizes, reported for the rest; nothing in
 * it enters a score. */
enum { KERNEL_MAX_BUFFERS = 6 };

struct kernel_tiling {
    uint32_t layout_id; /* of the packed weights or pages that this call makes or reads */
    uint32_t tile_m, tile_n, tile_k; /* rows, columns (or queries), depth (or keys) of a tile */
    uint32_t n_vector_regs;          /* estimate of vector registers live in the inner loop */
    uint32_t n_buffers;
    struct {
        const char *name;
        size_t bytes;     /* resident while a tile is worked on */
        uint32_t n_reads; /* times each byte is read per call */
    } buffers[KERNEL_MAX_BUFFERS];
    size_t scratch_bytes; /* per thread */
    size_t opaque_bytes;  /* PACK: bytes of the packed tensor. KV_*, ATTENTION: bytes of one
                                    * page of one KV head, a multiple of 64. Otherwise 0. */
};

enum { KERNEL_OK = 0, KERNEL_UNSUPPORTED = 1 };

/* --- the four symbols of the mutable unit --- */
#pragma GCC visibility push(default)

/* One line each, NUL-terminated. They name things for people and decide nothing. */
extern const char kernel_name[];
extern const char problem_description[];

/* Compute this thread's share of *call. All `team->size` threads are called with the same *call.
 * Returns KERNEL_OK, or KERNEL_UNSUPPORTED (the same in every thread, before writing anything). */
int kernel_fn(const struct kernel_call *call, const struct kernel_team *team);

/* Describe *call (types, extents and parameters are set; data pointers and bytes may be NULL or 0,
 * and must not be read through) for a team of `n_threads` with `features`. Fills *out whole.
 * opaque_bytes and layout_id depend on types, extents and features alone.
 * Returns KERNEL_OK or KERNEL_UNSUPPORTED. */
int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out);

#pragma GCC visibility pop

#endif

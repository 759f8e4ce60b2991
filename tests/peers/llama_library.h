/* SPDX-License-Identifier: Apache-2.0
 *
 * llama_library.h: llama.cpp v0.5.0 (ggml 0.25.1) as the npm package @node-llama-cpp/linux-x64
 * 3.22.1 ships it, opened at run time. The declarations are our own and belong to exactly that
 * release: structures grow and shift between releases without a new symbol name, so opening
 * compares versions and every default against what this release answers, and refuses any other.
 * Used by bench-peers and compare-peers alone. */
#ifndef PAWL_LLAMA_LIBRARY_H
#define PAWL_LLAMA_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LLAMA_TYPE_F32 = 0, LLAMA_TYPE_F16 = 1, LLAMA_TYPE_Q4_K = 12 };
enum { LLAMA_POOLING_NONE = 0 };
enum { LLAMA_FLASH_AUTO = -1, LLAMA_FLASH_OFF = 0, LLAMA_FLASH_ON = 1 };
enum { LLAMA_DEVICE_CPU = 0, LLAMA_MAX_POOL_CPUS = 512 };

struct llama_model_params { /* default */
    void *devices;          /* NULL */
    const void *overrides;  /* NULL: buffer types by tensor name */
    int32_t n_gpu_layers;   /* -1 */
    int32_t split_mode;     /* 1 */
    int32_t load_mode;      /* -1: automatic */
    int32_t lazy_mode;      /* 1: automatic */
    int32_t main_gpu;       /* 0 */
    const float *tensor_split;
    void *progress, *progress_context;
    const void *kv_overrides;
    bool vocab_only, check_tensors;
    bool use_extra_buffers; /* true: weights are repacked for the processor */
    bool no_host, no_alloc, reserved;
};

struct llama_context_params {                                  /* default */
    uint32_t n_ctx;                                            /* 512 */
    uint32_t n_batch;                                          /* 2048: tokens a call may bring */
    uint32_t n_ubatch;                                         /* 512: tokens computed at once */
    uint32_t n_seq_max;                                        /* 1 */
    uint32_t n_snapshots;                                      /* 0 */
    uint32_t n_outputs_max;                                    /* 0 */
    uint32_t n_outputs_max_per_seq;                            /* 1 */
    int32_t n_threads;                                         /* 4 */
    int32_t n_threads_batch;                                   /* 4 */
    int32_t context_type;                                      /* 0 */
    int32_t rope_scaling, pooling, attention, flash_attention; /* -1: automatic */
    float rope_base, rope_scale;                               /* 0: the model's */
    float yarn_extrapolation, yarn_attention, yarn_beta_fast, yarn_beta_slow; /* -1 */
    uint32_t yarn_context;                                                    /* 0 */
    float defragment;                                                         /* -1 */
    void *eval_callback, *eval_context;
    int32_t type_k, type_v; /* F16 */
    void *abort_callback, *abort_context;
    bool embeddings;  /* false */
    bool offload_kv;  /* true */
    bool no_perf;     /* true */
    bool offload_ops; /* true */
    bool full_window; /* true */
    bool unified_kv;  /* false */
    void *samplers;
    size_t n_samplers;
    void *other_context;
};

struct llama_batch {
    int32_t n_tokens;
    int32_t *token;
    float *embedding;
    int32_t *position;
    int32_t *n_seq_id;
    int32_t **seq_id;
    int8_t *logits; /* NULL: of the last token alone */
};

struct ggml_pool_params {
    bool cpus[LLAMA_MAX_POOL_CPUS];
    int32_t n_threads, priority;
    uint32_t poll; /* 50 */
    bool strict_cpus, paused;
};

struct ggml_arena_params {
    size_t bytes;
    void *memory; /* NULL: its own */
    bool no_data; /* headers only; data is allocated in a buffer */
};

_Static_assert(sizeof(struct llama_model_params) == 80, "passed by value, 80 bytes");
_Static_assert(sizeof(struct llama_context_params) == 160, "passed by value, 160 bytes");
_Static_assert(sizeof(struct llama_batch) == 56, "passed by value, 56 bytes");
_Static_assert(sizeof(struct ggml_pool_params) == 528, "returned by value, 528 bytes");

typedef void (*llama_log_fn)(int level, const char *text, void *context);

/* Functions under the library's own names, without llama_ and ggml_ where the group says it. */
struct llama_library {
    char variant[64]; /* of the processor library: "haswell" */
    void *device;     /* the processor */

    /* llama_ */
    struct llama_model_params (*model_default_params)(void);
    struct llama_context_params (*context_default_params)(void);
    void (*backend_init)(void);
    void *(*model_load_from_file)(const char *path, struct llama_model_params params);
    const void *(*model_get_vocab)(const void *model);
    int32_t (*vocab_n_tokens)(const void *vocab);
    void *(*init_from_model)(void *model, struct llama_context_params params);
    uint32_t (*n_ctx)(const void *context);
    uint32_t (*n_ubatch)(const void *context);
    int32_t (*n_threads)(void *context);
    void (*attach_threadpool)(void *context, void *pool, void *pool_batch);
    void *(*get_memory)(const void *context);
    void (*memory_clear)(void *memory, bool data);
    bool (*memory_seq_rm)(void *memory, int32_t seq, int32_t from, int32_t to);
    struct llama_batch (*batch_get_one)(int32_t *tokens, int32_t n);
    int32_t (*decode)(void *context, struct llama_batch batch);
    void (*synchronize)(void *context);
    float *(*get_logits_ith)(void *context, int32_t i);
    float *(*get_embeddings_ith)(void *context, int32_t i);
    int32_t (*model_n_embd)(const void *model);
    /* Ids in `tokens`, their number returned; -n when n are too many for n_max. */
    int32_t (*tokenize)(const void *vocab, const char *text, int32_t bytes, int32_t *tokens,
                        int32_t n_max, bool add_special, bool parse_special);
    void (*context_free)(void *context);
    void (*model_free)(void *model);

    void (*llama_log_set)(llama_log_fn log, void *context);

    /* ggml_ and ggml_backend_ */
    void (*ggml_log_set)(llama_log_fn log, void *context);
    const char *(*version)(void);
    const char *(*commit)(void);
    void *(*load)(const char *path);
    void (*load_all_from_path)(const char *folder);
    void *(*dev_by_type)(int type);
    void *(*dev_backend_reg)(void *device);
    void *(*reg_get_proc_address)(void *registry, const char *name);
    struct ggml_pool_params (*threadpool_params_default)(int n_threads);
    void *(*threadpool_new)(struct ggml_pool_params *params);
    void *(*init)(struct ggml_arena_params params);
    void (*free_arena)(void *arena);
    void *(*new_tensor_2d)(void *arena, int type, int64_t ne0, int64_t ne1);
    void *(*mul_mat)(void *arena, void *weights, void *x);
    void *(*new_graph)(void *arena);
    void (*build_forward_expand)(void *graph, void *tensor);
    void *(*alloc_ctx_tensors)(void *arena, void *buffer_type);
    void (*buffer_free)(void *buffer);
    const char *(*buft_name)(void *buffer_type);
    void *(*dev_buffer_type)(void *device);
    bool (*dev_supports_op)(void *device, const void *op);
    void *(*dev_init)(void *device, const char *params);
    void (*tensor_set)(void *tensor, const void *data, size_t offset, size_t bytes);
    void (*tensor_get)(const void *tensor, void *data, size_t offset, size_t bytes);
    int (*graph_compute)(void *backend, void *graph);
    void (*set_n_threads)(void *backend, int n);
    void (*set_threadpool)(void *backend, void *pool);
    void **(*extra_buffer_types)(void *device); /* NULL-terminated */
};

/* Open the libraries in `folder`, once per process and for good. `variant` names the processor
 * library ("haswell", "zen4"), NULL lets the library choose. It prints nothing from then on.
 * Errors: ERR_IO (not there), ERR_UNSUPPORTED naming what differs from the release above. */
int llama_library_open(const char *folder, const char *variant, struct llama_library *out);

/* The last line of kind "error" that the library logged; "" when none. */
const char *llama_library_complaint(void);

#endif

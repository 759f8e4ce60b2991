/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/llama_library.h"

#include "reference/base/err.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define RELEASE "llama.cpp v0.5.0 of @node-llama-cpp/linux-x64 3.22.1"

enum { LOG_LEVEL_ERROR = 4 };

/* Symbols of the libraries themselves, and those that the processor library hands out. */
#define MEMBER(field) offsetof(struct llama_library, field)
static const struct {
    const char *name;
    size_t at;
} symbols[] =
    {
        {"llama_model_default_params", MEMBER(model_default_params)},
        {"llama_context_default_params", MEMBER(context_default_params)},
        {"llama_backend_init", MEMBER(backend_init)},
        {"llama_model_load_from_file", MEMBER(model_load_from_file)},
        {"llama_model_get_vocab", MEMBER(model_get_vocab)},
        {"llama_vocab_n_tokens", MEMBER(vocab_n_tokens)},
        {"llama_init_from_model", MEMBER(init_from_model)},
        {"llama_n_ctx", MEMBER(n_ctx)},
        {"llama_n_ubatch", MEMBER(n_ubatch)},
        {"llama_n_threads", MEMBER(n_threads)},
        {"llama_attach_threadpool", MEMBER(attach_threadpool)},
        {"llama_get_memory", MEMBER(get_memory)},
        {"llama_memory_clear", MEMBER(memory_clear)},
        {"llama_memory_seq_rm", MEMBER(memory_seq_rm)},
        {"llama_batch_get_one", MEMBER(batch_get_one)},
        {"llama_decode", MEMBER(decode)},
        {"llama_synchronize", MEMBER(synchronize)},
        {"llama_get_logits_ith", MEMBER(get_logits_ith)},
        {"llama_get_embeddings_ith", MEMBER(get_embeddings_ith)},
        {"llama_model_n_embd", MEMBER(model_n_embd)},
        {"llama_tokenize", MEMBER(tokenize)},
        {"llama_free", MEMBER(context_free)},
        {"llama_model_free", MEMBER(model_free)},
        {"llama_log_set", MEMBER(llama_log_set)},
        {"ggml_log_set", MEMBER(ggml_log_set)},
        {"ggml_version", MEMBER(version)},
        {"ggml_commit", MEMBER(commit)},
        {"ggml_backend_load", MEMBER(load)},
        {"ggml_backend_load_all_from_path", MEMBER(load_all_from_path)},
        {"ggml_backend_dev_by_type", MEMBER(dev_by_type)},
        {"ggml_backend_dev_backend_reg", MEMBER(dev_backend_reg)},
        {"ggml_backend_reg_get_proc_address", MEMBER(reg_get_proc_address)},
        {"ggml_threadpool_params_default", MEMBER(threadpool_params_default)},
        {"ggml_init", MEMBER(init)},
        {"ggml_free", MEMBER(free_arena)},
        {"ggml_new_tensor_2d", MEMBER(new_tensor_2d)},
        {"ggml_mul_mat", MEMBER(mul_mat)},
        {"ggml_new_graph", MEMBER(new_graph)},
        {"ggml_build_forward_expand", MEMBER(build_forward_expand)},
        {"ggml_backend_alloc_ctx_tensors_from_buft", MEMBER(alloc_ctx_tensors)},
        {"ggml_backend_buffer_free", MEMBER(buffer_free)},
        {"ggml_backend_buft_name", MEMBER(buft_name)},
        {"ggml_backend_dev_buffer_type", MEMBER(dev_buffer_type)},
        {"ggml_backend_dev_supports_op", MEMBER(dev_supports_op)},
        {"ggml_backend_dev_init", MEMBER(dev_init)},
        {"ggml_backend_tensor_set", MEMBER(tensor_set)},
        {"ggml_backend_tensor_get", MEMBER(tensor_get)},
        {"ggml_backend_graph_compute", MEMBER(graph_compute)},
},
  handed_out[] = {
      {"ggml_threadpool_new", MEMBER(threadpool_new)},
      {"ggml_backend_set_n_threads", MEMBER(set_n_threads)},
      {"ggml_backend_cpu_set_threadpool", MEMBER(set_threadpool)},
      {"ggml_backend_dev_get_extra_bufts", MEMBER(extra_buffer_types)},
};

static int differs(const char *what)
{
    return err_set(ERR_UNSUPPORTED, "the libraries are not those of " RELEASE ": %s", what);
}

/* --- what it says --- */

static char complaint[256];

static void log_keep(int level, const char *text, void *context)
{
    (void)context;
    if (level == LOG_LEVEL_ERROR)
        snprintf(complaint, sizeof complaint, "%.*s", (int)strcspn(text, "\n"), text);
}

const char *llama_library_complaint(void)
{
    return complaint;
}

/* --- opening --- */

/* C has no conversion from void * to a function pointer; POSIX says the bytes are the same. */
static void pointer_put(struct llama_library *l, size_t at, void *pointer)
{
    memcpy((char *)l + at, &pointer, sizeof pointer);
}

static int symbols_find(void *handle, struct llama_library *l)
{
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *p = dlsym(handle, symbols[i].name);

        if (!p)
            return differs(symbols[i].name);
        pointer_put(l, symbols[i].at, p);
    }
    return 0;
}

static int file_open(const char *folder, const char *name, void **handle)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: the path is too long", folder);
    *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    return *handle ? 0 : err_set(ERR_IO, "%s", dlerror());
}

static int version_check(const struct llama_library *l)
{
    if (strcmp(l->version(), "0.25.1") || strcmp(l->commit(), "0ad4a86"))
        return err_set(ERR_UNSUPPORTED, "ggml is %s (%s), not the 0.25.1 (0ad4a86) of " RELEASE,
                       l->version(), l->commit());
    return 0;
}

/* The defaults fill every field whose place could have moved with a value of its own. */
static int defaults_check(const struct llama_library *l)
{
    struct llama_model_params m = l->model_default_params();
    struct llama_context_params c = l->context_default_params();
    struct ggml_pool_params p = l->threadpool_params_default(3);

    if (m.devices || m.overrides || m.n_gpu_layers != -1 || m.split_mode != 1 ||
        m.load_mode != -1 || m.lazy_mode != 1 || m.main_gpu || m.tensor_split || m.progress ||
        m.kv_overrides || m.vocab_only || m.check_tensors || !m.use_extra_buffers || m.no_host ||
        m.no_alloc)
        return differs("llama_model_default_params");
    if (c.n_ctx != 512 || c.n_batch != 2048 || c.n_ubatch != 512 || c.n_seq_max != 1 ||
        c.n_snapshots || c.n_outputs_max || c.n_outputs_max_per_seq != 1 || c.n_threads != 4 ||
        c.n_threads_batch != 4 || c.context_type || c.rope_scaling != -1 || c.pooling != -1 ||
        c.attention != -1 || c.flash_attention != LLAMA_FLASH_AUTO || c.rope_base != 0 ||
        c.rope_scale != 0 || c.yarn_extrapolation != -1 || c.yarn_beta_slow != -1 ||
        c.yarn_context || c.defragment != -1 || c.eval_callback || c.type_k != LLAMA_TYPE_F16 ||
        c.type_v != LLAMA_TYPE_F16 || c.abort_callback || c.embeddings || !c.offload_kv ||
        !c.no_perf || !c.offload_ops || !c.full_window || c.unified_kv || c.samplers ||
        c.n_samplers || c.other_context)
        return differs("llama_context_default_params");
    if (p.n_threads != 3 || p.priority || p.poll != 50 || p.strict_cpus || p.paused)
        return differs("ggml_threadpool_params_default");
    return 0;
}

/* The processor library in use is the one mapped: "libggml-cpu-NAME.so". */
static void variant_find(char *out, size_t bytes)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4352];

    snprintf(out, bytes, "unknown");
    while (maps && fgets(line, sizeof line, maps)) {
        const char *name = strstr(line, "/libggml-cpu-"), *end = name ? strstr(name, ".so") : NULL;

        if (end) {
            name += strlen("/libggml-cpu-");
            snprintf(out, bytes, "%.*s", (int)(end - name), name);
        }
    }
    if (maps)
        fclose(maps);
}

/* Load the processor library, by name or the best one for this machine. */
static int processor_load(const struct llama_library *l, const char *folder, const char *variant)
{
    char path[4096];

    if (!variant) {
        l->load_all_from_path(folder);
        return 0;
    }
    if (snprintf(path, sizeof path, "%s/libggml-cpu-%s.so", folder, variant) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: the path is too long", folder);
    return l->load(path) ? 0 : err_set(ERR_UNSUPPORTED, "%s does not run here", path);
}

static int processor_find(struct llama_library *l)
{
    l->device = l->dev_by_type(LLAMA_DEVICE_CPU);
    if (!l->device)
        return err_set(ERR_UNSUPPORTED, "no processor library of llama.cpp runs here");
    for (size_t i = 0; i < sizeof handed_out / sizeof *handed_out; i++) {
        void *p = l->reg_get_proc_address(l->dev_backend_reg(l->device), handed_out[i].name);

        if (!p)
            return differs(handed_out[i].name);
        pointer_put(l, handed_out[i].at, p);
    }
    variant_find(l->variant, sizeof l->variant);
    return 0;
}

int llama_library_open(const char *folder, const char *variant, struct llama_library *out)
{
    void *ggml, *llama;

    memset(out, 0, sizeof *out);
    TRY(file_open(folder, "libggml.v0.5.0.so", &ggml));
    TRY(file_open(folder, "libllama.v0.5.0.so", &llama));
    TRY(symbols_find(llama, out));
    TRY(version_check(out));
    TRY(defaults_check(out));
    out->llama_log_set(log_keep, NULL);
    out->ggml_log_set(log_keep, NULL);
    TRY(processor_load(out, folder, variant));
    TRY(processor_find(out));
    out->backend_init();
    return 0;
}

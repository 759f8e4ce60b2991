/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"
#include "reference/base/err.h"
#include "tests/engine/arch_models.h"
#include "tests/engine/program_call.h"
#include "tests/engine/tiny_model.h"

#include <math.h>

enum { WINDOW = 16 };
static const char text[] = "the quick brown fox jumps over the lazy dog, and the dog sleeps on.";

struct paths {
    char model[64], text[80], out[80];
};

static struct paths paths_make(void)
{
    struct paths p;

    tiny_model_write(&tiny_f32, p.model);
    snprintf(p.text, sizeof p.text, "%s.txt", p.model);
    snprintf(p.out, sizeof p.out, "%s.imatrix", p.model);
    cr_assert_eq(file_write_atomic(p.text, text, sizeof text - 1), 0);
    return p;
}

static void paths_remove(const struct paths *p)
{
    unlink(p->model);
    unlink(p->text);
    unlink(p->out);
}

static int collect(const struct paths *p, const char *options, struct strbuf *out)
{
    char line[512];

    snprintf(line, sizeof line, "imatrix -t 1 -m %s -f %s -o %s %s 2>&1", p->model, p->text, p->out,
             options);
    return program_call(line, "", out);
}

static const float *floats(const struct gguf_file *f, const char *name)
{
    const struct gguf_tensor *t = gguf_tensor_find(f, name);

    cr_assert(t && t->type == KERNEL_F32, "%s", name);
    return t->data;
}

/* sum2[j] of the first layer's normalised input over the tokens of whole windows. */
static size_t first_input(const struct paths *p, double *sum2, size_t k)
{
    const struct engine_options o = {.n_context = 64, .n_threads = 1};
    const float *embedding, *norm;
    const struct tokenizer *t;
    struct engine_model *m;
    double epsilon;
    int32_t *ids;
    size_t n;

    cr_assert_eq(engine_model_open(p->model, &o, &m), 0, "%s", err_message());
    t = engine_model_tokenizer(m);
    cr_assert_eq(tokenizer_encode(t, text, sizeof text - 1, 0, &ids, &n), 0);
    embedding = floats(engine_model_file(m), "token_embd.weight");
    norm = floats(engine_model_file(m), "blk.0.attn_norm.weight");
    cr_assert_eq(
        gguf_get_float(engine_model_file(m), "llama.attention.layer_norm_rms_epsilon", &epsilon),
        0);
    n = n / WINDOW * WINDOW;
    cr_assert_geq(n, 2 * WINDOW);
    for (size_t i = 0; i < n; i++) {
        const float *x = embedding + (size_t)(i % WINDOW ? ids[i] : tokenizer_bos(t)) * k;
        double power = 0;

        for (size_t j = 0; j < k; j++)
            power += (double)x[j] * x[j] / (double)k;
        for (size_t j = 0; j < k; j++)
            sum2[j] += pow((double)x[j] * norm[j], 2) / (power + epsilon);
    }
    free(ids);
    engine_model_close(&m);
    return n;
}

Test(imatrix, sums_what_the_matrices_are_multiplied_with)
{
    struct paths p = paths_make();
    size_t k = (size_t)tiny_f32.embed, n;
    double want[64] = {0};
    struct strbuf out = {0};
    const float *sum2;
    struct gguf_file *f;

    cr_assert_eq(collect(&p, "-w 16", &out), 0, "%s", strbuf_str(&out));
    cr_assert_eq(gguf_open(p.out, &f), 0, "%s", err_message());
    n = first_input(&p, want, k);
    sum2 = floats(f, "blk.0.attn_q.weight.in_sum2");
    for (size_t j = 0; j < k; j++)
        cr_expect_lt(fabs(sum2[j] - want[j]), 1e-4 * want[j] + 1e-6, "%zu: %g", j, want[j]);
    cr_expect_eq(floats(f, "blk.0.attn_q.weight.counts")[0], (float)n);
    cr_expect(!memcmp(sum2, floats(f, "blk.0.attn_v.weight.in_sum2"), k * sizeof *sum2),
              "q and v read the same");
    cr_expect_eq(floats(f, "blk.2.ffn_down.weight.counts")[0], (float)n);
    cr_expect_eq(gguf_n_tensors(f), 2 * 3 * 7, "seven matrices in each of three layers");
    gguf_close(&f);
    strbuf_deinit(&out);
    paths_remove(&p);
}

/* A mixture: every token goes to `used` experts, whose columns are counted apart. */
Test(imatrix, knows_experts)
{
    struct arch_model mixture = *arch_model_find("mixtral");
    struct paths p = paths_make();
    struct strbuf out = {0};
    struct gguf_file *f;
    const float *counts;
    double sum = 0;

    mixture.extents[M_EMBED] = mixture.extents[M_FFN] = mixture.extents[M_EXPERT_FFN] = 64;
    mixture.extents[M_HEADS] = 4;
    mixture.extents[M_KV_HEADS] = 2;
    mixture.extents[M_HEAD_DIM] = mixture.extents[M_ROPE] = 16;
    cr_assert_eq(arch_model_write(&mixture, arch_types_find("F32"), NULL, p.model), 0, "%s",
                 err_message());
    cr_assert_eq(collect(&p, "-w 16 --windows 2", &out), 0, "%s", strbuf_str(&out));
    cr_assert_eq(gguf_open(p.out, &f), 0, "%s", err_message());
    counts = floats(f, "blk.0.ffn_up_exps.weight.counts");
    cr_expect_eq(gguf_tensor_find(f, "blk.0.ffn_up_exps.weight.in_sum2")->ne[1],
                 mixture.extents[M_EXPERTS]);
    for (int64_t e = 0; e < mixture.extents[M_EXPERTS]; e++)
        sum += (double)counts[e];
    cr_expect_eq(sum, 2 * 2 * WINDOW, "two experts for each token: %g", sum);
    gguf_close(&f);
    strbuf_deinit(&out);
    paths_remove(&p);
}

/* quantize reads what imatrix wrote, and the file's tensors differ for it. */
Test(imatrix, weighs_the_errors_of_quantize)
{
    struct tiny_model model = tiny_f32;
    struct strbuf out = {0}, plain = {0}, weighted = {0};
    struct paths p = paths_make();
    char line[512];

    model.heads = 4;
    model.embed = 64;
    model.ffn = 96;
    unlink(p.model);
    tiny_model_write(&model, p.model);
    cr_assert_eq(collect(&p, "", &out), 0, "%s", strbuf_str(&out));
    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "quantize %s %s.q Q4_0 %s %s 2>&1", p.model, p.text,
                 i ? "--imatrix" : "", i ? p.out : "");
        cr_assert_eq(program_call(line, "", &out), 0, "%s", strbuf_str(&out));
        snprintf(line, sizeof line, "%s.q", p.text);
        cr_assert_eq(file_read(line, i ? &weighted : &plain), 0);
    }
    cr_expect(plain.len == weighted.len && memcmp(plain.data, weighted.data, plain.len) != 0);
    unlink(line);
    strbuf_deinit(&plain);
    strbuf_deinit(&weighted);
    strbuf_deinit(&out);
    paths_remove(&p);
}

Test(imatrix, says_what_is_wrong)
{
    struct paths p = paths_make();
    struct strbuf out = {0};
    char line[512];

    cr_assert_eq(file_write_atomic(p.text, "", 0), 0);
    cr_expect_eq(collect(&p, "", &out), 2);
    cr_expect(strstr(strbuf_str(&out), "the text is empty"), "%s", strbuf_str(&out));
    cr_expect_eq(access(p.out, F_OK), -1);
    snprintf(line, sizeof line, "imatrix -m %s 2>&1", p.model);
    cr_expect_eq(program_call(line, "", &out), 2);
    cr_expect(strstr(strbuf_str(&out), "-o OUT.gguf are needed"));
    strbuf_deinit(&out);
    paths_remove(&p);
}

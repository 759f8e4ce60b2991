/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed models: the same answers as the GGUF file they came from, or one clear line. */
#include "engine/model/pack_file.h"

#include "engine/command/commands.h"
#include "engine/engine.h"
#include "engine/model/resident.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/engine/arch_models.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 304, VOCAB = 40 };

static const struct tiny_model mixed = {.embed = 256,
                                        .heads = 8,
                                        .kv_heads = 2,
                                        .ffn = 512,
                                        .layers = 2,
                                        .vocab = VOCAB,
                                        .context = 96,
                                        .type = KERNEL_Q4_K,
                                        .v_type = KERNEL_Q6_K,
                                        .biases = true,
                                        .output = true};

struct files {
    char gguf[64], pawl[72];
};

static int pack(const char *in, const char *out)
{
    char words[4][80] = {"pack", "", "-o", ""};
    char *argv[] = {words[0], words[1], words[2], words[3], NULL};

    snprintf(words[1], sizeof words[1], "%s", in);
    snprintf(words[3], sizeof words[3], "%s", out);
    return pack_main(4, argv);
}

/* Pack the file at x.gguf. */
static struct files packed_file(struct files x)
{
    cr_redirect_stdout();
    snprintf(x.pawl, sizeof x.pawl, "%s.pawl", x.gguf);
    cr_assert_eq(pack(x.gguf, x.pawl), 0, "%s", err_message());
    return x;
}

static struct files packed(const struct tiny_model *t)
{
    struct files x;

    tiny_model_write(t, x.gguf);
    return packed_file(x);
}

static void unlink_files(const struct files *x)
{
    unlink(x->gguf);
    unlink(x->pawl);
}

static int model_open(const char *path, uint64_t features, struct engine_model **out)
{
    const struct engine_options o = {.features = features, .n_threads = 2};

    return engine_model_open(path, &o, out);
}

/* Logits of the last of some tokens: malloc'ed. */
static float *answer(struct engine_session *s, size_t n_vocab)
{
    float *out = malloc(n_vocab * sizeof *out);
    int32_t ids[70];

    for (size_t i = 0; i < 70; i++)
        ids[i] = (int32_t)(i * 7 % n_vocab);
    cr_assert_eq(engine_session_eval(s, ids, 70, NULL, NULL), 0, "%s", err_message());
    return memcpy(out, engine_session_logits(s), n_vocab * sizeof *out);
}

/* Also a session of the one goes on with the other: they are one model. */
static void answers_alike(struct files x)
{
    struct engine_model *a = NULL, *b = NULL;
    struct engine_session *s = NULL, *u = NULL;
    float *want, *got;
    char saved[80];
    size_t n_vocab;

    snprintf(saved, sizeof saved, "%s.s", x.gguf);
    cr_assert_eq(model_open(x.gguf, cpu_features(), &a), 0, "%s", err_message());
    cr_assert_eq(model_open(x.pawl, cpu_features(), &b), 0, "%s", err_message());
    unlink_files(&x);
    cr_assert_eq(engine_model_packed_bytes(a), engine_model_packed_bytes(b));
    cr_assert_eq(engine_session_open(a, &s), 0);
    cr_assert_eq(engine_session_open(b, &u), 0, "%s", err_message());
    n_vocab = (size_t)engine_model_n_vocab(a);
    want = answer(s, n_vocab);
    got = answer(u, n_vocab);
    cr_assert(!memcmp(want, got, n_vocab * sizeof *want));
    cr_assert_eq(engine_session_save(s, saved), 0, "%s", err_message());
    cr_assert_eq(engine_session_load(u, saved), 0, "%s", err_message());
    unlink(saved);
    free(want);
    free(got);
    engine_session_close(&s);
    engine_session_close(&u);
    engine_model_close(&a);
    engine_model_close(&b);
}

Test(pack_file, answers_bit_for_bit_as_the_gguf_file)
{
    struct tiny_model t = tiny_f32;

    answers_alike(packed(&mixed));
    t.rope = 6;
    t.rope_factors = true;
    t.rope_scaling = 2;
    answers_alike(packed(&t));
}

/* Weights that are parts of tensors, and experts. */
Test(pack_file, answers_alike_for_fused_tensors_and_experts, .timeout = 60)
{
    static const char *const names[] = {"phi3", "qwen2moe"};

    for (int i = 0; i < 2; i++) {
        struct files x = {.gguf = "/tmp/pawl-arch-XXXXXX"};
        int fd = mkstemp(x.gguf);

        cr_assert(fd >= 0);
        close(fd);
        cr_assert_eq(
            arch_model_write(arch_model_find(names[i]), arch_types_find("Q4_K_M"), NULL, x.gguf), 0,
            "%s", err_message());
        answers_alike(packed_file(x));
    }
}

/* --- refused --- */

/* The packed bytes, and what opening them as a file says. */
static int open_bytes(const struct strbuf *bytes)
{
    struct engine_model *m = NULL;
    char path[] = "/tmp/pawl-packed-XXXXXX";
    int fd = mkstemp(path), rc;

    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, bytes->data, bytes->len), (ssize_t)bytes->len);
    close(fd);
    rc = model_open(path, cpu_features(), &m);
    engine_model_close(&m);
    unlink(path);
    return rc;
}

#define EXPECT_REFUSED(bytes, code, message)                                                       \
    do {                                                                                           \
        cr_expect_eq(open_bytes(bytes), code);                                                     \
        cr_expect(strstr(err_message(), message), "no \"%s\" in: %s", message, err_message());     \
    } while (0)

Test(pack_file, refuses_a_cut_anywhere, .timeout = 60)
{
    struct files x = packed(&tiny_f32);
    struct strbuf whole = {0};

    cr_assert_eq(file_read(x.pawl, &whole), 0);
    for (size_t n = 8; n < whole.len; n += n < 400 ? 29 : 9973) {
        const struct strbuf cut = {.data = whole.data, .len = n};

        EXPECT_REFUSED(&cut, ERR_FORMAT, "packed model");
    }
    strbuf_add(&whole, "", 1);
    EXPECT_REFUSED(&whole, ERR_FORMAT, "cut short or damaged");
    strbuf_deinit(&whole);
    unlink_files(&x);
}

Test(pack_file, refuses_a_damaged_head_and_finds_damaged_weights_when_asked)
{
    struct files x = packed(&tiny_f32);
    char *argv[] = {"pack", "--verify", x.pawl, NULL};
    struct strbuf whole = {0};

    cr_redirect_stderr();
    cr_assert_eq(file_read(x.pawl, &whole), 0);
    for (size_t i = 8; i < HEADER + 2000; i += 37) {
        whole.data[i] ^= 1;
        cr_expect_lt(open_bytes(&whole), 0, "byte %zu", i);
        whole.data[i] ^= 1;
    }
    cr_expect_eq(open_bytes(&whole), 0, "%s", err_message());
    cr_expect_eq(pack_main(3, argv), 0, "%s", err_message());
    whole.data[whole.len - 1] ^= 1;
    cr_assert_eq(file_write_atomic(x.pawl, whole.data, whole.len), 0);
    cr_expect_eq(pack_main(3, argv), 1);
    cr_expect(strstr(err_message(), "checksum of its weights"), "%s", err_message());
    strbuf_deinit(&whole);
    unlink_files(&x);
}

/* The header of another kernel, otherwise whole. */
Test(pack_file, refuses_another_layout_with_the_remedy)
{
    struct files x = packed(&tiny_f32);
    struct gguf_file *file = NULL;
    struct engine_model *m = NULL;
    struct resident weights = {0};
    struct pack_view view;

    cr_assert_eq(pack_file_open(x.pawl, &file, &view), 0, "%s", err_message());
    weights.data = (void *)(uintptr_t)view.weights;
    weights.bytes = view.bytes;
    view.layout[0] = view.layout[0] == 'a' ? 'b' : 'a';
    cr_assert_eq(pack_file_write(x.pawl, file, &weights, view.model, view.layout), 0);
    cr_assert_eq(model_open(x.pawl, cpu_features(), &m), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "pack it again"), "%s", err_message());
    view.layout[0] = '\0';
    gguf_close(&file);
    unlink_files(&x);
}

Test(pack_file, refuses_to_pack_what_is_packed_and_to_overwrite_its_source)
{
    struct files x = packed(&tiny_f32);
    char again[80];

    snprintf(again, sizeof again, "%s.2", x.pawl);
    cr_redirect_stderr();
    cr_assert_eq(pack(x.pawl, again), 2);
    cr_assert(strstr(err_message(), "packed already"), "%s", err_message());
    cr_assert_eq(pack(x.gguf, x.gguf), 2);
    cr_assert(strstr(err_message(), "overwrite"), "%s", err_message());
    cr_assert_eq(pack("/nowhere/x.gguf", again), 1);
    cr_assert_eq(pack(x.gguf, "/nowhere/x.pawl"), 1);
    cr_assert_eq(access(again, F_OK), -1);
    unlink_files(&x);
}

Test(pack_file, gives_graphs_and_headers_without_tensor_data)
{
    struct files x = packed(&mixed);
    struct gguf_file *file = NULL, *source = NULL;
    struct pack_view view;

    cr_assert_eq(gguf_open(x.gguf, &source), 0);
    cr_assert_eq(pack_file_open(x.pawl, &file, &view), 0, "%s", err_message());
    cr_assert_eq(gguf_n_tensors(file), gguf_n_tensors(source));
    cr_assert_eq(gguf_file_bytes(file), gguf_file_bytes(source));
    cr_assert_eq((uintptr_t)view.weights % 4096, 0);
    for (size_t i = 0; i < gguf_n_tensors(file); i++) {
        cr_assert_str_eq(gguf_tensor_at(file, i)->name, gguf_tensor_at(source, i)->name);
        cr_assert(gguf_tensor_at(file, i)->data == NULL);
        cr_assert_eq(gguf_tensor_at(file, i)->offset, gguf_tensor_at(source, i)->offset);
    }
    gguf_close(&file);
    gguf_close(&source);
    unlink_files(&x);
}

Test(resident, knows_the_peak_of_the_process)
{
    struct resident r;
    size_t before = process_peak_bytes();

    cr_assert_gt(before, 0);
    cr_assert_eq(resident_map(before + (16 << 20), "test", &r), 0);
    memset(r.data, 1, r.bytes);
    cr_assert_geq(process_peak_bytes(), before + (16 << 20));
    resident_unmap(&r);
    cr_assert_geq(process_peak_bytes(), before + (16 << 20));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gguf/gguf.h"
#include "engine/tokenizer/tokenizer.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "tests/engine/gguf_build.h"
#include "tests/engine/shared.h"

#include <criterion/criterion.h>

/* One file with a value of each kind. Its fields can be made wrong one at a time. */
struct spec {
    const char *magic;
    uint32_t version;
    uint64_t n_tensors, n_kvs;
    const char *key;  /* of the first value */
    uint64_t key_len; /* as written; 0 = right */
    uint32_t type;    /* of the first value, a u32 */
    uint64_t array_count;
    uint32_t array_type;
    uint32_t alignment;
    unsigned char flag;
    const char *name;
    uint32_t n_dims;
    int64_t ne[5];
    uint32_t tensor_type;
    uint64_t offset;
};

static const struct spec good = {
    .magic = "GGUF",
    .version = 3,
    .n_tensors = 2,
    .n_kvs = 6,
    .key = "test.u32",
    .type = GGUF_U32,
    .array_count = 3,
    .array_type = GGUF_STRING,
    .alignment = 64,
    .flag = 1,
    .name = "first",
    .n_dims = 2,
    .ne = {256, 3, 1, 1, 1},
    .tensor_type = KERNEL_Q4_K,
    .offset = 0,
};

enum { N_GOOD_BYTES = 3 * 144 }; /* of the tensor "first" */

/* Returns the bytes of everything before the padding of the data section. */
static size_t spec_build(const struct spec *p, struct strbuf *s)
{
    static const char *const words[] = {"alpha", "", "gamma"};
    size_t header;

    strbuf_clear(s);
    strbuf_add(s, p->magic, 4);
    build_u32(s, p->version);
    build_u64(s, p->n_tensors);
    build_u64(s, p->n_kvs);
    build_u64(s, p->key_len ? p->key_len : strlen(p->key));
    strbuf_add(s, p->key, strlen(p->key));
    build_u32(s, p->type);
    build_u32(s, 7);
    build_kv_string(s, "test.string", "text");
    build_kv_array(s, "test.words", p->array_type, p->array_count);
    for (int i = 0; i < 3; i++)
        build_string(s, words[i]);
    build_kv_u32(s, "general.alignment", p->alignment);
    build_string(s, "test.flag");
    build_u32(s, GGUF_BOOL);
    strbuf_add(s, &p->flag, 1);
    build_string(s, "test.pi");
    build_u32(s, GGUF_F64);
    strbuf_add(s, &(double){3.25}, 8);
    build_tensor(s, p->name, p->tensor_type, p->n_dims, p->ne, p->offset);
    build_tensor(s, "second", KERNEL_F32, 1, (int64_t[]){5}, 448);
    header = s->len;
    build_pad(s, 64);
    for (int i = 0; i < 448; i++)
        strbuf_add(s, &(char){(char)i}, 1);
    for (int i = 0; i < 5; i++)
        build_f32(s, (float)i);
    build_pad(s, 64);
    return header;
}

/* Open a copy that ends exactly where the heap block ends, so that sanitizers see any overrun. */
static int copy_open(const char *data, size_t bytes, struct gguf_file **f, char **copy)
{
    *copy = malloc(bytes ? bytes : 1);
    cr_assert_not_null(*copy);
    memcpy(*copy, data, bytes);
    err_clear();
    return gguf_open_memory(*copy, bytes, "memory", f);
}

Test(gguf, hands_out_what_the_file_says)
{
    struct strbuf s = {0};
    struct gguf_string string, words[3];
    struct gguf_file *f;
    const struct gguf_tensor *t;
    int64_t i = 0;
    double d = 0;
    bool flag = false;

    spec_build(&good, &s);
    cr_assert_eq(gguf_open_memory(s.data, s.len, "memory", &f), 0, "%s", err_message());
    cr_expect_eq(gguf_version(f), 3);
    cr_expect_eq(gguf_n_kv(f), 6);
    cr_expect_eq(gguf_n_tensors(f), 2);
    cr_expect(gguf_get_int(f, "test.u32", &i) == 0 && i == 7);
    cr_expect(gguf_get_float(f, "test.pi", &d) == 0 && d == 3.25);
    cr_expect(gguf_get_bool(f, "test.flag", &flag) == 0 && flag);
    cr_assert_eq(gguf_get_string(f, "test.string", &string), 0);
    cr_expect(string.len == 4 && !memcmp(string.data, "text", 4));
    cr_assert_eq(gguf_array_strings(gguf_kv_find(f, "test.words"), words), 0);
    cr_expect(words[0].len == 5 && words[1].len == 0 && !memcmp(words[2].data, "gamma", 5));
    t = gguf_tensor_find(f, "first");
    cr_assert_not_null(t);
    cr_expect(t->bytes == N_GOOD_BYTES && t->ne[0] == 256 && t->ne[1] == 3 && t->ne[2] == 1);
    cr_expect(((const unsigned char *)t->data)[100] == 100);
    cr_expect_eq(t->offset % 64, 0);
    cr_expect_eq(((const float *)gguf_tensor_find(f, "second")->data)[4], 4);
    gguf_close(&f);
    cr_expect_null(f);
    strbuf_deinit(&s);
}

Test(gguf, tells_absent_from_wrong)
{
    struct strbuf s = {0};
    struct gguf_string string;
    struct gguf_file *f;
    int64_t i = 41;
    double d = 0;
    bool flag;

    spec_build(&good, &s);
    cr_assert_eq(gguf_open_memory(s.data, s.len, "memory", &f), 0);
    cr_expect(gguf_get_int(f, "test.absent", &i) == 1 && i == 41);
    cr_expect_null(gguf_kv_find(f, "test.u3"));
    cr_expect_null(gguf_kv_find(f, "test.u322"));
    cr_expect_null(gguf_tensor_find(f, "third"));
    cr_expect_eq(gguf_get_int(f, "test.string", &i), ERR_FORMAT);
    cr_expect_not_null(strstr(err_message(), "test.string"));
    cr_expect_eq(gguf_get_int(f, "test.pi", &i), ERR_FORMAT);
    cr_expect_eq(gguf_get_bool(f, "test.u32", &flag), ERR_FORMAT);
    cr_expect_eq(gguf_get_string(f, "test.words", &string), ERR_FORMAT);
    cr_expect_eq(gguf_get_float(f, "test.flag", &d), ERR_FORMAT);
    cr_expect(gguf_get_float(f, "test.u32", &d) == 0 && d == 7);
    gguf_close(&f);
    strbuf_deinit(&s);
}

Test(gguf, converts_integers_of_every_width)
{
    static const struct {
        uint32_t type;
        size_t bytes;
        int64_t want;
    } cases[] = {
        {GGUF_U8, 1, 0x81},
        {GGUF_I8, 1, -127},
        {GGUF_U16, 2, 0x8281},
        {GGUF_I16, 2, (int16_t)0x8281},
        {GGUF_U32, 4, 0x84838281u},
        {GGUF_I32, 4, (int32_t)0x84838281u},
        {GGUF_I64, 8, INT64_MIN + 0x0706050403020100 + 0x81818181},
    };
    unsigned char bytes[8];

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct strbuf s = {0};
        struct gguf_file *f;
        int64_t got = 0;

        memcpy(bytes, &cases[c].want, sizeof bytes);
        build_header(&s, 0, 1);
        build_string(&s, "k");
        build_u32(&s, cases[c].type);
        strbuf_add(&s, bytes, cases[c].bytes);
        cr_assert_eq(gguf_open_memory(s.data, s.len, "memory", &f), 0, "%s", err_message());
        cr_expect(gguf_get_int(f, "k", &got) == 0 && got == cases[c].want, "case %zu", c);
        gguf_close(&f);
        strbuf_deinit(&s);
    }
}

Test(gguf, refuses_u64_past_int64)
{
    struct strbuf s = {0};
    struct gguf_file *f;
    int64_t got;

    build_header(&s, 0, 1);
    build_string(&s, "k");
    build_u32(&s, GGUF_U64);
    build_u64(&s, UINT64_C(1) << 63);
    cr_assert_eq(gguf_open_memory(s.data, s.len, "memory", &f), 0);
    cr_expect_eq(gguf_get_int(f, "k", &got), ERR_FORMAT);
    gguf_close(&f);
    strbuf_deinit(&s);
}

/* Each wrong field is refused, and the message holds `says`. */
static void expect_refused(const struct spec *p, int code, const char *says)
{
    struct strbuf s = {0};
    struct gguf_file *f = NULL;
    char *copy;
    int rc;

    spec_build(p, &s);
    rc = copy_open(s.data, s.len, &f, &copy);
    cr_expect(rc == code && !f && strstr(err_message(), says), "want \"%s\", got %d \"%s\"", says,
              rc, err_message());
    gguf_close(&f);
    free(copy);
    strbuf_deinit(&s);
}

#define REFUSED(code, says, ...)                                                                   \
    do {                                                                                           \
        struct spec p = good;                                                                      \
        __VA_ARGS__;                                                                               \
        expect_refused(&p, code, says);                                                            \
    } while (0)

Test(gguf, rejects_wrong_headers)
{
    REFUSED(ERR_FORMAT, "not a GGUF file", p.magic = "GGML");
    REFUSED(ERR_UNSUPPORTED, "big-endian", p.magic = "FUGG");
    REFUSED(ERR_UNSUPPORTED, "big-endian", p.version = 0x03000000);
    REFUSED(ERR_UNSUPPORTED, "version 1", p.version = 1);
    REFUSED(ERR_UNSUPPORTED, "version 4", p.version = 4);
    REFUSED(ERR_UNSUPPORTED, "version 0", p.version = 0);
    REFUSED(ERR_FORMAT, "tensor count", p.n_tensors = UINT64_MAX);
    REFUSED(ERR_FORMAT, "tensor count", p.n_tensors = 1u << 30);
    REFUSED(ERR_FORMAT, "tensor 2", p.n_tensors = 3);
    REFUSED(ERR_FORMAT, "key count", p.n_kvs = UINT64_MAX);
    REFUSED(ERR_FORMAT, "key count", p.n_kvs = UINT64_C(1) << 32);
}

Test(gguf, rejects_wrong_metadata)
{
    REFUSED(ERR_FORMAT, "key 0", p.key_len = UINT64_C(1) << 63);
    REFUSED(ERR_FORMAT, "key 0", p.key_len = UINT64_MAX);
    REFUSED(ERR_FORMAT, "key 0", p.key_len = 70000);
    REFUSED(ERR_FORMAT, "control character", p.key = "test\033[2J");
    REFUSED(ERR_FORMAT, "test.string is there twice", p.key = "test.string");
    REFUSED(ERR_FORMAT, "unknown value type 13", p.type = 13);
    REFUSED(ERR_FORMAT, "unknown value type 4294967295", p.type = UINT32_MAX);
    REFUSED(ERR_FORMAT, "array of arrays", p.array_type = GGUF_ARRAY);
    REFUSED(ERR_FORMAT, "test.words has the unknown value type 99", p.array_type = 99);
    REFUSED(ERR_FORMAT, "test.words has a count", p.array_count = UINT64_MAX);
    REFUSED(ERR_FORMAT, "test.words has a count", p.array_count = UINT64_C(1) << 61;
            p.array_type = GGUF_U64);
    REFUSED(ERR_FORMAT, "test.words has a count", p.array_count = 1u << 20);
    REFUSED(ERR_FORMAT, "general.alignment", p.alignment = 0);
    REFUSED(ERR_FORMAT, "general.alignment", p.alignment = 48);
    REFUSED(ERR_FORMAT, "general.alignment", p.alignment = 1);
    REFUSED(ERR_FORMAT, "test.flag", p.flag = 2);
}

Test(gguf, rejects_wrong_tensors)
{
    REFUSED(ERR_FORMAT, "tensor second is there twice", p.name = "second");
    REFUSED(ERR_FORMAT, "the name of tensor 0", p.name = "");
    REFUSED(ERR_FORMAT, "control character", p.name = "a\tb");
    REFUSED(ERR_FORMAT, "control character", p.name = "a\302\233b");
    REFUSED(ERR_FORMAT, "tensor first: 0 dimensions", p.n_dims = 0);
    REFUSED(ERR_FORMAT, "tensor first: 5 dimensions", p.n_dims = 5);
    REFUSED(ERR_FORMAT, "dimension 1 is 0", p.ne[1] = 0);
    REFUSED(ERR_FORMAT, "dimension 1", p.ne[1] = -1);
    REFUSED(ERR_FORMAT, "overflows", p.ne[1] = INT64_MAX);
    REFUSED(ERR_FORMAT, "overflows", p.n_dims = 3; p.ne[1] = p.ne[2] = INT64_C(1) << 32);
    REFUSED(ERR_FORMAT, "overflows", p.n_dims = 4; p.ne[1] = p.ne[2] = p.ne[3] = 1 << 21);
    REFUSED(ERR_FORMAT, "overflows", p.tensor_type = KERNEL_Q8_0; p.ne[0] = INT64_MAX - 31;
            p.ne[1] = 1);
    REFUSED(ERR_FORMAT, "Q4_K blocks of 256", p.ne[0] = 255);
    REFUSED(ERR_FORMAT, "tensor first: type 4 ", p.tensor_type = 4);
    REFUSED(ERR_FORMAT, "tensor first: type 15 ", p.tensor_type = KERNEL_Q8_K);
    REFUSED(ERR_FORMAT, "tensor first: type 1000 ", p.tensor_type = KERNEL_Q8_32);
    REFUSED(ERR_FORMAT, "offset 32 is no multiple of 64", p.offset = 32);
    REFUSED(ERR_FORMAT, "tensor first: its 432 bytes at offset 8192", p.offset = 8192);
    REFUSED(ERR_FORMAT, "past the end", p.offset = UINT64_MAX - 63);
    REFUSED(ERR_FORMAT, "past the end", p.ne[1] = 1 << 20);
}

Test(gguf, rejects_a_name_too_long_for_its_field)
{
    char name[200];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    REFUSED(ERR_FORMAT, "1 to 127 are possible", p.name = name);
    name[127] = '\0';
    struct spec p = good;
    struct strbuf s = {0};
    struct gguf_file *f;
    p.name = name;
    spec_build(&p, &s);
    cr_expect_eq(gguf_open_memory(s.data, s.len, "memory", &f), 0, "%s", err_message());
    gguf_close(&f);
    strbuf_deinit(&s);
}

Test(gguf, rejects_tensor_past_eof_at_every_cut)
{
    struct strbuf s = {0};
    size_t header = spec_build(&good, &s), data_end, n_opened = 0;

    data_end = (header + 63) / 64 * 64 + 448 + 5 * 4;
    for (size_t cut = 0; cut <= s.len; cut++) {
        struct gguf_file *f;
        char *copy;
        int rc = copy_open(s.data, cut, &f, &copy);

        cr_assert_eq(rc == 0, cut >= data_end, "cut %zu of %zu: %s", cut, s.len, err_message());
        cr_assert(rc == 0 || *err_message());
        n_opened += rc == 0;
        gguf_close(&f);
        free(copy);
    }
    cr_expect_eq(n_opened, s.len - data_end + 1);
    strbuf_deinit(&s);
}

Test(gguf, rejects_cuts_of_a_real_model)
{
    struct strbuf s = {0};
    char path[4096];

    shared_require();
    shared_path(path, sizeof path, "models/stories260K.gguf");
    cr_assert_eq(file_read(path, &s), 0, "%s", err_message());
    for (size_t cut = 0; cut < s.len; cut += cut < 12000 ? 13 : 9973) {
        struct gguf_file *f;
        char *copy;

        cr_assert_lt(copy_open(s.data, cut, &f, &copy), 0, "cut %zu", cut);
        free(copy);
    }
    strbuf_deinit(&s);
}

/* Touch everything that the interface hands out. */
static unsigned walk(const struct gguf_file *f)
{
    unsigned sum = 0;

    for (size_t i = 0; i < gguf_n_kv(f); i++) {
        const struct gguf_kv *kv = gguf_kv_at(f, i);

        for (size_t j = 0; j < kv->bytes; j++)
            sum += kv->value[j];
        for (uint64_t j = 0; kv->element_type != GGUF_STRING && j < kv->count; j++)
            sum += (unsigned)gguf_array_int(kv, j);
        sum += (unsigned)kv->key.data[kv->key.len - 1];
    }
    for (size_t i = 0; i < gguf_n_tensors(f); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(f, i);

        cr_assert_eq(gguf_tensor_find(f, t->name), t);
        sum += ((const unsigned char *)t->data)[0] + ((const unsigned char *)t->data)[t->bytes - 1];
    }
    return sum;
}

/* Flip bytes below `limit` in the file's header, open, walk, put them back. */
static void flip(struct strbuf *s, size_t limit, int n_rounds, uint64_t seed)
{
    struct rng r;
    int n_opened = 0;
    char *old = malloc(s->len);

    cr_assert_not_null(old);
    memcpy(old, s->data, s->len);
    rng_init(&r, seed);
    for (int round = 0; round < n_rounds; round++) {
        struct gguf_file *f;
        struct tokenizer *t = NULL;

        for (uint64_t n = 1 + rng_below(&r, 4); n; n--)
            s->data[rng_below(&r, limit)] = (char)rng_next(&r);
        err_clear();
        if (!gguf_open_memory(s->data, s->len, "memory", &f)) {
            n_opened++;
            walk(f);
            tokenizer_open(f, &t);
            tokenizer_close(&t);
            gguf_close(&f);
        } else {
            cr_assert(*err_message());
        }
        memcpy(s->data, old, limit);
    }
    cr_expect(n_opened > 0 && n_opened < n_rounds);
    free(old);
}

Test(gguf, survives_flipped_bytes)
{
    struct strbuf s = {0};

    flip(&s, spec_build(&good, &s), 5000, 1);
    strbuf_deinit(&s);
}

Test(gguf, survives_flipped_bytes_in_a_real_model)
{
    struct strbuf s = {0};
    char path[4096];

    shared_require();
    shared_path(path, sizeof path, "models/stories260K.gguf");
    cr_assert_eq(file_read(path, &s), 0, "%s", err_message());
    flip(&s, 11671, 3000, 2);
    strbuf_deinit(&s);
}

Test(gguf, maps_a_real_model)
{
    const struct gguf_tensor *t;
    struct gguf_file *f;
    char path[4096];

    shared_require();
    shared_path(path, sizeof path, "models/stories260K.gguf");
    cr_assert_eq(gguf_open(path, &f), 0, "%s", err_message());
    cr_expect_eq(gguf_n_tensors(f), 47);
    t = gguf_tensor_find(f, "token_embd.weight");
    cr_assert_not_null(t);
    cr_expect(t->type == KERNEL_F32 && t->ne[0] == 64 && t->ne[1] == 512 && t->n_dims == 2);
    gguf_close(&f);
}

Test(gguf, says_which_file_it_cannot_open)
{
    struct gguf_file *f;

    cr_expect_eq(gguf_open("no/such/file.gguf", &f), ERR_IO);
    cr_expect_not_null(strstr(err_message(), "no/such/file.gguf"));
    cr_expect_eq(gguf_open(".", &f), ERR_IO);
    cr_expect_eq(gguf_open("/dev/null", &f), ERR_IO);
}

/* --- writer --- */

Test(gguf, writer_gives_back_what_it_was_given)
{
    char folder[512], path[600];
    struct strbuf s = {0};
    struct gguf_file *in, *out;
    struct gguf_writer *w;
    int64_t v = 0;

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/out.gguf", folder);
    spec_build(&good, &s);
    cr_assert_eq(gguf_open_memory(s.data, s.len, "memory", &in), 0);
    cr_assert_eq(gguf_writer_open(path, &w), 0, "%s", err_message());
    for (size_t i = 0; i < gguf_n_kv(in); i++)
        cr_assert_eq(gguf_writer_add_kv(w, gguf_kv_at(in, i)), 0);
    cr_assert_eq(gguf_writer_set_u32(w, "test.u32", 8), 0);
    for (size_t i = 0; i < gguf_n_tensors(in); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(in, i);

        cr_assert_eq(gguf_writer_declare(w, t->name, t->type, t->n_dims, t->ne), 0);
    }
    for (size_t i = 0; i < gguf_n_tensors(in); i++)
        cr_assert_eq(gguf_writer_data(w, gguf_tensor_at(in, i)->data, gguf_tensor_at(in, i)->bytes),
                     0);
    cr_assert_eq(gguf_writer_finish(&w), 0, "%s", err_message());
    cr_expect_null(w);
    cr_assert_eq(gguf_open(path, &out), 0, "%s", err_message());
    cr_expect_eq(gguf_n_kv(out), gguf_n_kv(in));
    cr_expect(gguf_get_int(out, "test.u32", &v) == 0 && v == 8);
    for (size_t i = 0; i < gguf_n_kv(in); i++) {
        const struct gguf_kv *a = gguf_kv_at(in, i), *b = gguf_kv_at(out, i);

        cr_expect(a->type == b->type && a->count == b->count && a->bytes == b->bytes);
        cr_expect(i == 0 || !memcmp(a->value, b->value, a->bytes));
    }
    for (size_t i = 0; i < gguf_n_tensors(in); i++) {
        const struct gguf_tensor *a = gguf_tensor_at(in, i), *b = gguf_tensor_at(out, i);

        cr_expect(!strcmp(a->name, b->name) && a->bytes == b->bytes);
        cr_expect(!memcmp(a->data, b->data, a->bytes));
        cr_expect_eq(b->offset % 64, 0);
    }
    gguf_close(&out);
    gguf_close(&in);
    strbuf_deinit(&s);
    file_remove_tree(folder);
}

Test(gguf, writer_refuses_disorder_and_leaves_nothing)
{
    char folder[512], path[600];
    struct gguf_writer *w;
    float row[8] = {0};

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/out.gguf", folder);
    cr_assert_eq(gguf_writer_open(path, &w), 0, "%s", err_message());
    cr_expect_eq(gguf_writer_data(w, row, sizeof row), ERR_USAGE);
    cr_expect_eq(gguf_writer_declare(w, "a", KERNEL_Q4_K, 1, (int64_t[]){8}), ERR_USAGE);
    cr_expect_eq(gguf_writer_set_u32(w, "general.alignment", 24), ERR_RANGE);
    cr_assert_eq(gguf_writer_declare(w, "a", KERNEL_F32, 1, (int64_t[]){8}), 0);
    cr_expect_eq(gguf_writer_declare(w, "a", KERNEL_F32, 1, (int64_t[]){8}), ERR_USAGE);
    cr_expect_eq(gguf_writer_data(w, row, sizeof row - 1), ERR_USAGE);
    cr_expect_eq(gguf_writer_finish(&w), ERR_USAGE);
    cr_assert_eq(gguf_writer_data(w, row, sizeof row), 0);
    cr_expect_eq(gguf_writer_set_u32(w, "late", 1), ERR_USAGE);
    gguf_writer_abandon(&w);
    cr_expect_null(w);
    cr_expect_eq(rmdir(folder), 0, "something was left in %s", folder);
}

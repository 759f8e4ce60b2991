/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved sessions: what comes back is bit for bit what was saved, or nothing and one clear line. */
#include "engine/run/session_internal.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/sha256.h"
#include "reference/base/strbuf.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTEXT = 160, VOCAB = 40, HEADER = 160, HEX = 64 };

struct opened {
    struct engine_model *model;
    struct engine_session *session;
    char path[64]; /* of a session file */
};

static struct opened open_tiny(const struct tiny_model *t, uint32_t n_context, uint32_t kv_type)
{
    struct engine_options o = {.features = cpu_features(),
                               .n_threads = 1,
                               .n_context = n_context,
                               .micro_batch = 32,
                               .kv_type = kv_type};
    struct opened x = {0};
    char path[64];
    int fd;

    tiny_model_write(t, path);
    cr_assert_eq(engine_model_open(path, &o, &x.model), 0, "%s", err_message());
    unlink(path);
    cr_assert_eq(engine_session_open(x.model, &x.session), 0, "%s", err_message());
    snprintf(x.path, sizeof x.path, "/tmp/pawl-session-XXXXXX");
    fd = mkstemp(x.path);
    cr_assert(fd >= 0);
    close(fd);
    return x;
}

static void close_tiny(struct opened *x)
{
    unlink(x->path);
    engine_session_close(&x->session);
    engine_model_close(&x->model);
}

static void eval(struct engine_session *s, size_t n, uint64_t seed)
{
    int32_t ids[CONTEXT];
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, VOCAB);
    cr_assert_eq(engine_session_eval(s, ids, n, NULL, NULL), 0, "%s", err_message());
}

static void save(struct opened *x, struct strbuf *bytes)
{
    cr_assert_eq(engine_session_save(x->session, x->path), 0, "%s", err_message());
    strbuf_clear(bytes);
    cr_assert_eq(file_read(x->path, bytes), 0);
}

/* The sum that makes changed bytes whole again. */
static void seal(struct strbuf *bytes)
{
    char hex[SHA256_HEX];

    sha256_hex(bytes->data, bytes->len - HEX, hex);
    memcpy(bytes->data + bytes->len - HEX, hex, HEX);
}

/* --- there and back --- */

static void comes_back(const struct tiny_model *t, uint32_t kv_type)
{
    static const uint32_t lengths[] = {0, 1, 63, 64, 65, 130, 160};
    struct opened x = open_tiny(t, CONTEXT, kv_type), y = open_tiny(t, CONTEXT, kv_type);
    float want[VOCAB];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint32_t n = lengths[i];

        cr_assert_eq(engine_session_truncate(x.session, 0), 0);
        cr_assert_eq(engine_session_truncate(y.session, 0), 0);
        eval(y.session, 90, 5);
        if (n)
            eval(x.session, n, 1);
        cr_assert_eq(engine_session_save(x.session, x.path), 0, "%s", err_message());
        cr_assert_eq(engine_session_load(y.session, x.path), 0, "%s", err_message());
        cr_assert_eq(engine_session_position(y.session), n);
        cr_assert(!memcmp(engine_session_tokens(x.session), engine_session_tokens(y.session),
                          n * sizeof(int32_t)));
        if (n)
            cr_assert(!memcmp(engine_session_logits(x.session), engine_session_logits(y.session),
                              sizeof want));
        else
            cr_assert(engine_session_logits(y.session) == NULL);
        if (n == CONTEXT)
            break;
        eval(x.session, 30 < CONTEXT - n ? 30 : CONTEXT - n, 2);
        memcpy(want, engine_session_logits(x.session), sizeof want);
        eval(y.session, 30 < CONTEXT - n ? 30 : CONTEXT - n, 2);
        cr_assert(!memcmp(want, engine_session_logits(y.session), sizeof want), "after %u", n);
    }
    close_tiny(&x);
    close_tiny(&y);
}

Test(session_file, gives_back_every_bit_of_a_session_with_f16_pages)
{
    comes_back(&tiny_f32, KERNEL_F16);
}

Test(session_file, gives_back_every_bit_of_a_session_with_q8_0_pages)
{
    comes_back(&tiny_f32, KERNEL_Q8_0);
}

Test(session_file, holds_nothing_but_the_timeline)
{
    struct opened x = open_tiny(&tiny_f32, CONTEXT, KERNEL_F16);
    struct strbuf a = {0}, b = {0};
    struct stat st;

    eval(x.session, 70, 1);
    save(&x, &a);
    cr_assert_eq(stat(x.path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    cr_assert_eq(engine_session_truncate(x.session, 0), 0);
    eval(x.session, 130, 2);
    cr_assert_eq(engine_session_truncate(x.session, 0), 0);
    eval(x.session, 70, 1);
    save(&x, &b);
    cr_assert(a.len == b.len && !memcmp(a.data, b.data, a.len), "of an earlier text too");
    cr_assert_eq(engine_session_truncate(x.session, 69), 0);
    save(&x, &b);
    cr_assert_eq(engine_session_load(x.session, x.path), 0, "%s", err_message());
    cr_assert(engine_session_logits(x.session) == NULL, "they followed token 70");
    strbuf_deinit(&a);
    strbuf_deinit(&b);
    close_tiny(&x);
}

Test(session_file, serves_a_session_of_another_context)
{
    struct opened x = open_tiny(&tiny_f32, 100, KERNEL_F16),
                  y = open_tiny(&tiny_f32, 80, KERNEL_F16);

    eval(x.session, 80, 1);
    cr_assert_eq(engine_session_save(x.session, x.path), 0, "%s", err_message());
    cr_assert_eq(engine_session_load(y.session, x.path), 0, "%s", err_message());
    eval(x.session, 1, 2);
    cr_assert_eq(engine_session_save(x.session, x.path), 0, "%s", err_message());
    cr_assert_eq(engine_session_load(y.session, x.path), ERR_RANGE);
    cr_assert(strstr(err_message(), "81 tokens do not fit a context of 80 (--ctx)"), "%s",
              err_message());
    cr_assert_eq(engine_session_position(y.session), 80);
    close_tiny(&x);
    close_tiny(&y);
}

/* --- refused --- */

#define EXPECT_REFUSED(s, bytes, code, message)                                                    \
    do {                                                                                           \
        cr_expect_eq(session__load((s), (bytes).data, (bytes).len, "x"), code);                    \
        cr_expect(strstr(err_message(), message), "no \"%s\" in: %s", message, err_message());     \
        cr_expect_eq(engine_session_position(s), 70);                                              \
    } while (0)

Test(session_file, refuses_a_cut_anywhere)
{
    struct opened x = open_tiny(&tiny_f32, CONTEXT, KERNEL_F16);
    struct strbuf whole = {0};

    eval(x.session, 70, 1);
    save(&x, &whole);
    for (size_t n = 0; n < whole.len; n += n < 2000 || n + 200 > whole.len ? 1 : 997) {
        const struct strbuf cut = {.data = whole.data, .len = n};

        EXPECT_REFUSED(x.session, cut, ERR_FORMAT, "session file");
    }
    strbuf_add(&whole, "", 1);
    EXPECT_REFUSED(x.session, whole, ERR_FORMAT, "session file");
    cr_assert_eq(truncate(x.path, 0), 0);
    cr_assert_eq(engine_session_load(x.session, x.path), ERR_FORMAT);
    strbuf_deinit(&whole);
    close_tiny(&x);
}

Test(session_file, refuses_a_changed_byte_anywhere)
{
    struct opened x = open_tiny(&tiny_f32, CONTEXT, KERNEL_F16);
    struct strbuf whole = {0};

    eval(x.session, 70, 1);
    save(&x, &whole);
    for (size_t i = 0; i < whole.len; i += i < 1000 ? 7 : 1499) {
        whole.data[i] ^= 0x10;
        cr_assert_lt(session__load(x.session, whole.data, whole.len, "x"), 0, "byte %zu", i);
        whole.data[i] ^= 0x10;
    }
    EXPECT_REFUSED(x.session, ((struct strbuf){.data = "PAWLSES", .len = 7}), ERR_FORMAT,
                   "7 bytes are no session file");
    cr_assert_eq(session__load(x.session, whole.data, whole.len, "x"), 0);
    strbuf_deinit(&whole);
    close_tiny(&x);
}

/* Well sealed, but not for this session. */
Test(session_file, refuses_what_belongs_elsewhere)
{
    struct opened x = open_tiny(&tiny_f32, CONTEXT, KERNEL_F16);
    struct strbuf f = {0};
    const float nan = NAN;
    uint32_t version = 2, n_logits = VOCAB - 1;
    int32_t id = VOCAB;

    eval(x.session, 70, 1);
    save(&x, &f);
    f.data[32]++;
    seal(&f);
    EXPECT_REFUSED(x.session, f, ERR_CONFLICT, "another model");
    f.data[32]--;
    f.data[32 + HEX]++;
    seal(&f);
    EXPECT_REFUSED(x.session, f, ERR_CONFLICT, "lays pages out in another way");
    f.data[32 + HEX]--;
    memcpy(f.data + HEADER + 4 * 69, &id, 4);
    seal(&f);
    EXPECT_REFUSED(x.session, f, ERR_FORMAT, "token 69 is 40");
    save(&x, &f);
    memcpy(f.data + HEADER + 4 * 70 + 4 * 39, &nan, 4);
    seal(&f);
    EXPECT_REFUSED(x.session, f, ERR_FORMAT, "not finite");
    save(&x, &f);
    memcpy(f.data + 20, &n_logits, 4);
    f.len -= 4;
    seal(&f);
    EXPECT_REFUSED(x.session, f, ERR_FORMAT, "39 logits");
    save(&x, &f);
    memcpy(f.data + 8, &version, 4);
    seal(&f);
    EXPECT_REFUSED(x.session, f, ERR_UNSUPPORTED, "version 2");
    f.data[0] = 'G';
    EXPECT_REFUSED(x.session, f, ERR_FORMAT, "not a session file");
    strbuf_deinit(&f);
    close_tiny(&x);
}

Test(session_file, refuses_counts_that_overflow)
{
    struct opened x = open_tiny(&tiny_f32, CONTEXT, KERNEL_F16);
    struct strbuf f = {0};

    eval(x.session, 70, 1);
    save(&x, &f);
    for (size_t i = 16; i < 32; i++) {
        char was = f.data[i];

        f.data[i] = (char)0xff;
        seal(&f);
        cr_assert_lt(session__load(x.session, f.data, f.len, "x"), 0, "byte %zu", i);
        f.data[i] = was;
    }
    memset(f.data + 16, 0xff, 16);
    EXPECT_REFUSED(x.session, f, ERR_FORMAT, "cut short or damaged");
    strbuf_deinit(&f);
    close_tiny(&x);
}

Test(session_file, refuses_the_session_of_a_sibling_and_of_another_kv_type)
{
    struct tiny_model sibling = tiny_f32;
    struct opened x = open_tiny(&tiny_f32, CONTEXT, KERNEL_F16), y,
                  z = open_tiny(&tiny_f32, CONTEXT, KERNEL_Q8_0);

    sibling.spoilt = "blk.1.ffn_norm.weight";
    sibling.spoilt_value = 2;
    y = open_tiny(&sibling, CONTEXT, KERNEL_F16);
    eval(x.session, 70, 1);
    cr_assert_eq(engine_session_save(x.session, x.path), 0);
    cr_assert_eq(engine_session_load(y.session, x.path), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "another model"), "%s", err_message());
    cr_assert_eq(engine_session_load(z.session, x.path), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "--kv f16"), "%s", err_message());
    cr_assert_eq(engine_session_load(z.session, "/nowhere/x"), ERR_IO);
    cr_assert(strstr(err_message(), "/nowhere/x"), "%s", err_message());
    cr_assert_eq(engine_session_load(z.session, "/tmp"), ERR_IO);
    cr_assert_eq(engine_session_save(z.session, "/nowhere/x"), ERR_IO);
    close_tiny(&x);
    close_tiny(&y);
    close_tiny(&z);
}

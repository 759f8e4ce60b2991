/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect.c: `engine inspect`: what stands in a GGUF file, for people and as JSON. Long arrays and
 * strings are abbreviated, and nothing from the file reaches a terminal unescaped. */
#include "engine/command/inspect.h"

#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/gguf/gguf.h"
#include "engine/model/model.h"
#include "engine/tokenizer/utf8.h"
#include "reference/base/cpu.h"

#include "reference/base/strbuf.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: engine inspect [FILE] [--load] [--json]\n"
    "Prints a GGUF file's metadata, its tensors (type, shape, bytes, "
    "offset in the file) and totals\n"
    "per type. Long arrays and strings are abbreviated. --load packs the weights as a "
    "run would and\n"
    "says what memory they got.\n";

enum {
    FIRST_ELEMENTS = 6, /* of an array that are shown */
    STRING_BYTES = 96,  /* of a string that are shown to people */
    N_TYPES = KERNEL_TQ2_0 + 1,
};

/* Append s, control characters (C0, DEL, C1) and bytes that are no UTF-8 as \xNN. */
static void escape(struct gguf_string s, size_t limit, struct strbuf *out)
{
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.data[i];
        size_t n = utf8_char_bytes(s.data + i, s.len - i);

        if (i + (n ? n : 1) > limit) {
            strbuf_addf(out, "... (%zu bytes)", s.len);
            return;
        }
        if (c == '\n')
            strbuf_addf(out, "\\n");
        else if (c == '\\' || c == '"')
            strbuf_addf(out, "\\%c", c);
        else if (!n || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s.data[i + 1] < 0xa0))
            for (size_t j = 0; j < (n ? n : 1); j++)
                strbuf_addf(out, "\\x%02x", (unsigned char)s.data[i + j]);
        else
            strbuf_add(out, s.data + i, n);
        i += n ? n : 1;
    }
}

/* The first elements of a kv, `*shown` of them; all when it is no array. Caller frees. */
static struct gguf_string *strings_first(const struct gguf_kv *kv, uint64_t *shown)
{
    struct gguf_kv first = *kv;
    struct gguf_string *s = malloc((FIRST_ELEMENTS + 1) * sizeof *s);

    if (!s)
        abort();
    *shown = kv->count < FIRST_ELEMENTS ? kv->count : FIRST_ELEMENTS;
    first.type = GGUF_ARRAY;
    first.count = *shown;
    gguf_array_strings(&first, s);
    return s;
}

/* --- for people --- */

static void number_print(const struct gguf_kv *kv, uint64_t i, struct strbuf *out)
{
    switch (kv->element_type) {
    case GGUF_BOOL:
        strbuf_addf(out, "%s", gguf_array_int(kv, i) ? "true" : "false");
        break;
    case GGUF_F32:
        strbuf_addf(out, "%.9g", gguf_array_float(kv, i));
        break;
    case GGUF_F64:
        strbuf_addf(out, "%.17g", gguf_array_float(kv, i));
        break;
    case GGUF_U64:
        strbuf_addf(out, "%" PRIu64, (uint64_t)gguf_array_int(kv, i));
        break;
    default:
        strbuf_addf(out, "%" PRId64, gguf_array_int(kv, i));
    }
}

static void value_print(const struct gguf_kv *kv, struct strbuf *out)
{
    uint64_t shown = kv->count < FIRST_ELEMENTS ? kv->count : FIRST_ELEMENTS;
    struct gguf_string *strings = NULL;

    if (kv->element_type == GGUF_STRING)
        strings = strings_first(kv, &shown);
    for (uint64_t i = 0; i < shown; i++) {
        strbuf_addf(out, "%s", i ? ", " : "");
        if (strings) {
            strbuf_addf(out, "\"");
            escape(strings[i], STRING_BYTES, out);
            strbuf_addf(out, "\"");
        } else {
            number_print(kv, i, out);
        }
    }
    if (shown < kv->count)
        strbuf_addf(out, ", ...");
    free(strings);
}

static void metadata_print(const struct gguf_file *f, struct strbuf *out)
{
    struct strbuf key = {0}, type = {0};

    strbuf_addf(out, "\nmetadata: %zu keys\n", gguf_n_kv(f));
    for (size_t i = 0; i < gguf_n_kv(f); i++) {
        const struct gguf_kv *kv = gguf_kv_at(f, i);

        strbuf_clear(&key);
        strbuf_clear(&type);
        escape(kv->key, STRING_BYTES, &key);
        strbuf_addf(&type, "%s", gguf_value_type_name(kv->element_type));
        if (kv->type == GGUF_ARRAY)
            strbuf_addf(&type, "[%" PRIu64 "]", kv->count);
        strbuf_addf(out, "  %-44s %-14s ", strbuf_str(&key), type.data);
        value_print(kv, out);
        strbuf_addf(out, "\n");
    }
    strbuf_deinit(&key);
    strbuf_deinit(&type);
}

static void shape_print(const struct gguf_tensor *t, struct strbuf *out)
{
    for (uint32_t d = 0; d < t->n_dims; d++)
        strbuf_addf(out, "%s%" PRId64, d ? " x " : "", t->ne[d]);
}

static void tensors_print(const struct gguf_file *f, struct strbuf *out)
{
    struct strbuf name = {0}, shape = {0};

    strbuf_addf(out, "\ntensors: %zu\n", gguf_n_tensors(f));
    if (gguf_n_tensors(f))
        strbuf_addf(out, "  %-40s %-7s %-22s %14s %14s\n", "name", "type", "shape (fastest first)",
                    "bytes", "offset");
    for (size_t i = 0; i < gguf_n_tensors(f); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(f, i);

        strbuf_clear(&name);
        strbuf_clear(&shape);
        escape((struct gguf_string){t->name, strlen(t->name)}, sizeof t->name, &name);
        shape_print(t, &shape);
        strbuf_addf(out, "  %-40s %-7s %-22s %14zu %14zu\n", name.data, gguf_type_name(t->type),
                    shape.data, t->bytes, t->offset);
    }
    strbuf_deinit(&name);
    strbuf_deinit(&shape);
}

struct total {
    size_t n_tensors, bytes, n_weights;
};

static void totals_make(const struct gguf_file *f, struct total totals[N_TYPES])
{
    memset(totals, 0, N_TYPES * sizeof *totals);
    for (size_t i = 0; i < gguf_n_tensors(f); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(f, i);

        totals[t->type].n_tensors++;
        totals[t->type].bytes += t->bytes;
        totals[t->type].n_weights += (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]);
    }
}

static void totals_print(const struct gguf_file *f, struct strbuf *out)
{
    struct total totals[N_TYPES];

    totals_make(f, totals);
    strbuf_addf(out, "\ntotals\n");
    for (uint32_t type = 0; type < N_TYPES; type++)
        if (totals[type].n_tensors)
            strbuf_addf(out, "  %-7s %6zu tensors %14zu weights %14zu bytes\n",
                        gguf_type_name(type), totals[type].n_tensors, totals[type].n_weights,
                        totals[type].bytes);
}

/* What the packed weights of a model got of the system. */
struct memory {
    bool known;
    size_t packed, huge; /* bytes; those of them on 2 MiB pages */
};

static int memory_look(const char *path, struct memory *out)
{
    const struct engine_options o = {.features = cpu_features()};
    struct engine_model *m;
    int rc = engine_model_open(path, &o, &m);

    if (rc < 0)
        return rc;
    *out = (struct memory){true, engine_model_packed_bytes(m), engine_model_huge_bytes(m)};
    engine_model_close(&m);
    return 0;
}

void inspect_text(const struct gguf_file *f, const char *name, struct strbuf *out)
{
    strbuf_addf(out, "%s: GGUF version %" PRIu32 ", %zu bytes\n", name, gguf_version(f),
                gguf_file_bytes(f));
    metadata_print(f, out);
    tensors_print(f, out);
    totals_print(f, out);
}

static void file_print(const struct gguf_file *f, const char *name, const struct memory *memory)
{
    const double mib = 1 << 20;
    struct strbuf out = {0};

    inspect_text(f, name, &out);
    if (memory->known)
        strbuf_addf(&out, "\nweights: %.0f MiB packed, %.0f MiB of them on 2 MiB pages\n",
                    (double)memory->packed / mib, (double)memory->huge / mib);
    fwrite(out.data, 1, out.len, stdout);
    strbuf_deinit(&out);
}

/* --- JSON --- */

/* A string as it is, or escaped when it is no UTF-8 (JSON can hold nothing else). */
static json_t *string_json(struct gguf_string s)
{
    json_t *j = json_stringn(s.data, s.len);
    struct strbuf escaped = {0};

    if (j)
        return j;
    escape(s, SIZE_MAX, &escaped);
    j = json_string(strbuf_str(&escaped));
    strbuf_deinit(&escaped);
    return j;
}

static json_t *element_json(const struct gguf_kv *kv, uint64_t i)
{
    double v;

    switch (kv->element_type) {
    case GGUF_BOOL:
        return json_boolean(gguf_array_int(kv, i));
    case GGUF_F32:
    case GGUF_F64:
        v = gguf_array_float(kv, i);
        return isfinite(v) ? json_real(v) : json_null(); /* JSON has no NaN and no Inf */
    case GGUF_U64: /* what no JSON integer holds is given as a real number */
        v = (double)(uint64_t)gguf_array_int(kv, i);
        return v >= 0x1p63 ? json_real(v) : json_integer(gguf_array_int(kv, i));
    default:
        return json_integer(gguf_array_int(kv, i));
    }
}

static json_t *kv_json(const struct gguf_kv *kv)
{
    uint64_t shown = kv->count < FIRST_ELEMENTS ? kv->count : FIRST_ELEMENTS;
    struct gguf_string *strings = NULL;
    json_t *first = json_array(), *out;

    if (kv->element_type == GGUF_STRING)
        strings = strings_first(kv, &shown);
    for (uint64_t i = 0; i < shown; i++)
        json_array_append_new(first, strings ? string_json(strings[i]) : element_json(kv, i));
    free(strings);
    if (kv->type == GGUF_ARRAY)
        return json_pack("{s:s, s:I, s:o}", "array_of", gguf_value_type_name(kv->element_type),
                         "count", (json_int_t)kv->count, "first", first);
    out = json_pack("{s:s, s:O}", "type", gguf_value_type_name(kv->type), "value",
                    json_array_get(first, 0));
    json_decref(first);
    return out;
}

static json_t *tensor_json(const struct gguf_tensor *t)
{
    json_t *shape = json_array();

    for (uint32_t d = 0; d < t->n_dims; d++)
        json_array_append_new(shape, json_integer(t->ne[d]));
    return json_pack("{s:o, s:s, s:o, s:I, s:I}", "name",
                     string_json((struct gguf_string){t->name, strlen(t->name)}), "type",
                     gguf_type_name(t->type), "shape", shape, "bytes", (json_int_t)t->bytes,
                     "offset", (json_int_t)t->offset);
}

static json_t *totals_json(const struct gguf_file *f)
{
    struct total totals[N_TYPES];
    json_t *out = json_object();

    totals_make(f, totals);
    for (uint32_t type = 0; type < N_TYPES; type++)
        if (totals[type].n_tensors)
            json_object_set_new(out, gguf_type_name(type),
                                json_pack("{s:I, s:I, s:I}", "tensors",
                                          (json_int_t)totals[type].n_tensors, "weights",
                                          (json_int_t)totals[type].n_weights, "bytes",
                                          (json_int_t)totals[type].bytes));
    return out;
}

json_t *inspect_json(const struct gguf_file *f, const char *name)
{
    json_t *metadata = json_object(), *tensors = json_array();

    for (size_t i = 0; i < gguf_n_kv(f); i++) {
        struct strbuf key = {0};

        escape(gguf_kv_at(f, i)->key, SIZE_MAX, &key);
        json_object_set_new(metadata, strbuf_str(&key), kv_json(gguf_kv_at(f, i)));
        strbuf_deinit(&key);
    }
    for (size_t i = 0; i < gguf_n_tensors(f); i++)
        json_array_append_new(tensors, tensor_json(gguf_tensor_at(f, i)));
    return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o}", "file",
                     string_json((struct gguf_string){name, strlen(name)}), "version",
                     (json_int_t)gguf_version(f), "bytes", (json_int_t)gguf_file_bytes(f),
                     "metadata", metadata, "tensors", tensors, "totals", totals_json(f));
}

static void file_print_json(const struct gguf_file *f, const char *name,
                            const struct memory *memory)
{
    json_t *root = inspect_json(f, name);

    if (memory->known)
        json_object_set_new(root, "memory",
                            json_pack("{s:I, s:I}", "packed_bytes", (json_int_t)memory->packed,
                                      "huge_page_bytes", (json_int_t)memory->huge));
    json_dumpf(root, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(root);
}

int inspect_main(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false, load = false;
    struct memory memory = {0};
    const struct option_spec specs[] = {
        {NULL, NULL, OPTION_TEXT, &path, 0, 0, "FILE", "GGUF model (default: the built-in one)"},
        {"--load", NULL, OPTION_FLAG, &load, 0, 0, NULL, "pack the weights and say where they lie"},
        {"--json", NULL, OPTION_FLAG, &json, 0, 0, NULL, "the same for programs"},
    };
    struct gguf_file *f = NULL;
    int rc = options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);

    if (rc == 0)
        rc = model_file_open(path, &f);
    if (rc == 0 && load)
        rc = memory_look(path, &memory);
    if (rc < 0) {
        gguf_close(&f);
        return command_fail(argv[0]);
    }
    if (!f)
        return 0;
    if (!path)
        path = "built-in model";
    if (json)
        file_print_json(f, path, &memory);
    else
        file_print(f, path, &memory);
    gguf_close(&f);
    return 0;
}

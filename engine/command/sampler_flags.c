/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/sampler_flags.h"

#include "engine/sample/grammar.h"
#include "engine/sample/json_schema.h"
#include "engine/sample/vocabulary.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void sampler_flags_init(struct sampler_flags *f)
{
    *f = (struct sampler_flags){
        .options = sampler_neutral,
        .top_k = 40,
        .seed = -1,
        .penalty_last_n = sampler_neutral.penalty_last_n,
        .dry_allowed = sampler_neutral.dry_allowed,
        .dry_last_n = sampler_neutral.dry_last_n,
    };
    f->options.temperature = 0.8;
    f->options.top_p = 0.95;
}

/* "ID=BIAS,..." */
static int bias_parse(struct sampler_flags *f)
{
    const char *at = f->bias_text;
    size_t n = 1;

    for (const char *c = at; *c; c++)
        n += *c == ',';
    f->bias = calloc(n, sizeof *f->bias);
    if (!f->bias)
        return err_set(ERR_NOMEM, "no memory for %zu biases", n);
    for (size_t i = 0; i < n; i++) {
        char *end;
        long id = strtol(at, &end, 10);
        bool is_id = end > at && *end == '=' && id >= 0 && id <= INT32_MAX;
        float bias = 0;

        if (is_id) {
            at = end + 1;
            bias = strtof(at, &end);
        }
        if (!is_id || end == at || *end != (i + 1 < n ? ',' : '\0') || isnan(bias) ||
            bias == INFINITY)
            return err_set(ERR_USAGE, "--logit-bias: \"%s\": write ID=BIAS,ID=BIAS", f->bias_text);
        f->bias[i] = (struct sampler_bias){(int32_t)id, bias};
        at = end + 1;
    }
    f->options.bias = f->bias;
    f->options.n_bias = n;
    return 0;
}

static int grammar_read(struct sampler_flags *f)
{
    const char *path = f->grammar_path ? f->grammar_path : f->schema_path;
    struct strbuf text = {0}, rules = {0};
    int rc = file_read(path, &text);

    if (rc == 0 && f->grammar_path)
        strbuf_add(&rules, strbuf_str(&text), text.len);
    else if (rc == 0)
        rc = json_schema_grammar(strbuf_str(&text), text.len, &rules);
    if (rc == 0)
        rc = grammar_parse(strbuf_str(&rules), rules.len, &f->grammar);
    if (rc < 0 && rc != ERR_IO)
        err_wrap("%s", path);
    f->options.grammar = f->grammar;
    strbuf_deinit(&text);
    strbuf_deinit(&rules);
    return rc;
}

static bool needs_text(const struct sampler_flags *f)
{
    const struct sampler_options *o = &f->options;

    return f->heal || f->grammar || o->dry_multiplier > 0 ||
           (o->chain && strstr(o->chain, "infill"));
}

int sampler_flags_open(struct sampler_flags *f, const struct engine_model *m)
{
    struct sampler_options *o = &f->options;

    if (f->seed < 0)
        f->seed = (int64_t)(rng_seed_system() >> 12);
    o->seed = (uint64_t)f->seed;
    o->top_k = (uint32_t)f->top_k;
    o->penalty_last_n = (uint32_t)f->penalty_last_n;
    o->dry_allowed = (uint32_t)f->dry_allowed;
    o->dry_last_n = (uint32_t)f->dry_last_n;
    if (f->bias_text)
        TRY(bias_parse(f));
    if (f->grammar_path && f->schema_path)
        return err_set(ERR_USAGE, "--grammar and --json-schema: use one");
    if (f->grammar_path || f->schema_path)
        TRY(grammar_read(f));
    if (needs_text(f))
        TRY(vocabulary_open(engine_model_tokenizer(m), &f->vocabulary));
    return sampler_open(o, engine_model_n_vocab(m), f->vocabulary, &f->sampler);
}

void sampler_flags_deinit(struct sampler_flags *f)
{
    sampler_close(&f->sampler);
    vocabulary_close(&f->vocabulary);
    grammar_close(&f->grammar);
    free(f->bias);
    f->bias = NULL;
}

void sampler_flags_print(const struct sampler_flags *f, FILE *out)
{
    const struct sampler_options *o = &f->options;
    char stages[512];

    sampler_stages_print(f->sampler, stages, sizeof stages);
    fprintf(out, "sampling: %s; temperature %g, top-k %u, top-p %g, seed %lld\n",
            stages[0] ? stages : "as the model says", o->temperature, o->top_k, o->top_p,
            (long long)f->seed);
}

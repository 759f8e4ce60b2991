/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/speculation_flags.h"

#include "reference/base/err.h"

#include <inttypes.h>

int speculation_flags_open(struct speculation_flags *f, const struct model_flags *model_flags,
                           const struct engine_model *m, double temperature, uint64_t seed,
                           struct speculator_options *out)
{
    struct engine_options o;

    if (f->draft_path) {
        TRY(model_flags_resolve(model_flags, &o));
        o.n_context = engine_model_n_context(m);
        if (engine_model_open(f->draft_path, &o, &f->draft) < 0)
            return err_wrap("--draft");
    }
    *out = (struct speculator_options){.draft = f->draft,
                                       .lookup = (uint32_t)f->lookup,
                                       .n_guesses = (uint32_t)f->n_guesses,
                                       .temperature = temperature,
                                       .seed = seed};
    return 0;
}

void speculation_flags_deinit(struct speculation_flags *f)
{
    engine_model_close(&f->draft);
}

void speculation_print(const struct speculator_stats *s, FILE *out)
{
    fprintf(out,
            "speculation: %" PRIu64 " of %" PRIu64 " guesses accepted (%.1f %%), %.2f tokens per "
            "verification\n",
            s->n_accepted, s->n_guessed,
            s->n_guessed ? 100.0 * (double)s->n_accepted / (double)s->n_guessed : 0.0,
            s->n_batches ? (double)s->n_tokens / (double)s->n_batches : 0.0);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a model that are no dimensions: norms, rotations, windows, caps, scales. */
#include "engine/model/graph_internal.h"

#include "reference/base/err.h"

#include <math.h>
#include <string.h>

static const double max_magnitude = 1e6;

/* --- keys --- */

/* A positive, finite number, or what *out was. */
static int positive_get(const struct gguf_file *f, const struct graph *g, const char *suffix,
                        double *out)
{
    char key[160];
    int absent = gguf_get_float(f, graph__key(g, suffix, key), out);

    TRY(absent);
    if (!(*out > 0) || !isfinite(*out) || !isfinite(1 / *out))
        return err_set(ERR_FORMAT, "%s is %g, not positive and finite", key, *out);
    return absent;
}

/* Not negative, below what is sensible, or what *out was. */
static int amount_get(const struct gguf_file *f, const struct graph *g, const char *suffix,
                      double *out)
{
    char key[160];

    TRY(gguf_get_float(f, graph__key(g, suffix, key), out));
    if (!(*out >= 0) || *out > max_magnitude)
        return err_set(ERR_FORMAT, "%s is %g, outside 0..%g", key, *out, max_magnitude);
    return 0;
}

/* Not negative, or what *out was. */
static int count_get(const struct gguf_file *f, const struct graph *g, const char *suffix,
                     int64_t *out)
{
    char key[160];

    TRY(gguf_get_int(f, graph__key(g, suffix, key), out));
    if (*out < 0)
        return err_set(ERR_FORMAT, "%s is %lld, which is negative", key, (long long)*out);
    return 0;
}

/* --- rotation --- */

enum scaling { SCALING_NONE, SCALING_LINEAR, SCALING_YARN, SCALING_LONGROPE, SCALING_COUNT };

/* How the file says that positions are stretched; linearly when it does not. */
static int scaling_get(const struct gguf_file *f, const struct graph *g, enum scaling *out)
{
    static const char *const names[SCALING_COUNT] = {"none", "linear", "yarn", "longrope"};
    struct gguf_string type = {"linear", 6};
    char key[160];

    TRY(gguf_get_string(f, graph__key(g, "rope.scaling.type", key), &type));
    for (int i = 0; i < SCALING_COUNT; i++)
        if (type.len == strlen(names[i]) && !memcmp(type.data, names[i], type.len)) {
            *out = (enum scaling)i;
            return 0;
        }
    return err_set(ERR_UNSUPPORTED, "%s \"%.*s\": known are none, linear, yarn and longrope", key,
                   (int)(type.len < 64 ? type.len : 64), type.data);
}

/* Temperature of attention that goes with YaRN's stretching by `factor` (Peng et al. 2023, section
 * 3.4), as a factor of cosines and sines. */
static double yarn_magnitude(double factor)
{
    return factor > 1 ? 1 + 0.1 * log(factor) : 1;
}

static int rope_scale_resolve(const struct gguf_file *f, const struct graph *g,
                              struct graph_rope *r)
{
    enum scaling scaling = SCALING_NONE;
    double factor = 1;
    int absent;

    TRY(scaling_get(f, g, &scaling));
    TRY(absent = positive_get(f, g, "rope.scaling.factor", &factor));
    if (absent)
        TRY(positive_get(f, g, "rope.scale_linear", &factor));
    TRY(positive_get(f, g, "rope.scaling.attn_factor", &r->magnitude));
    TRY(positive_get(f, g, "rope.scaling.yarn_beta_fast", &r->fast));
    TRY(positive_get(f, g, "rope.scaling.yarn_beta_slow", &r->slow));
    TRY(count_get(f, g, "rope.scaling.original_context_length", &r->original));
    if (scaling != SCALING_NONE)
        r->scale = 1 / factor;
    r->yarn = scaling == SCALING_YARN;
    if (r->yarn)
        r->magnitude *= yarn_magnitude(factor);
    return 0;
}

static void rope_factors_resolve(const struct graph *g, struct graph_rope *r)
{
    int32_t always = graph_weight_find(g, W_ROPE_FREQS, 0);

    r->factors[GRAPH_ROPE_SHORT] = graph_weight_find(g, W_ROPE_SHORT, 0);
    r->factors[GRAPH_ROPE_LONG] = graph_weight_find(g, W_ROPE_LONG, 0);
    if (always >= 0)
        r->factors[GRAPH_ROPE_SHORT] = r->factors[GRAPH_ROPE_LONG] = always;
}

/* The rotation of layers with a window, where it is another. */
static int local_rope_resolve(const struct gguf_file *f, struct graph *g)
{
    const struct arch_window *w = &g->arch->window;
    struct graph_rope *local = &g->ropes[1];
    int absent;

    *local = g->ropes[0];
    if (w->rope_base != 0)
        local->base = w->rope_base;
    TRY(absent = positive_get(f, g, "rope.freq_base_swa", &local->base));
    if (w->plain_rope) {
        local->scale = local->magnitude = 1;
        local->yarn = false;
        local->factors[0] = local->factors[1] = -1;
    }
    g->n_ropes += w->plain_rope || !absent;
    return 0;
}

static int ropes_resolve(const struct gguf_file *f, struct graph *g)
{
    struct graph_rope *r = &g->ropes[0];

    if (g->arch->rope == ARCH_ROPE_NONE)
        return 0;
    g->n_ropes = 1;
    *r = (struct graph_rope){.base = 10000,
                             .scale = 1,
                             .magnitude = 1,
                             .fast = 32,
                             .slow = 1,
                             .original = g->dims[DIM_CONTEXT]};
    TRY(positive_get(f, g, "rope.freq_base", &r->base));
    TRY(rope_scale_resolve(f, g, r));
    rope_factors_resolve(g, r);
    return g->window ? local_rope_resolve(f, g) : 0;
}

/* --- windows and caps --- */

static int window_layers_check(const struct graph *g, const char *key)
{
    const struct gguf_kv *kv = g->window_layers;

    if (kv->element_type != GGUF_BOOL || kv->count < (uint64_t)g->dims[DIM_LAYERS])
        return err_set(ERR_FORMAT, "%s is no array of one bool for each of %lld layers", key,
                       (long long)g->dims[DIM_LAYERS]);
    return 0;
}

static int window_resolve(const struct gguf_file *f, struct graph *g)
{
    const struct arch_window *w = &g->arch->window;
    const struct gguf_kv *kv;
    char key[160];

    if (w->period == 0)
        return 0;
    g->window = w->window;
    g->window_period = w->period == 1 ? 0 : w->period;
    TRY(count_get(f, g, "attention.sliding_window", &g->window));
    kv = gguf_kv_find(f, graph__key(g, "attention.sliding_window_pattern", key));
    if (kv && kv->type == GGUF_ARRAY) {
        g->window_layers = kv;
        return window_layers_check(g, key);
    }
    return count_get(f, g, "attention.sliding_window_pattern", &g->window_period);
}

static bool has_window(const struct graph *g, int32_t layer)
{
    if (!g->window || layer < 0)
        return false;
    if (g->window_layers)
        return g->window_layers->value[layer] != 0;
    return g->window_period == 0 || layer % g->window_period < g->window_period - 1;
}

static int caps_resolve(const struct gguf_file *f, struct graph *g)
{
    g->attention_cap = g->arch->attention_cap;
    g->logit_cap = g->arch->logit_cap;
    TRY(amount_get(f, g, "attn_logit_softcapping", &g->attention_cap));
    return amount_get(f, g, "final_logit_softcapping", &g->logit_cap);
}

/* --- the rest --- */

static int norm_resolve(const struct gguf_file *f, struct graph *g)
{
    double epsilon;
    char key[160];
    int absent;

    graph__key(g,
               g->arch->norm == ARCH_NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                              : "attention.layer_norm_epsilon",
               key);
    TRY(absent = gguf_get_float(f, key, &epsilon));
    if (absent)
        return err_set(ERR_FORMAT, "key %s is missing", key);
    g->norm_epsilon = (float)epsilon;
    if (!(g->norm_epsilon >= 0) || !isfinite(g->norm_epsilon))
        return err_set(ERR_FORMAT, "%s is %g, which is no small positive number", key, epsilon);
    return 0;
}

static int attention_resolve(const struct gguf_file *f, struct graph *g)
{
    int64_t value_length = g->dims[DIM_HEAD_DIM];
    char key[160];

    TRY(gguf_get_int(f, graph__key(g, "attention.value_length", key), &value_length));
    if (value_length != g->dims[DIM_HEAD_DIM])
        return err_set(ERR_UNSUPPORTED, "%s is %lld, keys have %lld: they must be equal", key,
                       (long long)value_length, (long long)g->dims[DIM_HEAD_DIM]);
    g->causal = !g->arch->bidirectional;
    TRY(gguf_get_bool(f, graph__key(g, "attention.causal", key), &g->causal));
    return count_get(f, g, "pooling_type", &g->pooling);
}

int graph__parameters_resolve(const struct gguf_file *f, struct graph *g)
{
    TRY(norm_resolve(f, g));
    TRY(attention_resolve(f, g));
    TRY(window_resolve(f, g));
    TRY(caps_resolve(f, g));
    return ropes_resolve(f, g);
}

static double attention_scale(const struct graph *g)
{
    const int64_t *d = g->dims;
    int64_t width = d[DIM_LAYERS] == g->arch->embed_scaled_layers ? d[DIM_EMBED] / d[DIM_HEADS]
                                                                  : d[DIM_HEAD_DIM];

    return 1 / sqrt((double)width);
}

void graph__node_parameters(const struct graph *g, struct graph_node *n)
{
    bool windowed = has_window(g, n->layer);

    switch (n->rule->op) {
    case ARCH_ATTENTION:
        n->scale = (float)attention_scale(g);
        n->softcap = (float)g->attention_cap;
        n->window = windowed ? g->window : 0;
        break;
    case ARCH_ROPE:
        n->rope = windowed ? g->n_ropes - 1 : 0;
        break;
    case ARCH_SCALE:
        n->scale = (float)sqrt((double)g->dims[DIM_EMBED]);
        break;
    case ARCH_SELECT:
        n->scale = 1;
        break;
    case ARCH_SOFTCAP:
        n->softcap = (float)g->logit_cap;
        break;
    default:
        break;
    }
}

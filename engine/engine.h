/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h: the inference engine for programs. An engine_model is loaded once, immutable and
 * shared; an engine_session is one timeline (KV pages, position, arena). All arithmetic that grows
 * with tokens goes through kernel_fn; the engine says what to compute and hands out threads. */
#ifndef PAWL_ENGINE_H
#define PAWL_ENGINE_H

#include "engine/gguf/gguf.h"
#include "engine/tokenizer/tokenizer.h"

struct engine_model;
struct engine_session;

struct engine_options {
    uint64_t features;    /* enum kernel_feature bits the kernel may use; cpu_features() for all */
    uint32_t n_threads;   /* 0 = one per performance core */
    uint32_t n_context;   /* positions; 0 = what the model was trained for */
    uint32_t micro_batch; /* tokens computed at once in prefill; 0 = 512 */
    uint32_t kv_type;     /* KERNEL_F16 (default when 0 is given too) or KERNEL_Q8_0 */
    uint32_t n_sessions;  /* of a family that can be full at once, sharing nothing; 0 = 1. What a
                           * session and its forks hold together must fit n_sessions contexts;
                           * memory is taken when a page is first used. */
    bool embeddings;      /* sessions give hidden states, f32 [n_embed], wherever they would give
                           * logits. A model that has no logits opens only so. */
};

/* Load the model in `path` (NULL: the embedded one): map, check, resolve the graph, pack the
 * weights with the kernel's own PACK. Errors name the key or tensor. */
int engine_model_open(const char *path, const struct engine_options *o, struct engine_model **out);
void engine_model_close(struct engine_model **m);

const struct gguf_file *engine_model_file(const struct engine_model *m);
const struct tokenizer *engine_model_tokenizer(const struct engine_model *m);
int32_t engine_model_n_vocab(const struct engine_model *m);
int32_t engine_model_n_embed(const struct engine_model *m);
uint32_t engine_model_n_context(const struct engine_model *m); /* positions of a session */
uint32_t engine_model_n_threads(const struct engine_model *m); /* of a session's team */
size_t engine_model_packed_bytes(const struct engine_model *m);
size_t engine_model_huge_bytes(const struct engine_model *m); /* of these, on 2 MiB pages */

/* A session with its own KV pages, arena and thread team; at most one thread may drive it at a
 * time. The model is borrowed: close its sessions first. Everything is allocated here, nothing
 * later. Errors: ERR_UNSUPPORTED naming the node the kernel cannot do, ERR_NOMEM, ERR_IO (no
 * thread). */
int engine_session_open(struct engine_model *m, struct engine_session **out);
void engine_session_close(struct engine_session **s);

/* A session like `parent`, with the same tokens and logits, that goes its own way from there. The
 * two are a family: they share the KV pages of the tokens they have in common, and either may be
 * driven, forked again or closed without the other, by another thread too; only while one forks or
 * adopts, the session it reads must be at rest. No page is copied before one of them writes on in a
 * page that both hold. A fork answers bit for bit as a fresh session given the same tokens.
 * Errors: as engine_session_open. */
int engine_session_fork(const struct engine_session *parent, struct engine_session **out);

/* Forget s's tokens and hold the first n_tokens of `from`, of the same family: a fork without
 * opening anything, for beams that change places and prompts that many share. Logits come along
 * when `from` has those of the last of them. Errors: ERR_USAGE for another family, ERR_RANGE. */
int engine_session_adopt(struct engine_session *s, const struct engine_session *from,
                         uint32_t n_tokens);

/* Append n tokens to the timeline, micro-batch by micro-batch. Logits are kept for the last token,
 * or with `each` also handed out for every token (index in this call, logits f32 [n_vocab],
 * borrowed until it returns; a negative answer stops the evaluation). Logits depend on the tokens
 * alone: not on the micro-batch, the chunks a text is given in, or the number of threads. Errors:
 * ERR_RANGE when the context or the family's KV cache is full or an id is outside the vocabulary;
 * ERR_FORMAT when the logits are not finite; and what `each` answered. After an error the timeline
 * is as it was before. */
typedef int (*engine_logits_fn)(void *ctx, size_t index, const float *logits);
int engine_session_eval(struct engine_session *s, const int32_t *ids, size_t n,
                        engine_logits_fn each, void *ctx);

/* Logits of the last token of the last evaluation: f32 [n_vocab], borrowed until the next one; NULL
 * before the first, and after one that failed on its way. */
const float *engine_session_logits(const struct engine_session *s);

/* Bytes of all KV pages that s and its forks can hold. */
size_t engine_session_kv_bytes(const struct engine_session *s);

/* How the hidden states of a text become one vector. */
enum engine_pooling {
    ENGINE_POOL_MODEL, /* as the file says; else the mean, or the last where attention is causal */
    ENGINE_POOL_MEAN,
    ENGINE_POOL_FIRST, /* of the first token ("CLS") */
    ENGINE_POOL_LAST,
};

/* The embedding of a text of n tokens: out f32 [n_embed], overwritten. Of a model that was opened
 * for embeddings; the timeline is that text afterwards. Errors: ERR_USAGE for other models,
 * ERR_RANGE for no tokens or too many, those of engine_session_eval. */
int engine_session_embed(struct engine_session *s, const int32_t *ids, size_t n,
                         enum engine_pooling pooling, float *out);

/* Scale x [n] to length 1; zeros stay. */
void engine_embedding_normalize(float *x, size_t n);

/* Tokens on the timeline. */
uint32_t engine_session_position(const struct engine_session *s);

/* The tokens on the timeline: i32 [engine_session_position], borrowed, the same address always. */
const int32_t *engine_session_tokens(const struct engine_session *s);

/* Forget everything from `position` on (0 = start again). Error: ERR_RANGE. */
int engine_session_truncate(struct engine_session *s, uint32_t position);

/* Make room in a full context: drop the n_drop tokens after the first n_keep. What follows them is
 * evaluated again at its new place, so that the session answers as a fresh one given the tokens
 * that are left. (Keys that are rotated anew where they lie would save that work, but every layer
 * above the first has also read the dropped tokens through attention: the timeline would depend on
 * its past, and on a kernel's rounding, and could not be saved as tokens.) With half of the context
 * dropped at a time, a token generated costs one more in prefill. Errors: ERR_RANGE; those of
 * engine_session_eval, after which the first n_keep tokens are left. */
int engine_session_shift(struct engine_session *s, uint32_t n_keep, uint32_t n_drop);

/* Write the timeline to `path` (readable by its owner alone): tokens, KV pages as the kernel lays
 * them out, the logits if they are those of the last token, a checksum over all of it. Pages are
 * stored as they are because restoring them is then a copy; a kernel with another layout of pages
 * refuses the file. The same tokens give the same bytes. Errors: ERR_IO, ERR_NOMEM. */
int engine_session_save(struct engine_session *s, const char *path);

/* Put the timeline of such a file in the place of s's: bit for bit what was saved. Errors: ERR_IO;
 * ERR_FORMAT and ERR_INTEGRITY for what is no whole session file; ERR_CONFLICT for one of another
 * model, KV type or layout of pages; ERR_RANGE for one longer than the context. After any of these
 * s is as it was. Only when the family's KV cache is full s is left empty. */
int engine_session_load(struct engine_session *s, const char *path);

/* Of each operation (enum kernel_op) so far: wall-clock nanoseconds, waiting for the other threads
 * included, and kernel calls. What a caller's clock shows beyond their sum is the engine's own. */
void engine_session_op_ns(const struct engine_session *s, uint64_t out[KERNEL_N_OPS]);
void engine_session_op_calls(const struct engine_session *s, uint64_t out[KERNEL_N_OPS]);

/* Hex digest of the kernel's object file linked into this program ("kernel_name" is its name). */
const char *engine_kernel_build_id(void);

#endif

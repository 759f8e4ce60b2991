/* SPDX-License-Identifier: Apache-2.0
 *
 * logits_file.h: the predictions of a model over a text, on disk, so that another model can be
 * compared with it without running both (engine perplexity --save-logits, --kl-divergence). The
 * format is the one that llama.cpp's perplexity tool writes and reads: "_logits_", i32 tokens of a
 * window, i32 words of the vocabulary, i32 windows; the tokens, i32 [windows, tokens]; then a record
 * for each token of the second half of each window but the last: f32 scale, f32 lowest, and a u16
 * for each word (one more when they are odd), log probability = scale * u16 + lowest. What is e^16
 * times less likely than the likeliest is as likely as that. Source: llama.cpp, tools/perplexity. */
#ifndef PAWL_LOGITS_FILE_H
#define PAWL_LOGITS_FILE_H

#include <stddef.h>
#include <stdint.h>

struct logits_shape {
    int32_t window;    /* tokens */
    int32_t n_vocab;   /* words */
    int32_t n_windows; /* whole ones */
};

/* Index in a window of the first token whose prediction is recorded, and how many are. */
static inline int32_t logits_first(const struct logits_shape *s)
{
    return s->window / 2;
}

static inline int32_t logits_records(const struct logits_shape *s)
{
    return s->window - 1 - logits_first(s);
}

struct logits_writer;

/* ids: [n_windows * window]. The file stands at `path` once finished; close without finish removes
 * it and accepts NULL. Errors: ERR_IO, ERR_RANGE (path too long), ERR_NOMEM. */
int logits_writer_open(const char *path, const struct logits_shape *shape, const int32_t *ids,
                       struct logits_writer **out);
int logits_writer_add(struct logits_writer *w, const float *logits); /* [n_vocab], one record */
int logits_writer_finish(struct logits_writer *w);
void logits_writer_close(struct logits_writer **w);

struct logits_reader;

/* Errors: ERR_IO, ERR_NOMEM; ERR_FORMAT for what is no such file, or not whole. */
int logits_reader_open(const char *path, struct logits_reader **out);
void logits_reader_close(struct logits_reader **r);
const struct logits_shape *logits_reader_shape(const struct logits_reader *r);
const int32_t *logits_reader_ids(const struct logits_reader *r); /* [n_windows * window] */

/* Log probabilities of the next record: [n_vocab], overwritten. */
int logits_reader_next(struct logits_reader *r, float *out);

#endif

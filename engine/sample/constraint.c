/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/constraint.h"

#include "engine/sample/grammar.h"
#include "engine/sample/vocabulary.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

struct place {
    size_t healed;  /* bytes of the text that are there */
    uint32_t state; /* of the grammar */
    bool dead;
};

/* Most states of a grammar come again: inside a string every token leads back to the same one. */
struct mask {
    uint32_t state; /* GRAMMAR_DEAD: none */
    uint32_t used;  /* when it was, by the count of fills */
    int32_t *ids;   /* [n] the allowed tokens with bytes, in the order of the bytes */
    size_t n;
};

enum { N_MASKS = 16 };

struct constraint {
    const struct vocabulary *vocabulary;
    struct grammar_matcher *matcher; /* NULL: no grammar */
    char *text;
    size_t len;
    struct place at;
    struct mask masks[N_MASKS];
    uint32_t n_fills;
    struct place *path; /* [longest piece + 1] after each byte of the piece walked last */
};

int constraint_open(const struct vocabulary *v, const struct grammar *grammar,
                    struct constraint **out)
{
    struct constraint *c = calloc(1, sizeof *c);
    size_t longest = 0;
    int rc = 0;

    *out = c;
    for (int32_t id = 0; id < vocabulary_n(v); id++) {
        size_t len;

        vocabulary_piece(v, id, &len);
        longest = len > longest ? len : longest;
    }
    if (c) {
        c->vocabulary = v;
        c->path = calloc(longest + 1, sizeof *c->path);
    }
    if (!c || !c->path)
        rc = err_set(ERR_NOMEM, "no memory for a constraint");
    else if (grammar)
        rc = grammar_matcher_open(grammar, &c->matcher);
    if (rc == 0 && grammar) {
        c->at.state = grammar_start(c->matcher);
        rc = grammar_matcher_check(c->matcher);
    }
    if (rc < 0)
        constraint_close(out);
    return rc;
}

static void masks_forget(struct constraint *c)
{
    for (int i = 0; i < N_MASKS; i++) {
        free(c->masks[i].ids);
        c->masks[i] = (struct mask){0};
    }
}

void constraint_close(struct constraint **c)
{
    if (!*c)
        return;
    masks_forget(*c);
    grammar_matcher_close(&(*c)->matcher);
    free((*c)->text);
    free((*c)->path);
    free(*c);
    *c = NULL;
}

int constraint_heal(struct constraint *c, const char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy)
        return err_set(ERR_NOMEM, "no memory to heal %zu bytes", len);
    memcpy(copy, text, len);
    free(c->text);
    c->text = copy;
    c->len = len;
    c->at.healed = 0;
    return 0;
}

size_t constraint_heal_left(const struct constraint *c)
{
    return c->len - c->at.healed;
}

int constraint_assign(struct constraint *to, const struct constraint *from)
{
    TRY(constraint_heal(to, from->text ? from->text : "", from->len));
    to->at = from->at;
    if (!from->matcher)
        return 0;
    to->at.state = grammar_state_copy(to->matcher, from->matcher, from->at.state);
    return grammar_matcher_check(to->matcher);
}

bool constraint_acts(const struct constraint *c)
{
    return c->matcher || constraint_heal_left(c);
}

/* --- one byte, one piece, all pieces --- */

static struct place step(struct constraint *c, struct place p, unsigned char byte)
{
    if (p.healed < c->len) {
        p.dead = (unsigned char)c->text[p.healed++] != byte;
    } else if (c->matcher) {
        p.state = grammar_step(c->matcher, p.state, byte);
        p.dead = p.state == GRAMMAR_DEAD;
    }
    return p;
}

static bool may_end(const struct constraint *c)
{
    return !constraint_heal_left(c) && (!c->matcher || grammar_may_end(c->matcher, c->at.state));
}

/* Walk the pieces in order; path[0..*alive] belongs to the first bytes of the last one, of which the
 * next byte was refused when there was one. */
static bool piece_allowed(struct constraint *c, int32_t id, size_t shared, size_t *alive)
{
    size_t len, depth = shared;
    const char *piece = vocabulary_piece(c->vocabulary, id, &len);

    if (*alive < shared)
        return false;
    for (; depth < len; depth++) {
        c->path[depth + 1] = step(c, c->path[depth], (unsigned char)piece[depth]);
        if (c->path[depth + 1].dead)
            break;
    }
    *alive = depth;
    return depth == len;
}

static void add(struct candidates *out, int32_t id, const float *logits)
{
    out->at[out->n++] = (struct sampler_candidate){id, logits[id], 0};
}

static void walk(struct constraint *c, const float *logits, struct candidates *out)
{
    const int32_t *ids;
    const uint32_t *shared;
    size_t n = vocabulary_order(c->vocabulary, &ids, &shared), alive = 0;

    c->path[0] = c->at;
    for (size_t i = 0; i < n; i++)
        if (piece_allowed(c, ids[i], shared[i], &alive) &&
            !vocabulary_is_end(c->vocabulary, ids[i]))
            add(out, ids[i], logits);
}

/* The mask of this place, NULL when it is not known: then *slot is where it may be kept. */
static const struct mask *mask_find(struct constraint *c, struct mask **slot)
{
    *slot = &c->masks[0];
    for (int i = 0; i < N_MASKS; i++) {
        if (c->masks[i].state == c->at.state) {
            c->masks[i].used = c->n_fills;
            return &c->masks[i];
        }
        if (c->masks[i].used < (*slot)->used)
            *slot = &c->masks[i];
    }
    return NULL;
}

static void mask_keep(struct constraint *c, struct mask *slot, const struct candidates *found)
{
    int32_t *ids = realloc(slot->ids, (found->n + 1) * sizeof *ids);

    if (!ids)
        return; /* it is found anew next time */
    for (size_t i = 0; i < found->n; i++)
        ids[i] = found->at[i].id;
    *slot = (struct mask){c->at.state, c->n_fills, ids, found->n};
}

static void fill_allowed(struct constraint *c, const float *logits, struct candidates *out)
{
    const struct mask *known;
    struct mask *slot;

    if (!c->matcher || constraint_heal_left(c)) {
        walk(c, logits, out);
        return;
    }
    c->n_fills++;
    known = mask_find(c, &slot);
    for (size_t i = 0; known && i < known->n; i++)
        add(out, known->ids[i], logits);
    if (!known) {
        walk(c, logits, out);
        mask_keep(c, slot, out);
    }
}

int constraint_fill(struct constraint *c, const float *logits, struct candidates *out)
{
    out->n = 0;
    candidates_changed(out);
    fill_allowed(c, logits, out);
    for (int32_t id = 0; may_end(c) && id < vocabulary_n(c->vocabulary); id++)
        if (vocabulary_is_end(c->vocabulary, id))
            add(out, id, logits);
    if (c->matcher)
        TRY(grammar_matcher_check(c->matcher));
    if (out->n == 0)
        return err_set(ERR_UNSUPPORTED, "no token of this vocabulary may come next: %s",
                       constraint_heal_left(c) ? "none begins as the text that is to be healed"
                                               : "the grammar wants what no token begins with");
    return 0;
}

int constraint_accept(struct constraint *c, int32_t id)
{
    size_t len;
    const char *piece = vocabulary_piece(c->vocabulary, id, &len);
    struct place p = c->at;

    if (!constraint_acts(c))
        return 0;
    if (vocabulary_is_end(c->vocabulary, id) || len == 0) {
        if (!may_end(c) || !vocabulary_is_end(c->vocabulary, id))
            return err_set(ERR_USAGE, "token %d may not come here: the grammar wants more", id);
        return 0;
    }
    for (size_t i = 0; i < len && !p.dead; i++)
        p = step(c, p, (unsigned char)piece[i]);
    if (p.dead)
        return err_set(ERR_USAGE, "token %d may not come here: the grammar does not allow it", id);
    c->at = p;
    if (c->matcher && grammar_state_keep(c->matcher, &c->at.state))
        masks_forget(c);
    return 0;
}

bool constraint_done(struct constraint *c)
{
    return c->matcher && may_end(c) && !grammar_may_go_on(c->matcher, c->at.state);
}

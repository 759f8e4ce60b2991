/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/grammar_internal.h"

#include "reference/base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A stack is a list of positions: `at` is the symbol that comes next, `below` the stack that goes on
 * after the rule `at` stands in. Equal stacks have equal numbers; stack 0 is the empty one: the
 * whole text is there. Work for Earley-like sharing is left out: stacks are found, not merged. */
struct stack {
    uint32_t at, below;
    uint32_t next; /* of the same hash, 0: none */
    uint32_t seen; /* the last round that met it */
};

struct state {
    uint32_t first,
        n;         /* stacks members[first .. first + n), sorted; each has a byte to match but 0 */
    uint32_t next; /* of the same hash, 0: none */
    uint32_t *steps; /* [n_classes] states, UNKNOWN where nobody went; NULL: nobody went at all */
};

enum {
    UNKNOWN = UINT32_MAX,
    HASH_SIZE = 1 << 16,
    MAX_WIDTH = 1 << 15,   /* stacks opened by one byte */
    KEEP_STACKS = 1 << 18, /* from here on `keep` forgets */
    MAX_STACKS = 1 << 22,  /* never that many: one walk over a vocabulary makes fewer */
};

struct grammar_matcher {
    const struct grammar *g;
    struct stack *stacks; /* [n_stacks]; 0 is the empty one */
    struct state *states; /* [n_states]; 0 is dead */
    uint32_t *members;
    uint32_t n_stacks, n_states, n_members;
    uint32_t stack_capacity, state_capacity, member_capacity;
    uint32_t *stack_hash, *state_hash; /* [HASH_SIZE] */
    uint32_t *queue;                   /* stacks to be opened */
    uint32_t *trail;                   /* positions of a stack that is copied */
    uint32_t queue_capacity, trail_capacity;
    uint32_t n_kept; /* stacks that the last `keep` kept */
    uint32_t round;
    bool overflowed, no_memory;
};

/* --- memory --- */

static bool reserve(struct grammar_matcher *m, void **array, uint32_t n, uint32_t *capacity,
                    size_t size)
{
    uint32_t wanted = *capacity ? 2 * *capacity : 256;
    void *larger;

    if (n < *capacity)
        return true;
    larger = realloc(*array, wanted * size);
    if (!larger) {
        m->no_memory = true;
        return false;
    }
    *array = larger;
    *capacity = wanted;
    return true;
}

static uint32_t mix(uint32_t h, uint32_t x)
{
    h = (h ^ x) * 0x9e3779b1U;
    return h ^ h >> 15;
}

/* The number of the stack (at, below); 0 when there is no room. */
static uint32_t stack_of(struct grammar_matcher *m, uint32_t at, uint32_t below)
{
    uint32_t *head = &m->stack_hash[mix(mix(1, at), below) % HASH_SIZE];

    for (uint32_t i = *head; i; i = m->stacks[i].next)
        if (m->stacks[i].at == at && m->stacks[i].below == below)
            return i;
    if (m->n_stacks == MAX_STACKS) {
        m->overflowed = true;
        return 0;
    }
    if (!reserve(m, (void **)&m->stacks, m->n_stacks, &m->stack_capacity, sizeof *m->stacks))
        return 0;
    m->stacks[m->n_stacks] = (struct stack){at, below, *head, 0};
    return *head = m->n_stacks++;
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* The number of the state whose stacks are members[first .. n_members): these are taken back when it
 * is known already. */
static uint32_t state_of(struct grammar_matcher *m, uint32_t first)
{
    uint32_t n = m->n_members - first, hash = mix(2, n), *head;

    if (n == 0)
        return GRAMMAR_DEAD;
    qsort(m->members + first, n, sizeof *m->members, by_number);
    for (uint32_t i = 0; i < n; i++)
        hash = mix(hash, m->members[first + i]);
    head = &m->state_hash[hash % HASH_SIZE];
    for (uint32_t i = *head; i; i = m->states[i].next) {
        const struct state *s = &m->states[i];

        if (s->n == n &&
            !memcmp(m->members + s->first, m->members + first, n * sizeof *m->members)) {
            m->n_members = first;
            return i;
        }
    }
    if (!reserve(m, (void **)&m->states, m->n_states, &m->state_capacity, sizeof *m->states))
        return GRAMMAR_DEAD;
    m->states[m->n_states] = (struct state){first, n, *head, NULL};
    return *head = m->n_states++;
}

static void forget(struct grammar_matcher *m)
{
    for (uint32_t i = 0; i < m->n_states; i++)
        free(m->states[i].steps);
    memset(m->stack_hash, 0, HASH_SIZE * sizeof *m->stack_hash);
    memset(m->state_hash, 0, HASH_SIZE * sizeof *m->state_hash);
    m->stacks[0] = (struct stack){0, 0, 0, 0};
    m->states[0] = (struct state){0, 0, 0, NULL};
    m->n_stacks = m->n_states = 1;
    m->n_members = m->round = 0;
}

int grammar_matcher_open(const struct grammar *g, struct grammar_matcher **out)
{
    struct grammar_matcher *m = calloc(1, sizeof *m);

    *out = m;
    if (m) {
        m->g = g;
        m->stack_hash = calloc(HASH_SIZE, sizeof *m->stack_hash);
        m->state_hash = calloc(HASH_SIZE, sizeof *m->state_hash);
        if (m->stack_hash && m->state_hash &&
            reserve(m, (void **)&m->stacks, 0, &m->stack_capacity, sizeof *m->stacks) &&
            reserve(m, (void **)&m->states, 0, &m->state_capacity, sizeof *m->states)) {
            forget(m);
            return 0;
        }
    }
    grammar_matcher_close(out);
    return err_set(ERR_NOMEM, "no memory to follow a grammar");
}

void grammar_matcher_close(struct grammar_matcher **m)
{
    if (!*m)
        return;
    for (uint32_t i = 0; i < (*m)->n_states; i++)
        free((*m)->states[i].steps);
    free((*m)->stacks);
    free((*m)->states);
    free((*m)->members);
    free((*m)->stack_hash);
    free((*m)->state_hash);
    free((*m)->queue);
    free((*m)->trail);
    free(*m);
    *m = NULL;
}

int grammar_matcher_check(const struct grammar_matcher *m)
{
    if (m->no_memory)
        return err_set(ERR_NOMEM, "no memory to follow the grammar");
    if (m->overflowed)
        return err_set(ERR_RANGE,
                       "the grammar is too ambiguous: a text leads to more than %d "
                       "places in it at once",
                       MAX_WIDTH);
    return 0;
}

/* --- stacks whose top is a rule are opened until a byte is on top --- */

static void enqueue(struct grammar_matcher *m, uint32_t *n, uint32_t stack)
{
    m->overflowed |= *n == MAX_WIDTH;
    if (m->stacks[stack].seen == m->round || m->overflowed ||
        !reserve(m, (void **)&m->queue, *n, &m->queue_capacity, sizeof *m->queue))
        return;
    m->stacks[stack].seen = m->round;
    m->queue[(*n)++] = stack;
}

/* Push the alternatives of the rule on top. What follows a rule at the end of another is what
 * follows that one: a repetition keeps its stack flat. */
static void open_rule(struct grammar_matcher *m, uint32_t *n, struct stack top)
{
    const struct grammar *g = m->g;
    const struct grammar_rule *r = &g->rules[g->symbols[top.at].value];
    uint32_t below = top.below;

    if (g->symbols[top.at + 1].kind != SYMBOL_END) {
        below = stack_of(m, top.at + 1, top.below);
        if (!below)
            return;
    }
    for (uint32_t a = 0; a < r->n; a++) {
        uint32_t stack = stack_of(m, r->alternatives[a], below);

        if (stack)
            enqueue(m, n, stack);
    }
}

static void open_stack(struct grammar_matcher *m, uint32_t *n, uint32_t stack)
{
    struct stack top = m->stacks[stack];
    uint32_t kind = stack ? m->g->symbols[top.at].kind : SYMBOL_BYTES;

    if (kind == SYMBOL_RULE) {
        open_rule(m, n, top);
    } else if (kind == SYMBOL_END) {
        enqueue(m, n, top.below);
    } else if (reserve(m, (void **)&m->members, m->n_members, &m->member_capacity,
                       sizeof *m->members)) {
        m->members[m->n_members++] = stack;
    }
}

/* The state of the queue's n stacks. */
static uint32_t queue_open(struct grammar_matcher *m, uint32_t n)
{
    uint32_t first = m->n_members;

    for (uint32_t i = 0; i < n; i++)
        open_stack(m, &n, m->queue[i]);
    return m->overflowed || m->no_memory ? GRAMMAR_DEAD : state_of(m, first);
}

/* --- what others ask --- */

uint32_t grammar_start(struct grammar_matcher *m)
{
    const struct grammar_rule *root = &m->g->rules[m->g->root];
    uint32_t n = 0;

    m->round++;
    for (uint32_t a = 0; a < root->n; a++) {
        uint32_t stack = stack_of(m, root->alternatives[a], 0);

        if (stack)
            enqueue(m, &n, stack);
    }
    return queue_open(m, n);
}

static uint32_t step_find(struct grammar_matcher *m, uint32_t state, unsigned char byte)
{
    uint32_t n = 0;

    m->round++;
    for (uint32_t i = 0; i < m->states[state].n; i++) {
        uint32_t member = m->members[m->states[state].first + i];
        struct stack top = m->stacks[member];
        uint32_t after;

        if (!member || !byte_mask_has(&m->g->masks[m->g->symbols[top.at].value], byte))
            continue;
        after = m->g->symbols[top.at + 1].kind == SYMBOL_END ? top.below
                                                             : stack_of(m, top.at + 1, top.below);
        if (after || m->g->symbols[top.at + 1].kind == SYMBOL_END)
            enqueue(m, &n, after);
    }
    return queue_open(m, n);
}

uint32_t grammar_step(struct grammar_matcher *m, uint32_t state, unsigned char byte)
{
    uint32_t class = m->g->class_of[byte], found;

    if (state == GRAMMAR_DEAD)
        return GRAMMAR_DEAD;
    if (!m->states[state].steps) {
        uint32_t *steps = malloc(m->g->n_classes * sizeof *steps);

        if (!steps) {
            m->no_memory = true;
            return GRAMMAR_DEAD;
        }
        memset(steps, 0xff, m->g->n_classes * sizeof *steps);
        m->states[state].steps = steps;
    }
    if (m->states[state].steps[class] != UNKNOWN)
        return m->states[state].steps[class];
    found = step_find(m, state, byte);
    m->states[state].steps[class] = found;
    return found;
}

bool grammar_may_end(const struct grammar_matcher *m, uint32_t state)
{
    const struct state *s = &m->states[state];

    return s->n && m->members[s->first] == 0;
}

bool grammar_may_go_on(struct grammar_matcher *m, uint32_t state)
{
    for (uint32_t c = 0; c < m->g->n_classes; c++)
        if (grammar_step(m, state, m->g->byte_of[c]) != GRAMMAR_DEAD)
            return true;
    return false;
}

/* --- copies --- */

/* The stack in another matcher, from the bottom up. */
static uint32_t stack_copy(struct grammar_matcher *to, const struct stack *stacks, uint32_t stack)
{
    uint32_t n = 0, copy = 0;

    for (uint32_t s = stack; s; s = stacks[s].below) {
        if (!reserve(to, (void **)&to->trail, n, &to->trail_capacity, sizeof *to->trail))
            return 0;
        to->trail[n++] = stacks[s].at;
    }
    while (n > 0)
        copy = stack_of(to, to->trail[--n], copy);
    return copy;
}

static uint32_t members_copy(struct grammar_matcher *to, const struct stack *stacks,
                             const uint32_t *members, uint32_t n)
{
    uint32_t count = 0;

    to->round++;
    for (uint32_t i = 0; i < n; i++)
        enqueue(to, &count, stack_copy(to, stacks, members[i]));
    return queue_open(to, count);
}

uint32_t grammar_state_copy(struct grammar_matcher *to, const struct grammar_matcher *from,
                            uint32_t state)
{
    const struct state *s = &from->states[state];

    assert(to != from && to->g == from->g);
    to->overflowed |= from->overflowed;
    return members_copy(to, from->stacks, from->members + s->first, s->n);
}

bool grammar_state_keep(struct grammar_matcher *m, uint32_t *state)
{
    struct grammar_matcher *fresh;
    struct grammar_matcher old;

    /* Twice what was kept: a deep stack is not copied again at every step. */
    if ((m->n_stacks < KEEP_STACKS + 2 * m->n_kept && m->n_members < KEEP_STACKS) ||
        grammar_matcher_open(m->g, &fresh) < 0)
        return false;
    *state = grammar_state_copy(fresh, m, *state);
    fresh->n_kept = fresh->n_stacks;
    old = *m;
    *m = *fresh;
    *fresh = old;
    grammar_matcher_close(&fresh);
    return true;
}

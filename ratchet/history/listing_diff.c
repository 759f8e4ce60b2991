/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/repo.h"
#include "ratchet/history/listing.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

/* A function that is not there. */
static const struct listing_function nothing;

static int change_add(const struct listing_function *a, const struct listing_function *b,
                      struct listing_diff *out)
{
    const char *name = b->name ? b->name : a->name;
    struct listing_change *c;
    git_patch *patch = NULL;
    git_buf text = {0};
    int rc = 0;

    out->changes = realloc(out->changes, (out->n + 1) * sizeof *out->changes);
    if (!out->changes)
        abort();
    c = &out->changes[out->n++];
    *c = (struct listing_change){
        .name = name, .status = 'M', .before = a->n_instructions, .after = b->n_instructions};
    if (!a->name)
        c->status = 'A';
    else if (!b->name)
        c->status = 'D';
    if (git_patch_from_buffers(&patch, a->text.data, a->text.len, name, b->text.data, b->text.len,
                               name, NULL) ||
        (patch && git_patch_to_buf(&text, patch)))
        rc = repo_fail("comparing %s", name);
    else if (patch)
        strbuf_add(&c->patch, text.ptr, text.size);
    git_buf_dispose(&text);
    git_patch_free(patch);
    return rc;
}

static bool same(const struct listing_function *a, const struct listing_function *b)
{
    return a->text.len == b->text.len &&
           memcmp(strbuf_str(&a->text), strbuf_str(&b->text), a->text.len) == 0;
}

int listing_compare(const struct listing *a, const struct listing *b, struct listing_diff *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
        const struct listing_function *x = i < a->n ? &a->functions[i] : NULL,
                                      *y = k < b->n ? &b->functions[k] : NULL;
        int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);

        if (order == 0 && same(x, y))
            out->n_same++;
        else
            TRY(change_add(order <= 0 ? x : &nothing, order >= 0 ? y : &nothing, out));
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}

void listing_diff_deinit(struct listing_diff *d)
{
    for (size_t i = 0; i < d->n; i++)
        strbuf_deinit(&d->changes[i].patch);
    free(d->changes);
    memset(d, 0, sizeof *d);
}

json_t *listing_diff_json(const struct listing_diff *d)
{
    json_t *functions = json_array();

    for (size_t i = 0; i < d->n; i++) {
        const struct listing_change *c = &d->changes[i];
        json_t *o = json_pack("{s:s%, s:I, s:I}", "status", &c->status, (size_t)1, "before",
                              (json_int_t)c->before, "after", (json_int_t)c->after);

        record_set_text(o, "name", c->name);
        record_set_text(o, "patch", strbuf_str(&c->patch));
        json_array_append_new(functions, o);
    }
    return json_pack("{s:I, s:o}", "same", (json_int_t)d->n_same, "functions", functions);
}

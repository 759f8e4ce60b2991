/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/history/listing.h"

#include "reference/base/err.h"

static void print_changes(const struct listing_diff *d, bool stat)
{
    printf("assembly: %zu function%s changed, %zu the same\n", d->n, d->n == 1 ? "" : "s",
           d->n_same);
    for (size_t i = 0; i < d->n; i++) {
        const struct listing_change *c = &d->changes[i];

        printable_printf(stdout, "  %c %6zu -> %6zu instructions  %s\n", c->status, c->before,
                         c->after, c->name);
    }
    for (size_t i = 0; i < d->n && !stat; i++)
        printable_printf(stdout, "\n%s", strbuf_str(&d->changes[i].patch));
}

int cmd_assembly(struct ratchet *r, const struct revision *a, const struct revision *b, bool stat,
                 json_t **json)
{
    struct listing before = {0}, after = {0};
    struct listing_diff diff = {0};
    int rc = listing_make(r, a, &before);

    if (rc == 0)
        rc = listing_make(r, b, &after);
    if (rc == 0)
        rc = listing_compare(&before, &after, &diff);
    if (rc == 0 && json)
        *json = listing_diff_json(&diff);
    else if (rc == 0)
        print_changes(&diff, stat);
    listing_diff_deinit(&diff);
    listing_deinit(&before);
    listing_deinit(&after);
    return rc;
}

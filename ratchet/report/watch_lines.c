/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/report/watch.h"
#include "ratchet/try/record.h"

#include "reference/base/strbuf.h"

#include <string.h>
#include <unistd.h>

static void event_print(json_t *o, const char *event)
{
    json_object_set_new(o, "event", json_string(event));
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static int row_print(void *ctx, const struct ledger_row *row)
{
    struct strbuf line = {0};
    char estimate[80];

    if (*(bool *)ctx) {
        event_print(ledger_row_json(row), "row");
        return 0;
    }
    cmd_estimate(row->estimate, row->low, row->high, estimate, sizeof estimate);
    cmd_line(&line, row->hypothesis, 100);
    printable_printf(stdout, "attempt %lld  %s  %s  %s\n", (long long)row->experiment, row->verdict,
                     estimate, strbuf_str(&line));
    strbuf_deinit(&line);
    return 0;
}

/* A new stage, a stage that ended, or, in JSON, any new step is worth a line. */
static void step_print(const json_t *step, const json_t *before, bool json)
{
    json_int_t n = json_integer_value(json_object_get(step, "experiment"));
    struct strbuf line = {0};

    if (!step || (before && json_equal((json_t *)(uintptr_t)step, (json_t *)(uintptr_t)before)))
        return;
    if (json) {
        event_print(json_deep_copy(step), "step");
        return;
    }
    if (before && !json_is_true(json_object_get(step, "done")) &&
        json_equal(json_object_get(step, "experiment"), json_object_get(before, "experiment")) &&
        strcmp(record_get_text(step, "stage"), record_get_text(before, "stage")) == 0)
        return;
    cmd_line(&line, record_get_text(step, "text"), 100);
    if (n)
        printable_printf(stdout, "attempt %lld", (long long)n);
    else
        printf("dry run");
    printf("  %s  %.0f s  %s\n", record_get_text(step, "stage"),
           json_number_value(json_object_get(step, "seconds")), strbuf_str(&line));
    strbuf_deinit(&line);
}

int watch_lines(struct watch *w, bool json)
{
    int64_t shown = w->n_rows;
    json_t *before = NULL;
    int rc = 0;

    if (!json)
        printf("%lld rows; waiting for a try\n", (long long)shown);
    while (rc == 0 && !watch_ended) {
        step_print(w->progress, before, json);
        json_decref(before);
        before = json_incref(w->progress);
        if (w->n_rows > shown)
            rc = ledger_each(w->r->ledger, shown + 1, w->n_rows, row_print, &json);
        shown = w->n_rows;
        if (fflush(stdout) != 0) /* nobody reads any more */
            break;
        usleep(WATCH_MS * 1000);
        if (rc == 0)
            rc = watch_look(w);
    }
    json_decref(before);
    return rc;
}

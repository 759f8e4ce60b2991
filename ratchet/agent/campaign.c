/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/campaign.h"

#include "ratchet/agent/workspace.h"
#include "ratchet/try/progress.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WEEK_S = 7 * 24 * 3600 };

static const char *const outcomes[OUTCOME_N] = {
    "tried",           "no-change",      "no-hypothesis", "outside-mutable", "crashed", "timed-out",
    "too-much-output", "same-as-before", "refused",       "interrupted",     "stopped"};

const char *outcome_name(enum outcome o)
{
    return outcomes[o];
}

/* As much of the text as there is room for, cut between characters. */
static void keep_text(char *out, size_t bytes, const char *text)
{
    size_t n = strlen(text);

    if (n >= bytes)
        for (n = bytes - 1; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    memcpy(out, text, n);
    out[n] = '\0';
}

const char *campaign_text(const struct campaign *c, const char *key)
{
    return json_string_value(json_object_get(c->options, key));
}

double campaign_number(const struct campaign *c, const char *key, double otherwise)
{
    const json_t *v = json_object_get(c->options, key);

    return json_is_number(v) ? json_number_value(v) : otherwise;
}

/* --- events --- */

static void take_options(struct campaign *c, const json_t *options)
{
    json_t *copy = json_deep_copy(options);

    json_object_update(c->options, copy);
    json_decref(copy);
    c->allowance = (struct allowance){
        .attempts = (int64_t)campaign_number(c, "attempts", 0),
        .minutes = campaign_number(c, "minutes", 0),
        .agent_minutes = campaign_number(c, "agent_minutes", CAMPAIGN_AGENT_MINUTES),
        .score = campaign_number(c, "target", 0),
        .gain_percent = campaign_number(c, "target_gain", 0)};
    if (campaign_text(c, "focus"))
        snprintf(c->focus, sizeof c->focus, "%s", campaign_text(c, "focus"));
    c->stopped[0] = '\0';
    c->n_failures = 0;
    c->level = PLATEAU_GO;
    c->evidence = true;
}

static enum outcome outcome_of(const json_t *event)
{
    int o = 0;

    while (o < OUTCOME_N - 1 && strcmp(outcomes[o], record_get_text(event, "outcome")) != 0)
        o++;
    return (enum outcome)o;
}

static void take_attempt(struct campaign *c, const json_t *event)
{
    const char *verdict = record_get_text(event, "verdict");
    const json_t *of = json_object_get(event, "share");
    double share = json_is_number(of) ? json_number_value(of) : 1;

    c->spent.attempts++;
    c->experiment = json_integer_value(json_object_get(event, "experiment"));
    c->evidence = true;
    if (strcmp(verdict, "WIN") != 0 || json_is_true(json_object_get(event, "overtaken")))
        return;
    c->spent.wins++;
    c->spent.gain += share * json_number_value(json_object_get(event, "estimate"));
    if (share >= 1)
        c->spent.score = json_number_value(json_object_get(event, "score"));
}

static void take_end(struct campaign *c, const json_t *event)
{
    enum outcome o = outcome_of(event);
    bool unjudged = strcmp(record_get_text(event, "verdict"), "UNFIT_MACHINE") == 0 ||
                    json_is_true(json_object_get(event, "unable"));
    struct strbuf failure = {0};

    c->n_ended[o]++;
    if (o == OUTCOME_TRIED)
        take_attempt(c, event);
    if (o == OUTCOME_TRIED && !unjudged) {
        c->n_failures = 0;
    } else if (o != OUTCOME_INTERRUPTED && o != OUTCOME_STOPPED) {
        c->n_failures++;
        strbuf_addf(&failure, "%s: %s", outcomes[o], record_get_text(event, "detail"));
        keep_text(c->failure, sizeof c->failure, failure.data);
        strbuf_deinit(&failure);
    }
    json_decref(c->previous);
    c->previous = json_pack("{s:s, s:s, s:O?}", "outcome", record_get_text(event, "outcome"),
                            "detail", record_get_text(event, "detail"), "hypothesis",
                            json_object_get(event, "hypothesis"));
    json_decref(c->pending);
    c->pending = NULL;
    json_array_clear(c->rows);
}

static void take_plateau(struct campaign *c, const json_t *event)
{
    c->level = (enum plateau_level)json_integer_value(json_object_get(event, "level"));
    keep_text(c->focus, sizeof c->focus, record_get_text(event, "focus"));
    keep_text(c->focus_reason, sizeof c->focus_reason, record_get_text(event, "reason"));
    c->evidence = false;
}

static int take_event(void *ctx, const json_t *event)
{
    struct campaign *c = ctx;
    const char *name = record_get_text(event, "event");

    c->spent.seconds = json_number_value(json_object_get(event, "at"));
    if (strcmp(name, "start") == 0 && *record_get_text(event, "workspace"))
        keep_text(c->workspace, sizeof c->workspace, record_get_text(event, "workspace"));
    if (strcmp(name, "start") == 0 || strcmp(name, "resume") == 0)
        take_options(c, json_object_get(event, "options"));
    else if (strcmp(name, "round") == 0)
        c->n_rounds = json_integer_value(json_object_get(event, "round"));
    else if (strcmp(name, "row") == 0)
        json_array_append(c->rows, json_object_get(event, "experiment"));
    else if (strcmp(name, "end") == 0)
        take_end(c, event);
    else if (strcmp(name, "plateau") == 0)
        take_plateau(c, event);
    else if (strcmp(name, "stop") == 0)
        keep_text(c->stopped, sizeof c->stopped, record_get_text(event, "reason"));
    if (strcmp(name, "round") == 0 || strcmp(name, "try") == 0) {
        json_decref(c->pending);
        c->pending = json_deep_copy(event);
    }
    return 0;
}

int campaign_note(struct campaign *c, json_t *event)
{
    double at = c->base + progress_seconds() - c->since;
    int rc;

    json_object_set_new(event, "at", json_real(round(1e3 * at) / 1e3));
    rc = journal_add(&c->journal, event);
    if (rc == 0)
        rc = take_event(c, event);
    json_decref(event);
    return rc;
}

/* --- life --- */

static void campaign_init(struct campaign *c)
{
    *c = (struct campaign){.options = json_object(), .rows = json_array()};
    c->journal.fd = c->journal.lock = -1;
    c->since = progress_seconds();
}

/* Where it is unless the event `start` says otherwise. */
static void set_workspace(struct campaign *c)
{
    struct strbuf place = {0};

    workspace_place(c->journal.id, &place);
    keep_text(c->workspace, sizeof c->workspace, place.data);
    strbuf_deinit(&place);
}

int campaign_start(const char *store, const json_t *options, struct campaign *out)
{
    json_t *event;

    campaign_init(out);
    TRY(journal_create(store, &out->journal));
    set_workspace(out);
    event = json_pack("{s:s, s:o}", "event", "start", "options", json_deep_copy(options));
    json_object_set_new(event, "workspace", json_string(out->workspace));
    return campaign_note(out, event);
}

/* What the last session left in scratch may be what fills the disk that the journal goes on. */
static void clear_scratch(const struct campaign *c)
{
    struct workspace w;

    workspace_name(c->workspace, &w);
    workspace_clear(&w); /* should that fail, the next round says so */
    workspace_deinit(&w);
}

int campaign_resume(const char *store, const char *id, const json_t *options, struct campaign *out)
{
    campaign_init(out);
    TRY(journal_open(store, id, &out->journal));
    set_workspace(out);
    TRY(journal_each(&out->journal, take_event, out));
    if (!campaign_text(out, "exec") && !json_object_get(options, "exec"))
        return err_set(ERR_USAGE, "campaign %s never began", out->journal.id);
    clear_scratch(out);
    out->base = out->spent.seconds;
    out->since = progress_seconds();
    return campaign_note(
        out, json_pack("{s:s, s:o}", "event", "resume", "options", json_deep_copy(options)));
}

static void sweep_one(const char *store, const char *id)
{
    struct strbuf place = {0};
    struct workspace w;

    workspace_place(id, &place);
    workspace_name(place.data, &w);
    if (access(place.data, F_OK) == 0 && journal_idle(store, id, WEEK_S))
        workspace_remove(&w); /* the next start tries again */
    workspace_deinit(&w);
    strbuf_deinit(&place);
}

void campaign_sweep(const char *store)
{
    struct strbuf folder = {0};
    struct dirent **names;
    int n;

    strbuf_addf(&folder, "%s/agents", store);
    n = scandir(folder.data, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        sweep_one(store, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    strbuf_deinit(&folder);
}

void campaign_close(struct campaign *c)
{
    journal_close(&c->journal);
    json_decref(c->options);
    json_decref(c->pending);
    json_decref(c->previous);
    json_decref(c->rows);
    *c = (struct campaign){0};
    c->journal.fd = c->journal.lock = -1;
}

json_t *campaign_json(const struct campaign *c)
{
    json_t *ended = json_object();

    for (int i = 0; i < OUTCOME_N; i++)
        if (c->n_ended[i])
            json_object_set_new(ended, outcomes[i], json_integer(c->n_ended[i]));
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:o, s:s, s:s}", "campaign", c->journal.id,
                     "rounds", (json_int_t)c->n_rounds, "attempts", (json_int_t)c->spent.attempts,
                     "wins", (json_int_t)c->spent.wins, "gain_percent", 100 * expm1(c->spent.gain),
                     "minutes", c->spent.seconds / 60, "outcomes", ended, "focus", c->focus,
                     "stopped", c->stopped);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"

#include "ratchet/try/controls.h"
#include "ratchet/try/lease.h"
#include "ratchet/try/record.h"
#include "ratchet/git/repo.h"
#include "ratchet/try/scope.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <string.h>

static const char usage[] =
    "usage: ratchet status [--json]\n"
    "\n"
    "Where things stand: HEAD, the last experiment, what an interrupted command left, who is at\n"
    "work in this repository and who waits, which mutable files differ from HEAD, whether this\n"
    "program's judge is HEAD's, how far it can be trusted here (its calibration, and the bound on\n"
    "false wins so far), and the machine.\n"
    "Exit: 0, 2 usage, 3 no repository here.\n";

static void set_last(struct ratchet *r, json_t *o)
{
    struct ledger_row row;

    if (ledger_find(r->ledger, ledger_count(r->ledger), &row) != 1)
        return;
    json_object_set_new(o, "last", ledger_row_json(&row));
    ledger_row_deinit(&row);
}

static void set_pending(struct ratchet *r, json_t *o)
{
    json_t *parties = lease_parties(r->store);
    bool running = json_array_size(parties) > 0;
    char state[32];
    int64_t n;

    json_object_set(o, "at_work", running ? json_array_get(parties, 0) : json_null());
    json_array_remove(parties, 0);
    json_object_set_new(o, "queue", parties);

    if (ledger_state_pending(r->ledger, &n, state) != 1)
        return;
    json_object_set_new(o, "pending_attempt", json_integer(n));
    json_object_set_new(o, "pending_state", json_string(state));
    json_object_set_new(o, "running", json_boolean(running));
}

static void set_head(struct ratchet *r, json_t *o)
{
    char branch[REPO_REF], hash[SHA256_HEX];
    struct repo_changes changes;
    json_t *files = json_array();
    git_tree *tree = NULL;
    git_oid head;

    if (repo_head(r->repo, branch, &head) < 0) {
        json_object_set_new(o, "head_problem", json_string(err_message()));
        json_decref(files);
        return;
    }
    json_object_set_new(o, "branch", json_string(branch));
    json_object_set_new(o, "head", json_string(git_oid_tostr_s(&head)));
    if (repo_tree_of(r->repo, &head, &tree) == 0 && repo_judge_hash(r->repo, tree, hash) == 0) {
        json_object_set_new(o, "judge_of_head", json_string(hash));
        json_object_set_new(o, "judge_matches", json_boolean(strcmp(hash, r->judge->hash) == 0));
    }
    if (scope_changes(r, NULL, &head, &changes) == 0)
        for (size_t i = 0; i < changes.n; i++)
            json_array_append_new(files, json_string(changes.item[i].path));
    json_object_set_new(o, "changed", files);
    git_tree_free(tree);
}

static void set_trust(struct ratchet *r, json_t *o)
{
    struct judge_calibration c;
    int rc = controls_load(r->judge, &c);
    int64_t n = controls_attempts(r->ledger);

    if (rc < 0)
        json_object_set_new(o, "calibration_problem", json_string(err_message()));
    json_object_set_new(o, "calibration", rc == 1 ? controls_json(&c) : json_null());
    json_object_set_new(o, "margin", json_real(controls_margin(rc == 1 ? &c : NULL)));
    if (n >= 0) {
        json_object_set_new(o, "attempts", json_integer(n));
        json_object_set_new(o, "false_win_bound", json_real(controls_false_wins(n)));
    }
}

static void print_trust(const json_t *o)
{
    struct strbuf line = {0};

    if (*record_get_text(o, "calibration_problem"))
        strbuf_addf(&line, "%s", record_get_text(o, "calibration_problem"));
    else
        controls_line(json_object_get(o, "calibration"), &line);
    printable_printf(stdout, "calibrated %s\n", line.data);
    strbuf_clear(&line);
    controls_campaign_line(json_integer_value(json_object_get(o, "attempts")), &line);
    printable_printf(stdout, "campaign   %s\n", line.data);
    strbuf_deinit(&line);
}

static void print_lease(const json_t *o)
{
    const json_t *queue = json_object_get(o, "queue");
    struct strbuf line = {0};

    if (json_is_object(json_object_get(o, "at_work"))) {
        lease_party_line(json_object_get(o, "at_work"), &line);
        printable_printf(stdout, "at work    %s\n", line.data);
    }
    for (size_t i = 0; i < json_array_size(queue); i++) {
        strbuf_clear(&line);
        lease_party_line(json_array_get(queue, i), &line);
        printable_printf(stdout, "next %-5zu %s\n", i + 1, line.data);
    }
    strbuf_deinit(&line);
}

static void print_text(const json_t *o)
{
    const json_t *last = json_object_get(o, "last"), *changed = json_object_get(o, "changed");
    const char *problem = record_get_text(o, "head_problem");
    struct strbuf line = {0};

    if (*problem)
        printable_printf(stdout, "HEAD       %s\n", problem);
    else
        printable_printf(stdout, "HEAD       %.12s on %s\n", record_get_text(o, "head"),
                         record_get_text(o, "branch") + strlen("refs/heads/"));
    if (last) {
        cmd_line(&line, record_get_text(last, "hypothesis"), 80);
        printable_printf(stdout, "last       experiment %lld: %s: %s\n",
                         (long long)json_integer_value(json_object_get(last, "experiment")),
                         record_get_text(last, "verdict"), strbuf_str(&line));
        strbuf_deinit(&line);
    } else
        printable_printf(stdout, "last       no experiment yet\n");
    if (json_object_get(o, "pending_attempt"))
        printable_printf(stdout, "pending    attempt %lld at state %s: %s\n",
                         (long long)json_integer_value(json_object_get(o, "pending_attempt")),
                         record_get_text(o, "pending_state"),
                         json_is_true(json_object_get(o, "running"))
                             ? "running now"
                             : "interrupted; the next command finishes it");
    print_lease(o);
    printable_printf(stdout, "changed    ");
    for (size_t i = 0; i < json_array_size(changed); i++)
        printable_printf(stdout, "%s%s", i ? ", " : "",
                         json_string_value(json_array_get(changed, i)));
    printable_printf(stdout, "%s\n", json_array_size(changed) ? "" : "no mutable file");
    if (*record_get_text(o, "judge_of_head"))
        printable_printf(stdout, "judge      %.16s, %s\n", record_get_text(o, "judge"),
                         json_is_true(json_object_get(o, "judge_matches"))
                             ? "the sealed sources of HEAD"
                             : "NOT the sealed sources of HEAD; rebuild: make");
    print_trust(o);
    if (*record_get_text(o, "doubt"))
        printable_printf(stdout, "doubt      %s\n", record_get_text(o, "doubt"));
    printable_printf(stdout, "machine    %s\n", record_get_text(o, "machine"));
}

json_t *cmd_status_json(struct ratchet *r)
{
    char machine[256] = "";
    json_t *o = json_object();

    r->judge->machine(machine);
    json_object_set_new(o, "machine", json_string(machine));
    json_object_set_new(o, "judge", json_string(r->judge->hash));
    json_object_set_new(o, "doubt", json_string(r->doubt));
    json_object_set_new(o, "rows", json_integer(ledger_count(r->ledger)));
    set_head(r, o);
    set_last(r, o);
    set_pending(r, o);
    set_trust(r, o);
    return o;
}

int cmd_status(int argc, char **argv)
{
    bool json = false;
    const struct cmd_arg args[] = {{"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    struct ratchet *r = NULL;
    json_t *o;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = cmd_open(stderr, &r);
    if (rc < 0)
        return cmd_error(rc);
    o = cmd_status_json(r);
    if (json) {
        cmd_json(o);
    } else {
        print_text(o);
        json_decref(o);
    }
    ratchet_close(&r);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet try -m HYPOTHESIS [--focus OP] [--features SET] [--author NAME] [--from DIR]\n"
    "                   [--base COMMIT] [--wait] [--wait-minutes N] [--dry-run | --check] "
    "[--json]\n"
    "                   [--progress]\n"
    "\n"
    "Judge the change of kernel/*.c and kernel/*.inc in this working tree against HEAD. A win is\n"
    "committed and the branch moves; on anything else the files are put back (the attempt stays "
    "in\n"
    "refs/pawl/attempts/N and in the ledger either way).\n"
    "\n"
    "  -m, --message TEXT  what should get faster, and why\n"
    "  --focus OP          all the weight on one operation, or on one listed case by its name, "
    "for\n"
    "                      a gain that is small in the whole\n"
    "  --features SET      check and measure with scalar, avx2, avx512 or amx alone (default: all\n"
    "                      that the processor has); a win is checked with the other paths as well\n"
    "  --author NAME       who had the idea (default: git's user.name)\n"
    "  --from DIR          the change is DIR/kernel/*.c and *.inc; the working tree is left "
    "alone,\n"
    "                      and follows a win where it still is what HEAD was\n"
    "  --base COMMIT       the change was made against COMMIT: it is merged onto HEAD, and the "
    "result\n"
    "                      is judged against HEAD; refused, naming the files, where both changed "
    "the same\n"
    "  --wait              queue behind another ratchet of this repository instead of refusing:\n"
    "                      `ratchet status` shows who is at work and who waits\n"
    "  --wait-minutes N    queue, at most so long\n"
    "  --dry-run           check the scope and build; measure, record and change nothing\n"
    "  --check             as --dry-run, and compare with the oracle: correctness alone, in "
    "seconds\n"
    "  --json              the result as JSON on stdout\n"
    "  --progress          progress on stderr as JSON, an object a line\n"
    "\n"
    "Exit: 0 win (or a dry run that may be tried), 1 not a win, 2 usage, 3 cannot judge here.\n";

static int exit_code(const struct ratchet_result *res, bool dry)
{
    if (dry)
        return res->verdict == JUDGE_INCONCLUSIVE ? RATCHET_EXIT_WIN : RATCHET_EXIT_NO_WIN;
    if (res->unable || res->verdict == JUDGE_UNFIT_MACHINE)
        return RATCHET_EXIT_UNABLE;
    return res->applied ? RATCHET_EXIT_WIN : RATCHET_EXIT_NO_WIN;
}

static json_t *details_of(struct ratchet *r, int64_t n)
{
    struct strbuf text = {0};
    json_t *json = NULL;

    if (ledger_details(r->ledger, n, &text) == 1)
        json = json_loads(text.data, 0, NULL);
    strbuf_deinit(&text);
    return json;
}

static void print_json(struct ratchet *r, const struct ratchet_result *res, int code)
{
    static const char *const parts[] = {"cases",          "features",        "calibration",
                                        "continued_from", "n_earlier_units", "base",
                                        "again_of",       "steal_share",     "disturbed_share"};
    json_t *o = ledger_row_json(&res->row), *details = details_of(r, res->row.experiment);

    json_object_set_new(o, "recorded", json_boolean(res->recorded));
    json_object_set_new(o, "applied", json_boolean(res->applied));
    json_object_set_new(o, "win_commit", json_string(res->win));
    json_object_set_new(o, "what_happened", json_string(res->what_happened));
    json_object_set_new(o, "next", json_string(res->next));
    json_object_set_new(o, "exit_code", json_integer(code));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (json_object_get(details, parts[i]))
            json_object_set(o, parts[i], json_object_get(details, parts[i]));
    json_decref(details);
    cmd_json(o);
}

static void print_text(struct ratchet *r, const struct ratchet_result *res)
{
    json_t *details = details_of(r, res->row.experiment);

    if (res->recorded)
        cmd_print_row(stdout, &res->row, details);
    else
        printable_printf(stdout, "dry run: %s\n", res->row.reason);
    if (res->next[0])
        printable_printf(stdout, "  next       %s\n", res->next);
    printable_printf(stdout, "  branch     %s\n", res->what_happened);
    json_decref(details);
}

static pid_t owner; /* a child between fork and exec must not speak */

/* The default action follows: the ledger's states make dying safe at any point. */
static void on_signal(int number)
{
    static const char said[] =
        "\nratchet: interrupted; nothing is lost: the next ratchet command that writes (or ratchet "
        "recover) finishes or undoes the attempt\n";

    if (getpid() == owner && write(STDERR_FILENO, said, sizeof said - 1) < 0) {
        /* nobody listens: the next command says it again */
    }
    raise(number);
}

static void tell_when_interrupted(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction mine = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction was;

    owner = getpid();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL)
            sigaction(numbers[i], &mine, NULL);
}

static int wait_set(struct ratchet_try_options *o, const char *minutes)
{
    char *end;

    if (!minutes)
        return 0;
    o->wait = true;
    o->wait_minutes = strtod(minutes, &end);
    return end != minutes && !*end && o->wait_minutes > 0 && o->wait_minutes < 1e6
               ? 0
               : err_set(ERR_USAGE, "--wait-minutes takes a number above 0, not '%s'", minutes);
}

/* What is wrong with the words is said before anything is built. */
static int options_check(struct ratchet_try_options *o, const char *minutes)
{
    uint64_t features;

    TRY(wait_set(o, minutes));
    TRY(judge_focus_check(o->focus));
    if (o->features)
        TRY(cpu_features_named(o->features, &features));
    o->dry_run = o->dry_run || o->check;
    return 0;
}

static int try_run(const struct ratchet_try_options *o, bool json)
{
    struct ratchet *r = NULL;
    struct ratchet_result result;
    int rc = cmd_open(stderr, &r), code;

    if (rc == 0)
        rc = ratchet_try(r, o, &result);
    if (rc < 0) {
        code = cmd_error(rc);
    } else {
        code = exit_code(&result, o->dry_run);
        if (json)
            print_json(r, &result, code);
        else
            print_text(r, &result);
        ratchet_result_deinit(&result);
    }
    ratchet_close(&r);
    return code;
}

int cmd_try(int argc, char **argv)
{
    struct ratchet_try_options o = {0};
    const char *minutes = NULL;
    bool json = false;
    const struct cmd_arg args[] = {
        {"--message", "-m", &o.hypothesis, NULL},
        {"--focus", NULL, &o.focus, NULL},
        {"--features", NULL, &o.features, NULL},
        {"--author", NULL, &o.author, NULL},
        {"--from", NULL, &o.folder, NULL},
        {"--base", NULL, &o.base, NULL},
        {"--wait", NULL, NULL, &o.wait},
        {"--wait-minutes", NULL, &minutes, NULL},
        {"--progress", NULL, NULL, &o.json_progress},
        {"--dry-run", NULL, NULL, &o.dry_run},
        {"--check", NULL, NULL, &o.check},
        {"--json", NULL, NULL, &json},
        {NULL, NULL, NULL, NULL},
    };
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    if (!o.hypothesis) {
        fprintf(stderr,
                "ratchet try: a hypothesis is needed: -m \"what should get faster, and why\"\n");
        return RATCHET_EXIT_USAGE;
    }
    rc = options_check(&o, minutes);
    if (rc < 0)
        return cmd_error(rc);
    tell_when_interrupted();
    return try_run(&o, json);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * `ratchet mcp` as a real client meets it: the protocol's official SDK (mcp_client.mjs) against
 * ratchet-pretend, a repository for each test. */
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, SECONDS = 280 };

static void run(char *scenario)
{
    const char *required = getenv("PAWL_REQUIRE_SHARED");
    char *argv[] = {"sh", "tests/mcp/mcp.sh", getenv("PAWL_BIN"), scenario, NULL};
    struct strbuf output = {0};
    int status;

    cr_assert(argv[2] != NULL, "PAWL_BIN is not set");
    status = process_run(argv, NULL, SECONDS, &output);
    if (status == SKIPPED && !(required && strcmp(required, "1") == 0))
        cr_skip_test("%s", strbuf_str(&output));
    cr_assert_eq(status, 0, "%s", strbuf_str(&output));
    strbuf_deinit(&output);
}

Test(mcp, lists_tools_with_schemas_and_reads_the_kernel)
{
    run("tools");
}

Test(mcp, drives_an_experiment_to_a_win_and_a_loss)
{
    run("experiment");
}

Test(mcp, a_file_that_others_won_in_is_merged_and_not_undone)
{
    run("stale");
}

Test(mcp, a_cancelled_try_is_recorded_and_the_server_lives_on)
{
    run("cancel");
}

Test(mcp, a_client_that_leaves_loses_nothing)
{
    run("leave");
}

Test(mcp, a_deaf_client_holds_up_itself_alone)
{
    run("deaf");
}

Test(mcp, a_budget_ends_the_tries)
{
    run("budget");
}

Test(mcp, the_queue_costs_nothing)
{
    run("queue");
}

Test(mcp, an_experiment_may_run_with_nobody_waiting)
{
    run("alone");
}

Test(mcp, keeps_the_newest_proposals)
{
    run("many");
}

Test(mcp, refusals_name_the_remedy)
{
    run("refusals");
}

Test(mcp, measures_through_the_judge)
{
    run("measuring");
}

Test(mcp, resources_are_those_of_head)
{
    run("resources");
}

Test(mcp, survives_rubbish)
{
    run("rubbish");
}

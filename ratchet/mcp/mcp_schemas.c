/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_schemas.h"

/* Rows that several tables share, read as rows. */
/* clang-format off */
#define FOCUS {"focus", MCP_STRING, 0, "all the weight on one operation, such as gemm, or on one case by its name", 0}
#define FEATURES {"features", MCP_STRING, 0, "scalar, avx2, avx512, amx or all: what the kernel may use (default all)", 0}
#define PROPOSAL(flags, what) {"proposal", MCP_STRING, flags, what, 0}
#define END {0}

#define TRIED \
    {"experiment", MCP_INTEGER, MCP_MUST, "its number", 0}, \
    {"verdict", MCP_STRING, MCP_MUST, "WIN, LOSS, INCONCLUSIVE, SAME_CODE, FAIL_..., CHEAT, UNFIT_MACHINE, SEAL", 0}, \
    {"hypothesis", MCP_STRING, MCP_MUST, 0, 0}, \
    {"focus", MCP_STRING, MCP_MUST | MCP_NULL, "what had all the weight; null = the workload's own weights", 0}, \
    {"percent", MCP_NUMBER, MCP_MUST | MCP_NULL, "faster, in the weighted mean; null = not measured", 0}, \
    {"low", MCP_NUMBER, MCP_MUST | MCP_NULL, "of its 95 % interval", 0}, \
    {"high", MCP_NUMBER, MCP_MUST | MCP_NULL, 0, 0}, \
    {"reason", MCP_STRING, MCP_MUST, "what the judge saw", 0}, \
    {"files", MCP_STRING, MCP_MUST | MCP_LIST, "that it changed", 0}
#define ATTEMPT \
    TRIED, \
    {"next", MCP_STRING, MCP_MUST, "what to do", 0}, \
    {"author", MCP_STRING, MCP_MUST, 0, 0}, \
    {"time", MCP_STRING, MCP_MUST, "UTC", 0}, \
    {"score", MCP_NUMBER, MCP_MUST | MCP_NULL, 0, 0}, \
    {"units", MCP_INTEGER, MCP_MUST, "of evidence", 0}, \
    {"seconds", MCP_NUMBER, MCP_MUST | MCP_NULL, "what it cost", 0}, \
    {"attempt", MCP_STRING, MCP_MUST, "commit of the attempt", 0}, \
    {"parent", MCP_STRING, MCP_MUST, "commit it was tried on", 0}, \
    {"cases", MCP_OBJECT, MCP_MUST | MCP_LIST, "slowest first", measured_case}, \
    {"look_at", MCP_STRING, MCP_MUST | MCP_LIST, "where to look next", 0}
/* clang-format on */

const struct mcp_field mcp_in_nothing[] = {END};

/* --- experiments --- */

static const struct mcp_field measured_case[] = {
    {"name", MCP_STRING, MCP_MUST, 0, 0},
    {"op", MCP_STRING, 0, 0, 0},
    {"regime", MCP_STRING, 0, "the wall it stands at", 0},
    {"percent", MCP_NUMBER, MCP_NULL, "faster; negative = slower", 0},
    {"low", MCP_NUMBER, MCP_NULL, "of its 95 % interval", 0},
    {"high", MCP_NUMBER, MCP_NULL, 0, 0},
    {"now_us", MCP_NUMBER, MCP_NULL, "median time of a request", 0},
    {"before_us", MCP_NUMBER, MCP_NULL, 0, 0},
    {"utilisation", MCP_NUMBER, MCP_NULL, "roofline floor / time", 0},
    END};

static const struct mcp_field past[] = {TRIED, END};

/* --- reading --- */

static const struct mcp_field running[] = {
    {"tool", MCP_STRING, MCP_MUST, 0, 0},
    PROPOSAL(0, "that it is about"),
    {"seconds", MCP_NUMBER, MCP_MUST, "since it was called", 0},
    {"waits", MCP_BOOLEAN, MCP_MUST, "its turn has not come yet", 0},
    {"said", MCP_STRING, MCP_MUST, "its last words", 0},
    END};
static const struct mcp_field ended[] = {
    {"tool", MCP_STRING, MCP_MUST, 0, 0},
    PROPOSAL(MCP_MUST, "that was tried"),
    {"experiment", MCP_INTEGER, MCP_MUST | MCP_NULL, "for explain; null = nothing was recorded", 0},
    {"said", MCP_STRING, MCP_MUST, "as try answers it, or why there is no verdict", 0},
    END};
const struct mcp_field mcp_out_status[] = {
    {"head", MCP_STRING, 0, "commit", 0},
    {"branch", MCP_STRING, 0, 0, 0},
    {"rows", MCP_INTEGER, MCP_MUST, "experiments in the ledger", 0},
    {"last", MCP_OBJECT, 0, "the last one", 0},
    {"changed", MCP_STRING, MCP_LIST, "mutable files of the working tree that differ from HEAD", 0},
    {"judge_matches", MCP_BOOLEAN, 0, "this program's judge is HEAD's; if not, rebuild", 0},
    {"calibration", MCP_OBJECT, MCP_NULL,
     "how far the judge can be trusted here; null = run judge calibrate", 0},
    {"at_work", MCP_OBJECT, MCP_NULL, "the ratchet that works in this repository now", 0},
    {"queue", MCP_OBJECT, MCP_LIST, "those that wait for it", 0},
    {"pending_attempt", MCP_INTEGER, 0, "an experiment that runs, or was interrupted", 0},
    {"running", MCP_OBJECT, 0, "the command of this session that runs now", running},
    {"ended", MCP_OBJECT, 0, "how the experiment ended that start began", ended},
    {"machine", MCP_STRING, MCP_MUST, 0, 0},
    END};

const struct mcp_field mcp_out_budget[] = {
    {"attempts_used", MCP_INTEGER, MCP_MUST, 0, 0},
    {"attempts_left", MCP_INTEGER, MCP_MUST | MCP_NULL, "null = no limit", 0},
    {"minutes_used", MCP_NUMBER, MCP_MUST, "time that tries took", 0},
    {"minutes_left", MCP_NUMBER, MCP_MUST | MCP_NULL, "null = no limit", 0},
    END};

const struct mcp_field mcp_in_context[] = {
    FOCUS, {"near", MCP_STRING, 0, "words of an idea: attempts that were like it", 0}, END};
const struct mcp_field mcp_out_context[] = {
    {"goal", MCP_STRING, MCP_MUST, 0, 0},
    {"incumbent", MCP_OBJECT, MCP_MUST, "HEAD's kernel", 0},
    {"roofline", MCP_OBJECT, MCP_MUST,
     "cases by share of time x distance to the roof, as last measured", 0},
    {"profile", MCP_OBJECT, MCP_MUST, "beginning of the last profile of HEAD's kernel", 0},
    {"last", MCP_OBJECT, MCP_MUST | MCP_LIST, "attempts, newest first", past},
    {"near", MCP_OBJECT, MCP_MUST | MCP_LIST, "attempts like the idea, most alike first", past},
    {"verdicts", MCP_OBJECT, MCP_MUST, "how many attempts ended how", 0},
    {"budget", MCP_OBJECT, MCP_MUST, "as the tool budget says", 0},
    END};

const struct mcp_field mcp_in_read_kernel[] = {
    {"file", MCP_STRING, 0, "one of the files, such as kernel/kernel.c; none = list them", 0},
    {"first_line", MCP_INTEGER, 0, "from this line, counted from 1", 0},
    {"lines", MCP_INTEGER, 0, "at most so many", 0},
    END};
static const struct mcp_field kernel_file[] = {{"file", MCP_STRING, MCP_MUST, 0, 0},
                                               {"bytes", MCP_INTEGER, MCP_MUST, 0, 0},
                                               {"lines", MCP_INTEGER, MCP_MUST, 0, 0},
                                               END};
const struct mcp_field mcp_out_read_kernel[] = {
    {"head", MCP_STRING, MCP_MUST, "the commit that was read", 0},
    {"files", MCP_OBJECT, MCP_LIST, 0, kernel_file},
    {"file", MCP_STRING, 0, 0, 0},
    {"first_line", MCP_INTEGER, 0, 0, 0},
    {"last_line", MCP_INTEGER, 0, 0, 0},
    {"n_lines", MCP_INTEGER, 0, "of the whole file", 0},
    {"text", MCP_STRING, 0, 0, 0},
    END};

/* --- proposing and judging --- */

static const struct mcp_field whole_file[] = {
    {"file", MCP_STRING, MCP_MUST, "kernel/NAME.c or kernel/NAME.inc", 0},
    {"text", MCP_STRING, MCP_MUST | MCP_NULL, "the whole file; null = delete it", 0},
    END};
const struct mcp_field mcp_in_propose[] = {
    {"hypothesis", MCP_STRING, MCP_MUST, "what should get faster, and why", 0},
    {"patch", MCP_STRING, 0, "a unified diff, with a/kernel/... and b/kernel/...", 0},
    {"files", MCP_OBJECT, MCP_LIST, "or whole files", whole_file},
    {"base", MCP_STRING, 0,
     "the commit that was changed, as read_kernel's head names it (default: for whole files where "
     "read_kernel showed them last, else HEAD)",
     0},
    END};
static const struct mcp_field changed_file[] = {{"file", MCP_STRING, MCP_MUST, 0, 0},
                                                {"added", MCP_INTEGER, MCP_MUST, "lines", 0},
                                                {"removed", MCP_INTEGER, MCP_MUST, "lines", 0},
                                                END};
const struct mcp_field mcp_out_propose[] = {
    PROPOSAL(MCP_MUST, "its name, for check, try, roofline and profile"),
    {"base", MCP_STRING, MCP_MUST, "the commit that it changes; check and try merge it onto HEAD",
     0},
    {"folder", MCP_STRING, MCP_MUST, "holds the kernel as proposed, for judge check --source", 0},
    {"files", MCP_OBJECT, MCP_MUST | MCP_LIST, 0, changed_file},
    END};

const struct mcp_field mcp_in_check[] = {PROPOSAL(MCP_MUST, "as propose named it"), FEATURES, END};
const struct mcp_field mcp_out_check[] = {
    {"correct", MCP_BOOLEAN, MCP_MUST, 0, 0},
    {"verdict", MCP_STRING, MCP_MUST,
     "INCONCLUSIVE = correct and not measured; SAME_CODE; else what is wrong", 0},
    {"reason", MCP_STRING, MCP_MUST, 0, 0},
    {"next", MCP_STRING, MCP_MUST, "what to do", 0},
    END};

const struct mcp_field mcp_in_try[] = {PROPOSAL(MCP_MUST, "as propose named it"), FOCUS, FEATURES,
                                       END};
const struct mcp_field mcp_out_try[] = {
    ATTEMPT,
    {"applied", MCP_BOOLEAN, MCP_MUST, "the branch moved", 0},
    {"win_commit", MCP_STRING, MCP_MUST, "the new HEAD; empty = none", 0},
    {"what_happened", MCP_STRING, MCP_MUST, "to branch and files", 0},
    END};
const struct mcp_field mcp_out_start[] = {
    PROPOSAL(MCP_MUST, "that is tried"),
    {"running", MCP_BOOLEAN, MCP_MUST, "false = it has ended", 0},
    END};
const struct mcp_field mcp_out_attempt[] = {ATTEMPT, END};

/* --- measuring --- */

const struct mcp_field mcp_in_profile[] = {
    PROPOSAL(0, "instead of HEAD's kernel"),
    FOCUS,
    {"deep", MCP_BOOLEAN, 0, "time every barrier and chunk as well", 0},
    {"part", MCP_STRING, 0, "measure nothing, read this file of the last profile", 0},
    END};
const struct mcp_field mcp_out_profile[] = {
    {"folder", MCP_STRING, MCP_MUST, "where the parts are", 0},
    {"closing", MCP_STRING, 0, "the closest wall of all, and what it suggests", 0},
    {"files", MCP_OBJECT, 0, "parts, each with its own closing line", 0},
    {"cases", MCP_OBJECT, MCP_LIST, 0, 0},
    {"part", MCP_STRING, 0, 0, 0},
    END};
const struct mcp_field mcp_in_roofline[] = {PROPOSAL(0, "instead of HEAD's kernel"), FOCUS,
                                            FEATURES, END};
const struct mcp_field mcp_out_roofline[] = {
    {"cases", MCP_OBJECT, MCP_MUST | MCP_LIST, "time, roof and regime of each", 0}, END};

/* --- history --- */

const struct mcp_field mcp_in_history[] = {
    {"text", MCP_STRING, 0, "part of the hypothesis or the reason", 0},
    {"case", MCP_STRING, 0, "experiments that concern this case", 0},
    {"op", MCP_STRING, 0, "experiments that concern this operation", 0},
    {"verdict", MCP_STRING, 0, "WIN,LOSS: one of these", 0},
    {"limit", MCP_INTEGER, 0, "at most so many (default 20)", 0},
    END};
const struct mcp_field mcp_out_history[] = {
    {"experiments", MCP_OBJECT, MCP_MUST | MCP_LIST, "newest first", past},
    {"found", MCP_INTEGER, MCP_MUST, "how many there are, listed or not", 0},
    END};
const struct mcp_field mcp_in_explain[] = {
    {"experiment", MCP_INTEGER, MCP_MUST, "its number in the ledger", 0}, END};
const struct mcp_field mcp_in_diff[] = {{"a", MCP_STRING, MCP_MUST,
                                         "the kernel of experiment 34: \"34\"; what it was tried "
                                         "on: \"34^\"; \"first\"; \"HEAD\" or any commit",
                                         0},
                                        {"b", MCP_STRING, 0, "likewise (default HEAD)", 0},
                                        END};
const struct mcp_field mcp_out_diff[] = {{"patch", MCP_STRING, MCP_MUST, "unified", 0}, END};

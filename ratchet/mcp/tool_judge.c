/* SPDX-License-Identifier: Apache-2.0
 *
 * Tools that measure one kernel and decide nothing: profile and roofline, through the program
 * `judge` as a child. */
#include "ratchet/mcp/mcp_proposal.h"
#include "ratchet/mcp/mcp_run.h"
#include "ratchet/mcp/mcp_store.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <string.h>

/* The kernel to measure: a proposal's, or HEAD's as it is committed. `folder`/kernel holds it. */
static int source_of(struct mcp_call *c, struct strbuf *folder)
{
    const char *name = mcp_argument(c, "proposal");
    struct ratchet *r = c->server->r;
    struct mcp_proposal p;

    if (!name)
        return mcp_store_head(r, folder);
    TRY(mcp_proposal_find(r, name, &p));
    strbuf_addf(folder, "%s", p.folder.data);
    mcp_proposal_deinit(&p);
    return 0;
}

static int start(struct mcp_call *c, const char *command,
                 int (*finish)(struct mcp_call *c, int status))
{
    char judge[PATH_MAX];
    struct strbuf folder = {0};
    struct mcp_command m = {0};
    int rc;

    TRY(ratchet__program_beside("judge", judge));
    rc = source_of(c, &folder);
    strbuf_addf(&folder, "/kernel");
    mcp_command_add(&m, judge);
    mcp_command_add(&m, command);
    mcp_command_add(&m, "--json");
    mcp_command_option(&m, "--source", folder.data);
    mcp_command_option(&m, "--focus", mcp_argument(c, "focus"));
    mcp_command_option(&m, "--features", mcp_argument(c, "features"));
    if (json_is_true(json_object_get(c->arguments, "deep")))
        mcp_command_add(&m, "--deep");
    if (rc == 0)
        rc = mcp_run_start(c, &m, finish);
    strbuf_deinit(&folder);
    return rc;
}

/* What the judge printed. A kernel that fails is no measurement: ERR_CONFLICT says how. */
static int measured(struct mcp_call *c, int status)
{
    json_t *o = json_loads(strbuf_str(&c->server->child.output), 0, NULL);

    c->structured = o;
    if (!o)
        return mcp_run_failed(c, status);
    if (status != 0)
        return err_set(ERR_CONFLICT, "%s: %s", json_string_value(json_object_get(o, "verdict")),
                       json_string_value(json_object_get(o, "message")));
    return 0;
}

/* --- roofline --- */

int mcp_tool_roofline(struct mcp_call *c)
{
    return start(c, "roofline", measured);
}

/* --- profile --- */

static int read_part(struct mcp_call *c, const char *part)
{
    struct mcp_server *s = c->server;
    struct strbuf path = {0};
    int rc = 0;

    if (!s->profile.len)
        rc = err_set(ERR_CONFLICT, "no profile yet; call profile without part first");
    else if (strstr(part, "..") || part[0] == '/')
        rc = err_set(ERR_USAGE, "%.200s is no part of the profile", part);
    if (rc == 0) {
        strbuf_addf(&path, "%s/%s", s->profile.data, part);
        rc = file_read(path.data, &c->text);
    }
    if (rc == 0)
        c->structured = json_pack("{s:s, s:o}", "folder", s->profile.data, "part",
                                  mcp_string(strbuf_str(&c->text)));
    strbuf_deinit(&path);
    return rc;
}

static int profile_finish(struct mcp_call *c, int status)
{
    struct strbuf summary = {0};
    const char *folder;

    TRY(measured(c, status));
    folder = json_string_value(json_object_get(c->structured, "folder"));
    if (!folder)
        return err_set(ERR_FORMAT, "the judge did not say where the profile is");
    strbuf_clear(&c->server->profile);
    strbuf_addf(&c->server->profile, "%s", folder);
    strbuf_addf(&summary, "%s/summary.md", folder);
    if (file_read(summary.data, &c->text) < 0)
        strbuf_clear(&c->text); /* then the JSON has to do */
    strbuf_deinit(&summary);
    return 0;
}

int mcp_tool_profile(struct mcp_call *c)
{
    const char *part = mcp_argument(c, "part");

    return part ? read_part(c, part) : start(c, "profile", profile_finish);
}

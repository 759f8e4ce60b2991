/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/report/report_browser.h"

#include "ratchet/report/report_page.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MODULES "build/browser"

static void skip(const char *why)
{
    const char *required = getenv("PAWL_REQUIRE_SHARED");

    if (required && strcmp(required, "1") == 0)
        cr_assert_fail("PAWL_REQUIRE_SHARED=1, but %s", why);
    cr_skip_test("%s", why);
}

/* Fetch what drives the browser. */
static void prepare(void)
{
    char *fetch[] = {"sh", "tests/report/fetch_browser.sh", MODULES, NULL};
    struct strbuf said = {0};
    int rc = process_run(fetch, NULL, 300, &said);

    if (said.len && said.data[said.len - 1] == '\n')
        said.data[said.len - 1] = '\0';
    if (rc != 0)
        skip(strbuf_str(&said));
    setenv("CHROMIUM", strbuf_str(&said), 1);
    strbuf_deinit(&said);
}

void browser_check(const char *folder, const char *url)
{
    char modules[PATH_MAX], pages[PATH_MAX], served[128];
    char *run[] = {"node", "tests/report/browser.mjs", modules, pages, url ? served : NULL, NULL};
    struct strbuf said = {0};
    int rc;

    if (!*report_assets_built.plot)
        skip("this build has no charts (make charts)");
    prepare();
    cr_assert(realpath(MODULES, modules));
    snprintf(pages, sizeof pages, "%s", folder);
    snprintf(served, sizeof served, "%s", url ? url : "");
    rc = process_run(run, NULL, 500, &said);
    cr_assert_eq(rc, 0, "%s", strbuf_str(&said));
    strbuf_deinit(&said);
}

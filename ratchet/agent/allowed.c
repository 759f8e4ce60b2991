/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/allowed.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool holds(const char *outer, const char *inner)
{
    size_t n = strlen(outer);

    while (n && outer[n - 1] == '/')
        n--;
    return strncmp(outer, inner, n) == 0 && (inner[n] == '/' || inner[n] == '\0');
}

static int add_path(struct ratchet *r, const char *path, struct strbuf *out)
{
    const char *const ours[] = {r->root, git_repository_commondir(r->repo), r->store};
    char full[PATH_MAX], own[PATH_MAX];

    if (!realpath(path, full))
        return err_set(ERR_USAGE, "--allow-write: %s does not exist; make it first", path);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (realpath(ours[i], own) && (holds(full, own) || holds(own, full)))
            return err_set(ERR_USAGE,
                           "--allow-write: %s and this repository are inside each other; name the "
                           "folders that the agent needs, such as its own in your home",
                           path);
    if (strchr(full, ':'))
        return err_set(ERR_USAGE, "--allow-write: a colon in %s", full);
    strbuf_addf(out, "%s%s", out->len ? ":" : "", full);
    return 0;
}

int allowed_read(struct ratchet *r, const char *list, struct strbuf *out)
{
    char *copy = strdup(list), *save = NULL;
    size_t n = 0;
    int rc = 0;

    for (char *p = strtok_r(copy, ":", &save); rc == 0 && p; p = strtok_r(NULL, ":", &save))
        rc = ++n > ALLOWED_MAX ? err_set(ERR_USAGE,
                                         "--allow-write: more than %d folders; "
                                         "name one that holds several",
                                         ALLOWED_MAX)
                               : add_path(r, p, out);
    free(copy);
    return rc;
}

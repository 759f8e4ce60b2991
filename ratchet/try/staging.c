/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/staging.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int staging_make(struct ratchet *r, int64_t n, const git_tree *candidate, const git_tree *incumbent,
                 const git_tree *sealed, struct staging *out)
{
    const struct {
        const char *to, *prefix;
        const git_tree *tree;
    } plan[] = {
        {"candidate", "kernel/", candidate},
        {"incumbent", "kernel/", incumbent},
        {"sealed", "kernel/kernel.h", sealed},
        {"sealed", "judge/", sealed},
    };
    struct strbuf work = {0}, dir = {0};
    int rc;

    *out = (struct staging){0};
    ratchet__work_dir(r, n, &work);
    strbuf_addf(&out->candidate, "%s/candidate/kernel", work.data);
    strbuf_addf(&out->incumbent, "%s/incumbent/kernel", work.data);
    strbuf_addf(&out->root, "%s/sealed", work.data);
    strbuf_addf(&out->scratch, "%s/scratch", work.data);
    strbuf_addf(&out->cache, "%s/cache", r->store);
    rc = file_remove_tree(work.data);
    for (size_t i = 0; rc == 0 && i < sizeof plan / sizeof *plan; i++) {
        strbuf_clear(&dir);
        strbuf_addf(&dir, "%s/%s", work.data, plan[i].to);
        rc = repo_export(r->repo, plan[i].tree, plan[i].prefix, dir.data);
    }
    if (rc == 0)
        rc = file_make_dirs(out->scratch.data);
    if (rc == 0)
        rc = file_make_dirs(out->cache.data);
    strbuf_deinit(&work);
    strbuf_deinit(&dir);
    return rc;
}

void staging_deinit(struct staging *s)
{
    strbuf_deinit(&s->candidate);
    strbuf_deinit(&s->incumbent);
    strbuf_deinit(&s->root);
    strbuf_deinit(&s->scratch);
    strbuf_deinit(&s->cache);
}

/* Folders of processes are named by their negative ids, those of attempts by their numbers. */
int64_t staging_number(struct ratchet *r)
{
    struct strbuf folder = {0};
    const struct dirent *e;
    DIR *dir;

    strbuf_addf(&folder, "%s/scratch", r->store);
    dir = opendir(folder.data);
    while (dir && (e = readdir(dir))) {
        long number = strtol(e->d_name, NULL, 10);

        if (number < 0 && kill((pid_t)-number, 0) && errno == ESRCH)
            ratchet__work_remove(r, number);
    }
    if (dir)
        closedir(dir);
    strbuf_deinit(&folder);
    return -(int64_t)getpid();
}

void staging_name(const struct staging *s, struct ratchet_request *q)
{
    q->candidate_dir = s->candidate.data;
    q->incumbent_dir = s->incumbent.data;
    q->root = s->root.data;
    q->work_dir = s->scratch.data;
    q->cache_dir = s->cache.data;
}

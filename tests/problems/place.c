/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/problems/place.h"

#include "ratchet/init/source_tree.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void place_init(struct place *p)
{
    char tree[PATH_MAX], ratchet[PATH_MAX];

    memset(p, 0, sizeof *p);
    strcpy(p->top, "/tmp/problems-XXXXXX");
    cr_assert_not_null(mkdtemp(p->top));
    snprintf(p->repo, sizeof p->repo, "%s/repo", p->top);
    cr_assert_eq(file_make_dirs(p->repo), 0);
    cr_assert_eq(source_tree_find(tree), 0, "%s", err_message());
    cr_assert_not_null(realpath(getenv("PAWL_BIN"), ratchet));
    strcat(ratchet, "/ratchet");
    setenv("PAWL", tree, 1);
    setenv("R", ratchet, 1);
    cr_assert_eq(place_run(p, "git init -q -b main && git config user.name Tester && "
                              "git config user.email tester@localhost"),
                 0);
}

void place_deinit(struct place *p)
{
    if (p->programs[0])
        place_run(p, "made=$(dirname $J); rm -rf \"$(dirname $(readlink -f $made))\" $made");
    strbuf_deinit(&p->said);
    file_remove_tree(p->top);
}

int place_run(struct place *p, const char *command)
{
    strbuf_clear(&p->said);
    return process_run((char *[]){"sh", "-c", (char *)(size_t)command, NULL}, p->repo, 240,
                       &p->said);
}

bool place_said(const struct place *p, const char *text)
{
    return p->said.len && strstr(p->said.data, text);
}

void place_problem(struct place *p, const char *name)
{
    setenv("NAME", name, 1);
    cr_assert_eq(place_run(p, "for part in kernel reference; do "
                              "[ ! -d $PAWL/tests/problems/$NAME/$part ] || "
                              "cp -r $PAWL/tests/problems/$NAME/$part .; done && "
                              "$R init --name $NAME && git add -A && git commit -qm first"),
                 0, "%s", strbuf_str(&p->said));
}

/* From here on the compiler is the plain one: what a judge compiles with sees no cache. */
void place_build(struct place *p)
{
    char judge[PATH_MAX + 16];

    cr_assert_eq(source_tree_build(getenv("PAWL"), p->repo, NULL, p->programs), 0, "%s",
                 err_message());
    snprintf(judge, sizeof judge, "%s/judge", p->programs);
    setenv("J", judge, 1);
    snprintf(judge, sizeof judge, "%s/ratchet", p->programs);
    setenv("R", judge, 1);
    unsetenv("CC");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/guard.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/ratchet/ratchet_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

/* What the guard says after a line of shell in the repository. */
static void expect(const char *line, const char *what)
{
    struct strbuf said = {0}, out = {0};
    struct guard before, after;
    struct ratchet *r;
    struct fixture f;

    fixture_init(&f);
    fixture_write(&f, "notes.txt", "mine\n");
    r = fixture_open(&f);
    cr_assert_eq(guard_take(r, &before), 0, "%s", err_message());
    cr_assert_eq(
        process_run((char *const[]){"sh", "-c", (char *)(size_t)line, NULL}, f.repo, 60, &out), 0,
        "%s: %s", line, strbuf_str(&out));
    cr_assert_eq(guard_take(r, &after), 0, "%s", err_message());
    cr_assert_eq(guard_differs(&before, &after, &said), *what != '\0', "%s: %s", line,
                 strbuf_str(&said));
    cr_assert_str_eq(strbuf_str(&said), what, "%s", line);
    strbuf_deinit(&said);
    strbuf_deinit(&out);
    ratchet_close(&r);
    fixture_deinit(&f);
}

Test(guard, sees_each_thing_that_belongs_to_git_or_its_owner)
{
    expect("git update-ref refs/heads/mine HEAD", "refs");
    expect("git tag v1", "refs");
    expect("git symbolic-ref HEAD refs/heads/other", "HEAD");
    expect("git add notes.txt", "the index, the working tree");
    expect("git config core.hooksPath /nowhere", "git's config or hooks");
    expect("echo 'exit 0' >.git/hooks/pre-commit", "git's config or hooks");
    expect("echo '* -text' >.git/info/attributes", "git's config or hooks");
    expect("echo x >>judge/judge.c", "the working tree");
    expect("echo again >>notes.txt", "the working tree");
    expect("rm notes.txt", "the working tree");
    expect("echo x >new.txt", "the working tree");
}

Test(guard, follows_wins_but_nothing_else)
{
    struct guard before = {0}, after = {0};
    struct strbuf said = {0};

    for (int i = 0; i < GUARD_N_PARTS; i++)
        after.digest[i][0] = 'x';
    guard_follow(&before, &after);
    cr_assert(guard_differs(&before, &after, &said));
    cr_assert_str_eq(said.data, "HEAD, git's config or hooks");
    strbuf_deinit(&said);
}

Test(guard, does_not_mind_looking_nor_the_ratchets_own_refs)
{
    expect("git status; git diff; git log", "");
    expect("git update-ref refs/heads/ratchet-log HEAD; git update-ref refs/pawl/attempts/9 HEAD",
           "");
    expect("git gc -q", "");
}

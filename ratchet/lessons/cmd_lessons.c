/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"

#include "ratchet/git/repo.h"
#include "ratchet/lessons/lessons.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

static const char usage[] =
    "usage: ratchet lessons [--json | --markdown | --write]\n"
    "\n"
    "Which symptom of a profile calls for which first thing to try, and what the attempts of this\n"
    "ledger say of each: borne out, refuted, open (a near miss), not tried. An attempt stands\n"
    "where the words of its hypothesis put it (they are shown), under two lessons at most.\n"
    "\n"
    "  --json      as one JSON document\n"
    "  --markdown  as AGENTS.md has it\n"
    "  --write     replace that block of AGENTS.md, between its marks, from the experiments that\n"
    "              HEAD's results.tsv carries\n"
    "\n"
    "Exit: 0, 2 usage, 3 no repository, or no marks in AGENTS.md.\n";

/* Experiments that HEAD's results.tsv carries: what AGENTS.md says must hold in a clone as well. */
static int rows_of_head(struct ratchet *r, int64_t *out)
{
    struct strbuf text = {0};
    git_tree *tree = NULL;
    git_oid head;
    int rc = git_reference_name_to_id(&head, r->repo, "HEAD") ? repo_fail("HEAD")
                                                              : repo_tree_of(r->repo, &head, &tree);

    if (rc == 0)
        rc = repo_file_read(r->repo, tree, REPO_RESULTS, &text);
    *out = 0;
    for (size_t i = 0; i < text.len; i++)
        *out += text.data[i] == '\n';
    *out -= *out > 0; /* the header */
    git_tree_free(tree);
    strbuf_deinit(&text);
    return rc < 0 ? rc : 0;
}

static int write_block(const char *root, const json_t *lessons)
{
    struct strbuf path = {0}, text = {0}, block = {0};
    size_t begin, end;
    int64_t last;
    int rc;

    strbuf_addf(&path, "%sAGENTS.md", root);
    rc = file_read(path.data, &text);
    if (rc == 0)
        rc = lessons_block_find(strbuf_str(&text), &begin, &end, &last);
    lessons_markdown(lessons, &block);
    if (rc == 0)
        rc = err_set(ERR_CONFLICT,
                     "%s has no marks of `ratchet lessons`; put the output of `ratchet lessons "
                     "--markdown` where it belongs",
                     path.data);
    if (rc == 1) {
        strbuf_add(&block, text.data + end, text.len - end);
        text.len = begin;
        strbuf_add(&text, block.data, block.len);
        rc = file_write_atomic(path.data, text.data, text.len);
    }
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    strbuf_deinit(&block);
    return rc;
}

static void print(const json_t *lessons, bool markdown)
{
    struct strbuf out = {0};

    if (markdown)
        lessons_markdown(lessons, &out);
    else
        lessons_text(lessons, &out);
    printable_write(stdout, strbuf_str(&out), out.len);
    strbuf_deinit(&out);
}

int cmd_lessons(int argc, char **argv)
{
    bool json = false, markdown = false, write = false;
    const struct cmd_arg args[] = {{"--json", NULL, NULL, &json},
                                   {"--markdown", NULL, NULL, &markdown},
                                   {"--write", NULL, NULL, &write},
                                   {NULL, NULL, NULL, NULL}};
    struct lessons *lessons = lessons_open();
    struct ratchet *r = NULL;
    json_t *found = NULL;
    int64_t last = 0; /* all */
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        goto out;
    rc = cmd_open(stderr, &r);
    if (rc == 0 && write)
        rc = rows_of_head(r, &last);
    if (rc == 0 && !(write && last == 0))
        rc = ledger_each(r->ledger, 1, last, lessons_take, lessons);
    if (rc == 0)
        found = lessons_json(lessons);
    if (rc == 0 && write)
        rc = write_block(r->root, found);
    code = rc < 0 ? cmd_error(rc) : 0;
    if (rc == 0 && json)
        cmd_json(json_incref(found));
    else if (rc == 0 && !write)
        print(found, markdown);
out:
    json_decref(found);
    lessons_close(&lessons);
    ratchet_close(&r);
    return code;
}

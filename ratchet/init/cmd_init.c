/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/git/repo.h"
#include "ratchet/init/scaffold.h"
#include "ratchet/init/source_tree.h"
#include "reference/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet init [DIR] [--name NAME] [--kernel FILE.c:FUNCTION] [--json]\n"
    "       ratchet init --reseal [DIR] [--json]\n"
    "\n"
    "Make the git repository DIR (default: the current folder) a ratchet of its own problem: "
    "write\n"
    "kernel/, reference/ and judge/. What is there is never overwritten: a reference/ that "
    "defines\n"
    "problem_shipped and a kernel/kernel.c are taken as they are. Nothing is committed.\n"
    "\n"
    "  --name NAME               of the problem (default: the folder's)\n"
    "  --kernel FILE.c:FUNCTION  begin with a copy of this file, which has no main; the\n"
    "                            function is called for every row as\n"
    "                            FUNCTION(const float *in, float *out, elements); what it\n"
    "                            computes now is the reference until you write a better one\n"
    "  --reseal                  in a ratchet: renew what comes from Pawl (kernel/kernel.h, the\n"
    "                            judge's headers, judge/PAWL), after Pawl has changed\n"
    "  --json                    what was written, as JSON\n"
    "\n"
    "Exit: 0 done, 2 usage, 3 something is in the way (it is named; nothing was written).\n";

/* The folder's whole path; dir NULL: the current one. */
static int find_folder(const char *dir, char out[PATH_MAX])
{
    if (realpath(dir ? dir : ".", out))
        return 0;
    if (!dir)
        return err_set(ERR_IO, "the current folder: %s; cd to one that is there", strerror(errno));
    return err_set(ERR_IO, "%s: %s; first: mkdir -p %s && git init %s", dir, strerror(errno), dir,
                   dir);
}

/* DIR must be the top of a working tree with nothing staged: the next commit is of these files. */
static int check_repository(const char *folder)
{
    git_status_options o;
    git_status_list *list = NULL;
    git_repository *repo = NULL;
    char top[PATH_MAX];
    int rc = 0;

    git_libgit2_init();
    if (git_repository_open_ext(&repo, folder, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) ||
        git_repository_is_bare(repo) || !realpath(git_repository_workdir(repo), top) ||
        strcmp(top, folder) != 0)
        rc = err_set(ERR_CONFLICT,
                     "%s is not the top folder of a git repository; first: git init %s", folder,
                     folder);
    git_status_options_init(&o, GIT_STATUS_OPTIONS_VERSION);
    o.show = GIT_STATUS_SHOW_INDEX_ONLY;
    if (rc == 0 && git_status_list_new(&list, repo, &o))
        rc = repo_fail("git status of %s", folder);
    if (rc == 0 && git_status_list_entrycount(list))
        rc = err_set(ERR_CONFLICT,
                     "%s has staged changes, which would mix with the new files; commit or unstage "
                     "them first (git restore --staged .)",
                     folder);
    git_status_list_free(list);
    git_repository_free(repo);
    git_libgit2_shutdown();
    return rc;
}

/* The folder's name, as far as it is one. */
static void default_name(const char *folder, char out[64])
{
    snprintf(out, 64, "%.63s", strrchr(folder, '/') + 1);
    for (char *c = out; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '_';
}

static void print_text(const struct scaffold *s, const json_t *made, bool reseal)
{
    json_t *path;
    size_t i;

    printf("%s %zu files in %s\n", reseal ? "renewed" : "wrote", json_array_size(made), s->folder);
    json_array_foreach(made, i, path) printf("  %s\n", json_string_value(path));
    if (reseal) {
        printf("next: git -C %s commit -am \"the judge of a newer Pawl\"\n", s->folder);
        return;
    }
    printf("next:\n"
           "  1. reference/: say what is computed, on which sizes, how exact (FILL IN marks it)\n"
           "  2. cd %s && git add kernel reference judge && git commit -m \"a ratchet for %s\"\n"
           "  3. ratchet --problem %s judge check\n"
           "  4. change kernel/kernel.c; ratchet --problem %s try -m \"why it should be faster\"\n",
           s->folder, s->name, s->folder, s->folder);
}

static void print_json(const struct scaffold *s, json_t *made)
{
    cmd_json(json_pack("{s:s, s:s, s:O}", "folder", s->folder, "name", s->name, "made", made));
}

int cmd_init(int argc, char **argv)
{
    const char *dir = NULL;
    char tree[PATH_MAX], folder[PATH_MAX], name[64];
    struct scaffold s = {.tree = tree, .folder = folder};
    bool reseal = false, json = false;
    const struct cmd_arg args[] = {
        {"", NULL, &dir, NULL},
        {"--name", NULL, &s.name, NULL},
        {"--kernel", NULL, &s.kernel, NULL},
        {"--reseal", NULL, NULL, &reseal},
        {"--json", NULL, NULL, &json},
        {NULL, NULL, NULL, NULL},
    };
    json_t *made = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc = 0;

    if (code != CMD_GO)
        return code;
    if (reseal && (s.name || s.kernel))
        rc = err_set(ERR_USAGE, "--reseal changes neither name nor kernel: leave those out");
    if (rc == 0)
        rc = find_folder(dir, folder);
    if (rc == 0)
        rc = source_tree_find(tree);
    if (rc == 0)
        rc = check_repository(folder);
    if (rc == 0) {
        default_name(folder, name);
        s.name = s.name ? s.name : name;
        rc = reseal ? scaffold_reseal(&s, &made) : scaffold_make(&s, &made);
    }
    if (rc == 0 && json)
        print_json(&s, made);
    else if (rc == 0)
        print_text(&s, made, reseal);
    json_decref(made);
    return rc < 0 ? cmd_error(rc) : 0;
}

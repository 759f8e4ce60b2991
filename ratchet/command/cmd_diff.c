/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/history/kernel_diff.h"

#include "reference/base/err.h"

#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: ratchet diff A [B] [--stat] [--asm] [--json]\n"
    "\n"
    "What changed in the kernel (its mutable files alone) from A to B, as a patch. A and B are\n"
    "numbers of experiments (34: what it tried), 34^ (what it was tried on), first (the first\n"
    "kernel), HEAD, or any commit. With A alone: from A to HEAD, for an experiment what it "
    "changed.\n"
    "On a terminal a ? stands for each control character; a file or a pipe gets every byte.\n"
    "\n"
    "  --stat     files and lines alone; with --asm functions and instructions\n"
    "  --asm      what changed in what the compiler made of it: compiles both, some 20 s each\n"
    "             unless the judge has kept the object. Addresses and padding are left out; .L>\n"
    "             is a jump ahead to some .L: in the function, .L< one back\n"
    "  --json     {a, b, files, added, removed, patch}, with --asm also {assembly}\n"
    "Exit: 0, 2 usage (also: no such experiment), 3 its commits are not here.\n";

static void print_stat(const struct history_diff *d)
{
    printf("from %s to %s\n", d->a.label, d->b.label);
    for (size_t i = 0; i < d->n_files; i++) {
        const struct diff_file *f = &d->files[i];

        printable_printf(stdout, "  %c %6s%zu %5s%zu  %s", f->status, "+", f->n_added, "-",
                         f->n_removed, f->path);
        if (strcmp(f->path, f->old_path) != 0)
            printable_printf(stdout, " (was %s)", f->old_path);
        putchar('\n');
    }
    printf("%zu file%s, %zu line%s added, %zu removed\n", d->n_files, d->n_files == 1 ? "" : "s",
           d->n_added, d->n_added == 1 ? "" : "s", d->n_removed);
}

/* In a file or a pipe it is for `git apply`, which wants every byte. */
static void print_patch(const struct strbuf *patch)
{
    if (isatty(STDOUT_FILENO))
        printable_write(stdout, strbuf_str(patch), patch->len);
    else
        fwrite(strbuf_str(patch), 1, patch->len, stdout);
}

static int print(struct ratchet *r, const struct history_diff *d, bool stat, bool assembly,
                 bool json)
{
    json_t *o = NULL, *functions = NULL;

    if (assembly)
        TRY(cmd_assembly(r, &d->a, &d->b, stat, json ? &functions : NULL));
    if (json) {
        o = history_diff_json(d);
        if (functions)
            json_object_set_new(o, "assembly", functions);
        cmd_json(o);
    } else if (stat && !assembly) {
        print_stat(d);
    } else if (!assembly) {
        print_patch(&d->patch);
    }
    return 0;
}

/* "34" alone means what it changed; any other alone is compared with HEAD. */
static int diff_open(struct ratchet *r, const char *a, const char *b, struct history_diff *out)
{
    char base[16];

    if (b)
        return history_diff(r, a, b, out);
    if (strlen(a) >= 7 || strspn(a, "0123456789") != strlen(a))
        return history_diff(r, a, "HEAD", out);
    snprintf(base, sizeof base, "%s^", a);
    return history_diff(r, base, a, out);
}

int cmd_diff(int argc, char **argv)
{
    const char *a = NULL, *b = NULL;
    bool stat = false, json = false, assembly = false;
    const struct cmd_arg args[] = {{"", NULL, &a, NULL},          {"", NULL, &b, NULL},
                                   {"--stat", NULL, NULL, &stat}, {"--asm", NULL, NULL, &assembly},
                                   {"--json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    struct history_diff diff = {0};
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    if (!a) {
        fprintf(stderr, "ratchet diff: from what?\n%s", usage);
        return RATCHET_EXIT_USAGE;
    }
    rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = diff_open(r, a, b, &diff);
    if (rc == 0)
        rc = print(r, &diff, stat, assembly, json);
    history_diff_deinit(&diff);
    ratchet_close(&r);
    return rc < 0 ? cmd_error(rc) : 0;
}

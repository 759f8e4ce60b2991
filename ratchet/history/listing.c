/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/listing.h"
#include "ratchet/git/repo.h"
#include "ratchet/try/staging.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- one function's lines --- */

/* One instruction of the listing; texts point into it. */
struct instruction {
    unsigned long address, target; /* target: of a jump inside the function */
    bool jumps, is_target;
    char *text;         /* mnemonic and operands */
    const char *symbol; /* that a relocation names, NULL = none */
};

struct body {
    struct instruction *items;
    size_t n, room;
};

static bool is_padding(const char *text)
{
    static const char *const words[] = {"nop", "cs nop", "data16", "xchg   %ax,%ax", "int3"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* The name in "R_X86_64_PC32\tname-0x4"; a symbol has no + or -, its offset has. The compiler numbers
 * its constants (.LC17) through the whole file: that says nothing of this function. */
static const char *symbol_of(char *relocation)
{
    char *name = strchr(relocation, '\t');

    if (!name)
        return NULL;
    name += strspn(name, "\t ");
    name[strcspn(name, "+-\t ")] = '\0';
    if (strncmp(name, ".LC", 3) == 0)
        name[3] = '\0';
    return name;
}

/* "   1a:\tjne    30 <f+0x30>\t1c: R_X86_64_PC32\tg-0x4" */
static bool instruction_parse(char *line, const char *function, struct instruction *out)
{
    char *end, *operand, *note;
    size_t name = strlen(function);

    memset(out, 0, sizeof *out);
    out->address = strtoul(line, &end, 16);
    if (end == line || *end != ':' || end[1] != '\t')
        return false;
    out->text = end + 2;
    note = strstr(out->text, "\t");
    if (note && !strstr(note, ": R_"))
        note = NULL;
    if (note) {
        *note = '\0';
        out->symbol = symbol_of(strstr(note + 1, "R_"));
    }
    note = strstr(out->text, "  # ");
    if (!note)
        note = strstr(out->text, " # ");
    if (note)
        *note = '\0';
    operand = strrchr(out->text, '<');
    if (operand && strncmp(operand + 1, function, name) == 0 && strchr("+>", operand[1 + name]) &&
        !out->symbol) {
        while (operand > out->text && operand[-1] == ' ')
            operand--;
        while (operand > out->text && operand[-1] != ' ')
            operand--;
        out->target = strtoul(operand, NULL, 16);
        out->jumps = true;
        *operand = '\0';
    }
    for (end = out->text + strlen(out->text); end > out->text && end[-1] == ' ';)
        *--end = '\0';
    return true;
}

static void targets_mark(struct body *b)
{
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; b->items[i].jumps && k < b->n; k++)
            b->items[k].is_target |= b->items[k].address == b->items[i].target;
}

/* The operand that the linker fills in is 0x0 in the object, or a jump to the next instruction. */
static void linked_write(const struct instruction *in, struct strbuf *out)
{
    const char *zero = strstr(in->text, "0x0(%rip)");
    const char *space = strchr(in->text, ' ');

    if (zero)
        strbuf_addf(out, "%.*s%s%s", (int)(zero - in->text), in->text, in->symbol, zero + 3);
    else if (strncmp(in->text, "call", 4) == 0 || in->text[0] == 'j')
        strbuf_addf(out, "%.*s %s", space ? (int)(space - in->text) : (int)strlen(in->text),
                    in->text, in->symbol);
    else
        strbuf_addf(out, "%s [%s]", in->text, in->symbol);
}

/* Where in its frame a function keeps what moves with every variable: "0x1f8(%rsp)" is "(%rsp)". */
static void frame_offsets_drop(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        if (strncmp(p, "(%rsp", 5) == 0) {
            while (to > text && (isxdigit((unsigned char)to[-1]) || strchr("-x", to[-1])))
                to--;
        }
        *to++ = *p;
    }
    *to = '\0';
}

static void body_write(struct body *b, struct listing_function *f)
{
    targets_mark(b);
    for (size_t i = 0; i < b->n; i++) {
        const struct instruction *in = &b->items[i];

        frame_offsets_drop(in->text);
        if (in->is_target)
            strbuf_addf(&f->text, ".L:\n");
        if (is_padding(in->text))
            continue;
        f->n_instructions++;
        strbuf_addf(&f->text, "\t");
        if (in->symbol)
            linked_write(in, &f->text);
        else
            strbuf_addf(&f->text, "%s", in->text);
        if (in->jumps)
            strbuf_addf(&f->text, " .L%c", in->target > in->address ? '>' : '<');
        strbuf_addf(&f->text, "\n");
    }
    b->n = 0;
}

/* --- the listing --- */

static void body_add(struct body *b, const struct instruction *in)
{
    if (b->n == b->room) {
        b->room = b->room ? 2 * b->room : 256;
        b->items = realloc(b->items, b->room * sizeof *b->items);
        if (!b->items)
            abort();
    }
    b->items[b->n++] = *in;
}

/* "0000000000000000 <name>:" begins a function. */
static bool heading_parse(char *line, char **name)
{
    char *open = strstr(line, " <");
    size_t n = strlen(line);

    if (line[0] == ' ' || !open || n < 3 || strcmp(line + n - 2, ">:") != 0)
        return false;
    line[n - 2] = '\0';
    *name = open + 2;
    return true;
}

static struct listing_function *function_add(struct listing *a, const char *name)
{
    struct listing_function *f;

    a->functions = realloc(a->functions, (a->n + 1) * sizeof *a->functions);
    if (!a->functions)
        abort();
    f = &a->functions[a->n++];
    memset(f, 0, sizeof *f);
    ledger_text_set(&f->name, name);
    return f;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct listing_function *)a)->name,
                  ((const struct listing_function *)b)->name);
}

void listing_parse(char *text, struct listing *out)
{
    struct listing_function *f = NULL;
    struct instruction in;
    struct body body = {0};
    char *save = NULL, *name;

    memset(out, 0, sizeof *out);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (heading_parse(line, &name)) {
            if (f)
                body_write(&body, f);
            f = function_add(out, name);
        } else if (f && instruction_parse(line, f->name, &in)) {
            body_add(&body, &in);
        }
    }
    if (f)
        body_write(&body, f);
    free(body.items);
    if (out->n)
        qsort(out->functions, out->n, sizeof *out->functions, by_name);
}

void listing_deinit(struct listing *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->functions[i].name);
        strbuf_deinit(&a->functions[i].text);
    }
    free(a->functions);
    memset(a, 0, sizeof *a);
}

/* --- building --- */

static int object_read(const char *path, struct listing *out)
{
    char *argv[] = {"objdump", "-d", "-r", "-w", "--no-show-raw-insn", NULL, NULL};
    struct strbuf text = {0}, file = {0};
    int rc;

    strbuf_addf(&file, "%s", path);
    argv[5] = file.data;
    rc = process_run(argv, NULL, 120, &text);
    if (rc == 0)
        listing_parse(text.data, out);
    else if (rc > 0)
        rc = err_set(ERR_IO, "objdump (Debian package binutils): %.300s", strbuf_str(&text));
    strbuf_deinit(&text);
    strbuf_deinit(&file);
    return rc;
}

/* The approved headers are where HEAD's judge looks for them; everything else is the commit's. */
static int folders_make(struct ratchet *r, int64_t scratch, const struct revision *v,
                        struct staging *folders)
{
    git_tree *tree = NULL, *head_tree = NULL;
    git_oid head;
    int rc = repo_tree_of(r->repo, &v->commit, &tree);

    if (rc == 0)
        rc = staging_make(r, scratch, tree, tree, tree, folders);
    if (rc == 0 && git_reference_name_to_id(&head, r->repo, "HEAD"))
        rc = repo_fail("reading HEAD");
    if (rc == 0)
        rc = repo_tree_of(r->repo, &head, &head_tree);
    if (rc == 0)
        rc = repo_export(r->repo, head_tree, "judge/compile/headers/", folders->root.data);
    git_tree_free(tree);
    git_tree_free(head_tree);
    return rc;
}

int listing_make(struct ratchet *r, const struct revision *v, struct listing *out)
{
    struct strbuf object = {0}, why = {0};
    struct staging folders = {0};
    struct ratchet_request q = {0};
    int64_t scratch = staging_number(r);
    int rc = folders_make(r, scratch, v, &folders);

    memset(out, 0, sizeof *out);
    if (rc == 0) {
        ratchet__say(r, "compiling %s (some 20 s, unless its object is kept)", v->label);
        staging_name(&folders, &q);
        strbuf_addf(&object, "%s/object.o", folders.scratch.data);
        rc = r->judge->object(r->judge->ctx, &q, object.data, &why);
    }
    if (rc == 0)
        rc = object_read(object.data, out);
    else if (rc > 0)
        rc = err_set(ERR_CONFLICT, "%s does not build: %s", v->label, strbuf_str(&why));
    ratchet__work_remove(r, scratch);
    staging_deinit(&folders);
    strbuf_deinit(&object);
    strbuf_deinit(&why);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/assembly_parts.h"

#include "reference/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the parser knows while it goes down the text. */
struct parser {
    struct assembly *a;
    size_t lines_room, functions_room;
    const char *file;
    uint32_t source;
    bool out_of_memory;
};

/* "0000000000000040 <name>:" */
static bool parse_function(struct parser *p, char *line)
{
    struct assembly *a = p->a;
    struct assembly_function *f;
    char *open = strchr(line, '<'), *close = open ? strstr(open, ">:") : NULL;

    if (!close || open == line || strspn(line, "0123456789abcdef") != (size_t)(open - line - 1))
        return false;
    f = assembly__room(a->functions, a->n_functions, &p->functions_room, sizeof *f);
    if (!f) {
        p->out_of_memory = true;
        return true;
    }
    a->functions = f;
    *close = '\0';
    f = &a->functions[a->n_functions++];
    *f = (struct assembly_function){.first = a->n_lines};
    snprintf(f->name, sizeof f->name, "%s", open + 1);
    p->file = "";
    p->source = 0;
    return true;
}

/* "./kernel/x.inc:12", "... (discriminator 3)", or "inlined by ./kernel/x.inc:12 (function)": of a
 * header's line (an intrinsic) what matters is the kernel's own line that it was inlined into. */
static void parse_source(struct parser *p, char *line)
{
    static const char inlined[] = "inlined by ";
    char *colon, *end;
    unsigned long number;

    if (strncmp(line, inlined, strlen(inlined)) == 0) {
        if (p->file[0] != '/')
            return;
        line += strlen(inlined);
    }
    line[strcspn(line, " \t")] = '\0';
    colon = strrchr(line, ':');
    if (!colon)
        return;
    number = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end)
        return;
    *colon = '\0';
    while (strncmp(line, "./", 2) == 0)
        line += 2;
    p->file = line;
    p->source = (uint32_t)number;
}

/* Cut the instruction's text out of its line: no comment, no relocation, no blanks at its end, one
 * blank after the mnemonic. */
static void clean_text(struct assembly_line *l, char *text)
{
    char *relocation = strstr(text, "R_X86_64_"), *end, *to = text;

    l->symbol = "";
    if (relocation) {
        char *symbol = relocation + strcspn(relocation, " \t");

        symbol += strspn(symbol, " \t");
        symbol[strcspn(symbol, "+-")] = '\0';
        l->symbol = symbol;
        while (relocation > text && relocation[-1] != '\t')
            relocation--;
        *relocation = '\0';
    }
    text[strcspn(text, "<#")] = '\0';
    for (const char *from = text; *from; from++)
        if ((*from != ' ' && *from != '\t') || (to > text && to[-1] != ' '))
            *to++ = *from == '\t' ? ' ' : *from;
    end = to;
    while (end > text && end[-1] == ' ')
        end--;
    *end = '\0';
    l->text = text;
}

/* "  1f:\tjne    10 <f+0x10>": a jump inside the function, when no relocation says otherwise. */
static uint32_t jump_target(const struct assembly_line *l)
{
    const char *operand = strchr(l->text, ' ');
    char *end;
    unsigned long at;

    if (l->text[0] != 'j' || !operand || l->symbol[0])
        return ASSEMBLY_NO_TARGET;
    at = strtoul(operand + 1, &end, 16);
    return end != operand + 1 && *end == '\0' ? (uint32_t)at : ASSEMBLY_NO_TARGET;
}

static bool parse_instruction(struct parser *p, char *line)
{
    struct assembly *a = p->a;
    struct assembly_line *l;
    char *end;
    unsigned long at = strtoul(line, &end, 16);

    if (end == line || *end != ':' || end[1] != '\t' || !a->n_functions)
        return false;
    l = assembly__room(a->lines, a->n_lines, &p->lines_room, sizeof *l);
    if (!l) {
        p->out_of_memory = true;
        return true;
    }
    a->lines = l;
    l = &a->lines[a->n_lines++];
    *l = (struct assembly_line){.at = (uint32_t)at, .file = p->file, .source = p->source};
    clean_text(l, end + 2);
    l->target = jump_target(l);
    a->functions[a->n_functions - 1].n++;
    return true;
}

/* --- what an instruction does --- */

/* The next vector register named from *text on: its width letter ('x', 'y', 'z') and number; moves
 * *text past it. */
static char next_vector_register(const char **text, unsigned *number)
{
    const char *p = *text;

    while ((p = strchr(p, '%'))) {
        char *end;
        unsigned long n;

        p++;
        if ((p[0] != 'x' && p[0] != 'y' && p[0] != 'z') || p[1] != 'm' || p[2] != 'm')
            continue;
        n = strtoul(p + 3, &end, 10);
        if (end == p + 3 || n > 31)
            continue;
        *number = (unsigned)n;
        *text = end;
        return p[0];
    }
    return '\0';
}

static bool is_vector(const char *text)
{
    unsigned unused;

    return next_vector_register(&text, &unused) != '\0';
}

enum stack_use { STACK_NONE, STACK_LOAD, STACK_STORE };

/* Whether a vector instruction reads or writes the frame: AT&T order puts what is written last.
 * %rbp counts only where it is a frame pointer. */
static enum stack_use vector_stack_use(const char *text, bool frame_pointer)
{
    const char *memory = strstr(text, "(%rsp");

    if (!memory && frame_pointer)
        memory = strstr(text, "(%rbp");
    if (!memory || !is_vector(text) || strncmp(text, "lea", 3) == 0)
        return STACK_NONE;
    return strchr(memory, ')') && strchr(strchr(memory, ')'), ',') ? STACK_LOAD : STACK_STORE;
}

static uint32_t bits_count(uint32_t bits)
{
    return (uint32_t)__builtin_popcount(bits);
}

/* "sub $0x40,%rsp" or a push: bytes by which the stack grows. */
static uint32_t stack_growth(const char *text)
{
    if (strncmp(text, "push", 4) == 0)
        return 8;
    if (strncmp(text, "sub $", 5) == 0 && strstr(text, ",%rsp"))
        return (uint32_t)strtoul(text + 5, NULL, 0);
    /* The assembler's shortest form of sub $0x80. */
    if (strncmp(text, "add $0xffffffffffffff80,%rsp", 28) == 0)
        return 128;
    return 0;
}

static void function_measure(struct assembly *a, struct assembly_function *f)
{
    uint32_t used[3] = {0};
    bool frame_pointer = false;

    for (size_t i = f->first; i < f->first + f->n; i++) {
        const char *text = a->lines[i].text, *p = text;
        enum stack_use use;
        unsigned number;
        char width;

        frame_pointer |= strcmp(text, "mov %rsp,%rbp") == 0;
        use = vector_stack_use(text, frame_pointer);
        while ((width = next_vector_register(&p, &number)))
            used[width - 'x'] |= UINT32_C(1) << number;
        f->n_vector += is_vector(text);
        f->spill_loads += use == STACK_LOAD;
        f->spill_stores += use == STACK_STORE;
        f->stack_bytes += stack_growth(text);
        f->n_calls += strncmp(text, "call", 4) == 0;
        for (size_t k = 0; k < f->n_loops; k++)
            if (f->loops[k].in[i - f->first]) {
                f->loops[k].n_vector += is_vector(text);
                f->loops[k].n_spills += use != STACK_NONE;
            }
    }
    f->n_xmm = bits_count(used[0]);
    f->n_ymm = bits_count(used[1]);
    f->n_zmm = bits_count(used[2]);
}

int assembly_init(const char *objdump, struct assembly *out)
{
    struct parser p = {.a = out, .file = ""};
    char *next;

    *out = (struct assembly){.text = strdup(objdump)};
    if (!out->text)
        return err_set(ERR_NOMEM, "out of memory for a disassembly");
    for (char *line = out->text; line && *line && !p.out_of_memory; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!parse_function(&p, line) && !parse_instruction(&p, line))
            parse_source(&p, line);
    }
    for (size_t i = 0; i < out->n_functions && !p.out_of_memory; i++) {
        p.out_of_memory = assembly__find_loops(out, &out->functions[i]) < 0;
        function_measure(out, &out->functions[i]);
    }
    if (!p.out_of_memory)
        return 0;
    assembly_deinit(out);
    return err_set(ERR_NOMEM, "out of memory for a disassembly");
}

void assembly_deinit(struct assembly *a)
{
    for (size_t i = 0; i < a->n_functions; i++) {
        for (size_t k = 0; k < a->functions[i].n_loops; k++)
            free(a->functions[i].loops[k].in);
        free(a->functions[i].loops);
    }
    free(a->functions);
    free(a->lines);
    free(a->text);
    *a = (struct assembly){0};
}

struct assembly_function *assembly_find(const struct assembly *a, const char *name)
{
    for (size_t i = 0; i < a->n_functions; i++)
        if (!strcmp(a->functions[i].name, name))
            return &a->functions[i];
    return NULL;
}

void assembly_sample(struct assembly *a, struct assembly_function *f, uint32_t at)
{
    size_t i = f->first;

    while (i + 1 < f->first + f->n && a->lines[i + 1].at <= at)
        i++;
    f->n_samples++;
    if (!f->n)
        return;
    a->lines[i].n_samples++;
    for (size_t k = 0; k < f->n_loops; k++)
        f->loops[k].n_samples += f->loops[k].in[i - f->first];
}

/* Samples first; without any, what is nested deep and full of vector instructions. */
static bool loop_is_hotter(const struct assembly_loop *a, const struct assembly_loop *b)
{
    if (a->n_samples != b->n_samples)
        return a->n_samples > b->n_samples;
    if (a->depth * a->n_vector != b->depth * b->n_vector)
        return a->depth * a->n_vector > b->depth * b->n_vector;
    return a->n > b->n;
}

size_t assembly_hot_loops(const struct assembly *a, size_t max, const struct assembly_loop **loop,
                          const struct assembly_function **of)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n_functions; i++)
        for (size_t k = 0; k < a->functions[i].n_loops; k++) {
            const struct assembly_loop *l = &a->functions[i].loops[k];
            size_t at = n;

            if (!l->innermost)
                continue;
            while (at > 0 && loop_is_hotter(l, loop[at - 1]))
                at--;
            if (at >= max)
                continue;
            n += n < max;
            memmove(&loop[at + 1], &loop[at], (n - at - 1) * sizeof *loop);
            memmove(&of[at + 1], &of[at], (n - at - 1) * sizeof *of);
            loop[at] = l;
            of[at] = &a->functions[i];
        }
    return n;
}

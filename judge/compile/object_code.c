/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object_code.h"

#include "reference/base/strbuf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mnemonics as objdump writes them, parted by blanks, and what to do instead. */
static const struct {
    const char *names, *advice;
} refused[] = {
    {"syscall sysenter sysexit sysexitl sysexitq sysret sysretl sysretq int int1 int3 into icebp "
     "vmcall vmmcall vmfunc hlt in insb insw insl out outsb outsw outsl encls enclu enclv",
     "a kernel makes no system call; memory and threads come with the call and the team"},
    {"rdtsc rdtscp rdpmc", "the clock is the judge's; a kernel cannot know whether it is timed"},
    {"rdrand rdseed rdpid rdmsr", "the result must depend on the inputs alone"},
    {"cpuid xgetbv", "which instructions may be used stands in team->features"},
    {"clflush clflushopt clwb cldemote invd wbinvd wbnoinvd",
     "emptying caches slows whoever runs next; prefetches are welcome"},
    {"umonitor umwait tpause monitor monitorx mwait mwaitx",
     "waiting for the team is kernel_barrier; pause is allowed"},
    {"xbegin xend xabort xtest", "transactions end when anything interrupts; use atomics"},
    {"enqcmd enqcmds senduipi uiret testui clui stui", "a kernel speaks to no device or process"},
    {"rdfsbase rdgsbase wrfsbase wrgsbase swapgs rdpkru wrpkru xsetbv popf popfw popfq lfs lgs lss",
     "the processor's state belongs to the caller"},
    {"ldmxcsr vldmxcsr fldcw fldenv finit fninit frstor fxrstor fxrstor64 xrstor xrstor64 xrstors "
     "xrstors64",
     "rounding, denormals and precision (MXCSR, x87) are fixed by the contract"},
    {"ljmp ljmpw ljmpl ljmpq lcall lcallw lcalll lcallq lret lretw lretl lretq iret iretw iretl "
     "iretq",
     "a kernel stays in its code segment"},
};

static const char *const prefixes[] = {
    "lock",   "rep",      "repz",     "repnz", "repe",  "repne",  "data16", "data32",
    "addr32", "cs",       "ds",       "es",    "fs",    "gs",     "ss",     "notrack",
    "bnd",    "xacquire", "xrelease", "rex",   "{vex}", "{evex}", NULL,
};

/* Instructions of one section: where each starts, ascending. */
struct code_section {
    const char *name; /* borrowed from the text, `len` characters */
    int len;
    uint64_t *starts;
    size_t n, room;
};

/* A direct jump or call, to be looked up when the sweep is done. */
struct branch {
    const char *function, *target; /* names, borrowed from the text */
    int function_len, target_len;  /* target_len 0: the section itself */
    size_t section;                /* where it stands */
    uint64_t from;
    int64_t to; /* offset from the target */
};

struct sweep {
    struct object *o;
    struct code_section *sections;
    size_t n_sections;
    struct branch *branches;
    size_t n_branches, room_branches;
    const char *function; /* the symbol above the line at hand */
    int function_len;
    uint64_t function_at, next; /* where it starts; where the last instruction ended */
};

static void complain(struct sweep *s, bool cheat, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct sweep *s, bool cheat, const char *fmt, ...)
{
    va_list args;

    if (s->o->fault[0])
        return;
    s->o->cheat = cheat;
    va_start(args, fmt);
    vsnprintf(s->o->fault, sizeof s->o->fault, fmt, args);
    va_end(args);
}

static void *make_room(void *list, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return list;
    *room = *room ? 2 * *room : 256;
    list = realloc(list, *room * size);
    if (!list)
        abort();
    return list;
}

static bool word_is(const char *p, int n, const char *word)
{
    return (size_t)n == strlen(word) && strncmp(p, word, (size_t)n) == 0;
}

/* True when the n characters at p are one of the words of `list`, parted by blanks. */
static bool word_among(const char *p, int n, const char *list)
{
    for (; *list; list += strspn(list, " ")) {
        int m = (int)strcspn(list, " ");

        if (m == n && strncmp(p, list, (size_t)n) == 0)
            return true;
        list += m;
    }
    return false;
}

static bool is_prefix(const char *p, int n)
{
    for (const char *const *w = prefixes; *w; w++)
        if (word_is(p, n, *w))
            return true;
    return n > 4 && strncmp(p, "rex.", 4) == 0;
}

/* --- the sweep --- */

static void section_add(struct sweep *s, const char *name, int len)
{
    s->sections = realloc(s->sections, (s->n_sections + 1) * sizeof *s->sections);
    if (!s->sections)
        abort();
    s->sections[s->n_sections++] = (struct code_section){.name = name, .len = len};
    s->function = name;
    s->function_len = len;
    s->function_at = s->next = 0;
}

/* Loads of segment registers; their stores are harmless. */
static bool writes_segment(const char *p, int n, const char *operands)
{
    const char *comma = memrchr(operands, ',', strcspn(operands, "\t\n#"));
    const char *to = comma ? comma + 1 : operands;

    if (strncmp(p, "mov", 3) && strncmp(p, "pop", 3))
        return false;
    (void)n;
    return to[0] == '%' && to[2] == 's' && strchr("cdefgs", to[1]) && !isalnum(to[3]) &&
           to[3] != ':';
}

/* p: the mnemonic behind all prefixes, n characters; operands follow. */
static void mnemonic_check(struct sweep *s, uint64_t at, const char *p, int n, const char *operands)
{
    unsigned long long in = at - s->function_at;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (word_among(p, n, refused[i].names))
            complain(s, true, "%.*s+0x%llx: the instruction %.*s is not for kernels: %s",
                     s->function_len, s->function, in, n, p, refused[i].advice);
    if (writes_segment(p, n, operands))
        complain(s, true,
                 "%.*s+0x%llx: a segment register is written: the processor's state "
                 "belongs to the caller",
                 s->function_len, s->function, in);
    if (n == 0 || p[0] == '(' || p[0] == '.')
        complain(s, false,
                 "%.*s+0x%llx: no instruction that the disassembler knows; data goes to "
                 ".rodata",
                 s->function_len, s->function, in);
}

/* The relocation that objdump prints behind an instruction: "\t<offset>: <type>\t<symbol>+<n>". */
static const char *relocation_find(const char *operands, size_t len)
{
    const char *tab = memchr(operands, '\t', len);

    return tab && memmem(tab, len - (size_t)(tab - operands), "R_X86_64_", 9) ? tab : NULL;
}

/* Note a direct jump or call for the end. */
static void branch_note(struct sweep *s, uint64_t at, const char *operands, size_t len)
{
    const char *relocation = relocation_find(operands, len);
    struct branch b = {
        .function = s->function,
        .function_len = s->function_len,
        .section = s->n_sections - 1,
        .from = at - s->function_at,
    };

    if (relocation) {
        const char *name = memchr(relocation + 1, '\t', len - (size_t)(relocation + 1 - operands));

        if (!name)
            return;
        b.target = name + 1;
        b.target_len = (int)strcspn(b.target, "+-\n\t");
        /* The field is the instruction's last four bytes, and the addend counts from the field. */
        b.to = (int64_t)strtoll(b.target + b.target_len, NULL, 16) + 4;
    } else {
        b.to = (int64_t)strtoull(operands, NULL, 16);
    }
    s->branches = make_room(s->branches, s->n_branches, &s->room_branches, sizeof *s->branches);
    s->branches[s->n_branches++] = b;
}

/* "<blanks><offset>:\t<bytes>\t<instruction>" */
static void instruction_read(struct sweep *s, const char *line, const char *end)
{
    struct code_section *section = &s->sections[s->n_sections - 1];
    char *p;
    uint64_t at = strtoull(line, &p, 16);
    const char *word, *operands;
    int n, bytes = 0;

    for (p++; p < end && isspace((unsigned char)*p); p++)
        ;
    while (p + 1 < end && isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1])) {
        bytes++;
        p += 2;
        p += p < end && *p == ' ';
    }
    section->starts = make_room(section->starts, section->n, &section->room, sizeof(uint64_t));
    section->starts[section->n++] = at;
    s->o->n_instructions++;
    if (at < s->next)
        complain(s, true,
                 "%.*s+0x%llx: a symbol in the middle of an instruction: another one could "
                 "hide there",
                 s->function_len, s->function, (unsigned long long)(at - s->function_at));
    s->next = at + (uint64_t)bytes;
    for (word = p;; word = operands) {
        word += strspn(word, " \t");
        n = (int)strcspn(word, " \t\n");
        operands = word + n;
        if (!is_prefix(word, n) || operands >= end)
            break;
    }
    operands += strspn(operands, " ");
    mnemonic_check(s, at, word, n, operands);
    if ((word[0] == 'j' || (n >= 4 && strncmp(word, "call", 4) == 0) ||
         (n >= 4 && strncmp(word, "loop", 4) == 0)) &&
        *operands != '*') {
        if (word[n - 1] == 'w')
            complain(s, true,
                     "%.*s+0x%llx: %.*s with a 16-bit target, which processors read "
                     "differently",
                     s->function_len, s->function, (unsigned long long)(at - s->function_at), n,
                     word);
        branch_note(s, at, operands, (size_t)(end - operands));
    }
}

static void line_read(struct sweep *s, const char *line, const char *end)
{
    static const char heading[] = "Disassembly of section ";
    const char *open = memchr(line, '<', (size_t)(end - line));

    if (strncmp(line, heading, sizeof heading - 1) == 0) {
        section_add(s, line + sizeof heading - 1, (int)(end - line - (int)sizeof heading));
    } else if (s->n_sections && isxdigit((unsigned char)*line) && open && end[-1] == ':') {
        s->function = open + 1;
        s->function_len = (int)(end - open - 3);
        s->function_at = strtoull(line, NULL, 16);
    } else if (s->n_sections && *line == ' ' && memchr(line, ':', (size_t)(end - line))) {
        instruction_read(s, line, end);
    }
}

/* --- where branches land --- */

static int compare_offsets(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The section that a branch lands in, and *offset there; NULL: outside the kernel. */
static const struct code_section *target_find(const struct sweep *s, const struct branch *b,
                                              uint64_t *offset)
{
    const char *name = b->target;
    int len = b->target_len;

    *offset = (uint64_t)b->to;
    if (!len)
        return &s->sections[b->section];
    for (size_t i = 0; i < s->o->n_symbols; i++)
        if (word_is(name, len, s->o->symbols[i].name)) {
            *offset += s->o->symbols[i].at;
            name = s->o->symbols[i].section;
            len = (int)strlen(name);
            break;
        }
    for (size_t i = 0; i < s->n_sections; i++)
        if (s->sections[i].len == len && strncmp(s->sections[i].name, name, (size_t)len) == 0)
            return &s->sections[i];
    return NULL;
}

static bool in_function(const struct object *o, const struct code_section *section, uint64_t offset)
{
    for (size_t i = 0; i < o->n_symbols; i++) {
        const struct object_symbol *f = &o->symbols[i];

        if (f->function && word_is(section->name, section->len, f->section) && offset >= f->at &&
            offset - f->at < f->bytes)
            return true;
    }
    return false;
}

static void branch_check(struct sweep *s, const struct branch *b)
{
    static const char imports[] = "memcpy memmove memset";
    uint64_t offset;
    const struct code_section *section = target_find(s, b, &offset);

    if (!section) {
        if (!word_among(b->target, b->target_len, imports) || b->to != 0)
            complain(s, true, "%.*s+0x%llx: a jump to %.*s, which is no function of the kernel",
                     b->function_len, b->function, (unsigned long long)b->from, b->target_len,
                     b->target);
        return;
    }
    if (!bsearch(&offset, section->starts, section->n, sizeof offset, compare_offsets))
        complain(s, true,
                 "%.*s+0x%llx: a jump into the middle of an instruction, where another one "
                 "hides (%.*s+0x%llx)",
                 b->function_len, b->function, (unsigned long long)b->from, section->len,
                 section->name, (unsigned long long)offset);
    else if (!in_function(s->o, section, offset))
        complain(s, true,
                 "%.*s+0x%llx: a jump out of all functions (%.*s+0x%llx); functions in "
                 "assembly need .type and .size",
                 b->function_len, b->function, (unsigned long long)b->from, section->len,
                 section->name, (unsigned long long)offset);
}

void object_code_inspect(struct object *o, const struct strbuf *text)
{
    struct sweep s = {.o = o};
    const char *p = strbuf_str(text), *end = p + text->len;

    while (p < end) {
        const char *q = memchr(p, '\n', (size_t)(end - p));

        q = q ? q : end;
        if (q > p)
            line_read(&s, p, q);
        p = q + 1;
    }
    for (size_t i = 0; i < s.n_branches; i++)
        branch_check(&s, &s.branches[i]);
    for (size_t i = 0; i < s.n_sections; i++)
        free(s.sections[i].starts);
    free(s.sections);
    free(s.branches);
}

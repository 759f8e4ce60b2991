/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/link_script.h"

#include "reference/base/rng.h"

#include <stdlib.h>

/* Indices 0..n-1 in drawn order (Fisher-Yates). The caller frees. */
static size_t *order_draw(size_t n, struct rng *r)
{
    size_t *order = malloc((n ? n : 1) * sizeof *order);

    if (!order)
        abort();
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_below(r, i), t = order[k];

        order[k] = order[i - 1];
        order[i - 1] = t;
    }
    return order;
}

/* The input sections of one output section, shuffled, a gap in front of each. */
static void sections_write(const struct object_names *names, struct rng *r, struct strbuf *out)
{
    size_t *order = order_draw(names->n, r);
    size_t left = LINK_SCRIPT_DRIFT / 16;
    /* Twice the fair share each, so that the budget is about used up on average. */
    size_t most = names->n ? 2 * left / names->n : 0;

    for (size_t i = 0; i < names->n; i++) {
        size_t gap = rng_below(r, (most ? most : 1) + 1);

        gap = gap < left ? gap : left;
        left -= gap;
        if (gap)
            strbuf_addf(out, "    . = . + %zu;\n", 16 * gap);
        strbuf_addf(out, "    *(\"%s\")\n", names->name[order[i]]);
    }
    free(order);
}

void link_script_write(const struct object *o, uint64_t seed, struct strbuf *out)
{
    static const char head[] = "SECTIONS\n{\n"
                               "  . = SIZEOF_HEADERS;\n"
                               "  .gnu.hash : { *(.gnu.hash) }\n"
                               "  .dynsym : { *(.dynsym) }\n"
                               "  .dynstr : { *(.dynstr) }\n"
                               "  .rela.dyn : { *(.rela.*) }\n"
                               "  . = ALIGN(CONSTANT(MAXPAGESIZE));\n"
                               "  .plt : { *(.plt .plt.*) }\n"
                               "  .text : {\n";
    static const char middle[] = "    *(.text .text.*)\n  }\n"
                                 "  . = ALIGN(CONSTANT(MAXPAGESIZE));\n"
                                 "  .rodata : {\n";
    static const char tail[] = "    *(.rodata .rodata.*)\n  }\n"
                               "  . = ALIGN(CONSTANT(MAXPAGESIZE));\n"
                               "  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) }\n"
                               "  .dynamic : { *(.dynamic) }\n"
                               "  .got : { *(.got .got.plt) }\n"
                               "  .data : { *(.data .data.*) }\n"
                               "  .bss : { *(.bss .bss.* COMMON) }\n"
                               "  /DISCARD/ : { *(.comment .note.*) }\n"
                               "}\n";
    struct rng r;

    rng_init(&r, seed);
    strbuf_addf(out, "%s", head);
    sections_write(&o->text, &r, out);
    strbuf_addf(out, "%s", middle);
    sections_write(&o->rodata, &r, out);
    strbuf_addf(out, "%s", tail);
}

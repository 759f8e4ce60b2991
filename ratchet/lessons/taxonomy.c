/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/lessons/taxonomy.h"

#include <assert.h>
#include <regex.h>
#include <stdio.h>

const struct taxonomy_words taxonomy_tiers[TAXONOMY_TIERS] = {
    {"Tiling and blocking", "How many results each loaded or decoded value serves: register tiles, "
                            "cache blocks, the parts "
                            "that threads take"},
    {"Algorithm and skipping",
     "Work that need not be done: masks where nothing is masked, passes over the same bytes, the "
     "search of what cannot matter"},
    {"Precision inside the contract's rounding points",
     "Exact integer products in the widest instruction there is, narrow sums where they cannot "
     "overflow, functions no better than the tolerance asks"},
    {"Layout and precomputation",
     "What packing, quantising and storing can do once: the order of bytes, rows interleaved, sums "
     "made ahead"},
    {"Compiler and machine hints",
     "Prefetch, the full width of the registers, fewer instructions for the same work"},
};

const struct taxonomy_row taxonomy[] = {
    {"threads", TAXONOMY_TILING, "`the threads of CASE wait or idle N % of their time` (--deep)",
     "parts that come out even for any number of threads; smaller chunks",
     "threads? idle|threads share|barriers?|chunks?"},
    {"ragged", TAXONOMY_TILING, "a case between two tile sizes is further from its roof than both",
     "blocks of equal size, and register tiles for the odd counts",
     "equal size|(two|three) tiles of|remainder|ragged|\\<tail"},
    {"small", TAXONOMY_TILING,
     "`overhead: N us of work takes N x as long`, or a win vetoed because a short case got slower",
     "leave short rows and small batches to the path with the least set-up",
     "stays? with|(rows|spans|sizes) under|columns on,|small sizes"},
    {"few-rows", TAXONOMY_TILING, "decoding once does not pay: few rows share what was decoded",
     "read the stored form as it lies, with all sums in registers", "reads? .{0,12}as it lies"},
    {"decode", TAXONOMY_TILING,
     "`under the instruction roof by N x: less unpacking, larger tiles`; hot spots in unpacking",
     "decode a block once, into registers or L1, and sweep it with the largest register tile",
     "(decoded?|decoding) .{0,24}(once|twice|a second time|again|strip)|decoded in(to)? "
     "(registers|L1)|decoded its weights again"},
    {"cache-tile", TAXONOMY_TILING,
     "`CASE's tile (N KiB) spills to L2, and reading again costs N %`",
     "a smaller tile, so that what is read most often stays in L1",
     "TILE_[A-Z]+|(smaller|larger) (cache )?(tile|block)|fits? L[12]"},
    {"one-pass", TAXONOMY_LAYOUT,
     "more bytes are read than the case has: `GB/s` near the roof, time is not",
     "one pass over the bytes, all that a line holds used at once",
     "read .{0,16}lines? twice|in one pass|one pass alone|re-?reads?"},
    {"stores", TAXONOMY_LAYOUT, "hot spots in stores of 2 or 4 bytes, or in gathers",
     "turn a block in registers, load and store whole vectors",
     "[24]-byte stores|transpos|turns? .{0,24}in registers|gathers?"},
    {"bytes", TAXONOMY_LAYOUT,
     "`at the DRAM roof`: only `fewer bytes` help; two threads are no better than one",
     "a smaller packed form: no padding, scales in fewer bits",
     "fewer bytes|smaller packed|tighter"},
    {"multiply", TAXONOMY_PRECISION,
     "at the peak of the instruction in use while the roofline's `narrower` line shows a higher "
     "one",
     "the integer instruction with the higher peak, exact where the contract is",
     "(in|by|through|on|to) (one )?(vpdp[a-z]+|vpmadd[a-z]+|vnni|amx)|int8 tiles"},
    {"narrow", TAXONOMY_PRECISION,
     "hot spots in multiplications and sums of 32 bits after exact 8-bit products",
     "sums of 16 bits wherever they fit, and a check made ahead for the blocks where they do not",
     "(fit|fits|against|in) 16 bits|16-bit sums"},
    {"functions", TAXONOMY_PRECISION, "hot spots in exponentials, roots or divisions",
     "a table or a short polynomial, a quotient from an estimate with one step, inside the "
     "tolerance",
     "exponential from|from an estimate|polynomial|newton"},
    {"width", TAXONOMY_HINTS, "ports.txt: `it leaves this machine's 512-bit registers alone`",
     "a path in 512-bit registers", ": avx-?512|avx-?512:|ran (on avx2|in sse)|in 512 bits"},
    {"skip", TAXONOMY_ALGORITHM,
     "hot spots beside the sweeps: masks, set-up, slow paths taken for all",
     "treat whole blocks apart: no mask where none is needed, the slow path only where it must be",
     "without masks?|only the part|skip(s|ped)?( |,|;)|causal|instead of its whole block"},
    {"fuse", TAXONOMY_ALGORITHM,
     "several passes over a row in L1, or the same value made for each head or row",
     "make it once and keep it in registers; sum while producing",
     "stay in registers|taken as .{0,24} are made|fused?"},
    {"prefetch", TAXONOMY_HINTS, "`under the DRAM roof by N x` (or L3): `more loads in flight`",
     "prefetch what comes next, evenly, past the end of a 4 KiB page, into L2 where it is much",
     "prefetch|(is|are|was|were|scales never|page) fetched|fetched nothing"},
    {"instructions", TAXONOMY_HINTS,
     "ports.txt: `in FUNCTION PORT is busy N of N cycles: fewer of the instructions that need it`",
     "memory operands, moves of a known size instead of calls, corrections folded into other sums",
     "memory operand|of a known size|without a centre|without copies|fewer instructions"},
    {"chains", TAXONOMY_HINTS,
     "ports.txt: `in FUNCTION results are waited for`: `more independent sums, or shorter chains`",
     "two to twelve sums side by side; the next block begun while this one ends",
     "under way while|independent (sums|chains)|(two|four|eight|twelve|sixteen) sums|accumulators"},
    {"spills", TAXONOMY_HINTS,
     "`registers: FUNCTION touches the stack N times inside its hot loop`",
     "a smaller register tile, or values loaded where they are used", "spill|register pressure"},
    {"scalar", TAXONOMY_HINTS, "remarks.txt: `N left scalar`, and perf.txt shows one of them hot",
     "intrinsics, or a loop whose count and strides the compiler can see",
     "left scalar|vectori[sz]e"},
};
const size_t taxonomy_n = sizeof taxonomy / sizeof *taxonomy;

static int row_find(const struct taxonomy_row *row, const char *text, regmatch_t *at)
{
    regex_t r;
    int rc = regcomp(&r, row->pattern, REG_EXTENDED | REG_ICASE), found;

    assert(rc == 0);
    (void)rc;
    found = regexec(&r, text, 1, at, 0) == 0;
    regfree(&r);
    return found;
}

size_t taxonomy_classify(const char *hypothesis, struct taxonomy_match out[TAXONOMY_MOST])
{
    size_t n = 0;

    for (size_t i = 0; i < taxonomy_n && n < TAXONOMY_MOST; i++) {
        regmatch_t at;

        if (!row_find(&taxonomy[i], hypothesis, &at))
            continue;
        out[n].row = i;
        snprintf(out[n++].phrase, TAXONOMY_PHRASE, "%.*s", (int)(at.rm_eo - at.rm_so),
                 hypothesis + at.rm_so);
    }
    return n;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * zoo_animal.h: one file of tests/zoo/animals and what its opening comment says about it. The same
 * file is the attack and, with the lines that are about TWIN, its honest twin. Zoo only. */
#ifndef PAWL_ZOO_ANIMAL_H
#define PAWL_ZOO_ANIMAL_H

#include <stddef.h>

/* Where the attack must have been caught at the latest; the twin passes the same. */
enum zoo_stage {
    ZOO_BUILD,   /* judge_build_open */
    ZOO_CHECK,   /* judge_check of one case */
    ZOO_UNIT,    /* judge_pair_unit: timed calls are checked calls */
    ZOO_TRIAL,   /* judge_try */
    ZOO_COMMAND, /* a shell script around the programs */
    ZOO_N_STAGES,
};

struct animal {
    char name[64]; /* file name without its suffix: "28-syscall" */
    char path[512];
    char row[8]; /* of EXPLOITS.md, "own" for an attack of ours */
    char attack[96];
    enum zoo_stage stage;
    char base[16];      /* the honest kernel below: "tiny" (Q4_K gemv only) or "shipped" */
    char expect[24];    /* name of the verdict that must catch it */
    char fragment[96];  /* of the reason */
    char only_case[64]; /* check: the one case; "": all */
    char focus[24];     /* unit, trial; "": none */
    char incumbent[16]; /* "shipped" or "twin" */
    unsigned n_units;   /* unit, trial */
};

const char *zoo_stage_name(enum zoo_stage s);

/* Read one file's opening comment. Error: ERR_IO, ERR_FORMAT naming the line. */
int animal_read(const char *path, struct animal *out);

/* All files NN-name.c and NN-name.sh of `folder`, by name; the caller frees *out. Error: as
 * animal_read, ERR_NOMEM. */
int animals_read(const char *folder, struct animal **out, size_t *n);

#endif

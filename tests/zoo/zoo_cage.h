/* SPDX-License-Identifier: Apache-2.0
 *
 * zoo_cage.h: one animal before the judge. The animal's file becomes kernel.c; beside it lies the
 * honest kernel it is built around as base.inc (its two functions renamed base_fn and base_meta),
 * with that kernel's own .inc files and the animals' shared tools. Zoo only; run in the
 * repository's root, one process per animal. */
#ifndef PAWL_ZOO_CAGE_H
#define PAWL_ZOO_CAGE_H

#include "judge/judge.h"
#include "tests/zoo/zoo_animal.h"

struct cage {
    char bin[512];     /* folder of judge-worker and the other programs */
    char scratch[512]; /* existing folder of this animal alone */
    char cache[512];   /* of compiled objects, shared by all animals */
};

struct outcome {
    bool refused;     /* a verdict of failure or cheating; else the stage was passed */
    char verdict[24]; /* its name; "passes" when not refused and not a trial */
    char reason[512];
    enum zoo_stage at; /* the stage that gave it */
};

/* Put the attack (or its twin) through the stages up to its own. A refusal is a value. Error: what
 * the judge returns when it can reach no verdict. */
int cage_run(const struct cage *c, const struct animal *a, bool twin, struct outcome *out);

#endif

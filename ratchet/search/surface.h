/* SPDX-License-Identifier: Apache-2.0
 *
 * surface.h: the time of the kernel over the unit cube, as a Gaussian process learns it from what
 * was observed. */
#ifndef PAWL_RATCHET_SURFACE_H
#define PAWL_RATCHET_SURFACE_H

#include "ratchet/search/gp.h"
#include "ratchet/search/observed.h"

struct surface {
    struct gp *time;     /* ln time relative to the start; of what was measured */
    struct gp *feasible; /* 1 where the kernel is one, 0 where not; NULL: always was */
};

/* Learn. The same knowledge and seed give the same surface. Zero-initialised, closed by the caller.
 * Errors: ERR_RANGE when nothing was measured, those of gp_fit. */
int surface_learn(const struct space *s, const struct observed *o, uint64_t seed,
                  struct surface *out);
void surface_close(struct surface *s);

/* The measured point with the least mean of the process, with y and se as the process has them: the
 * least measurement is also the luckiest. `o` is what the surface was learned from. */
struct observation surface_best(const struct surface *surface, const struct space *s,
                                const struct observed *o);

/* How likely points u [m, dims] are to be kernels. */
void surface_feasible(const struct surface *s, const double *u, size_t m, double *probability);

#endif

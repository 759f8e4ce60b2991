/* SPDX-License-Identifier: Apache-2.0
 *
 * effects_rules.h: where no kernel was found, as rules about one TUNABLE at a time. */
#ifndef PAWL_RATCHET_EFFECTS_RULES_H
#define PAWL_RATCHET_EFFECTS_RULES_H

#include "ratchet/search/effects.h"

/* Fill out->rule: those that are unlikely to be chance. */
void effects_rules(const struct space *s, const struct observed *o, struct effects *out);

#endif

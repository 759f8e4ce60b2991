/* SPDX-License-Identifier: Apache-2.0
 *
 * veto.h: the case that cost an attempt the win, as the ledger's reason has it. For ratchet/ only. */
#ifndef PAWL_RATCHET_VETO_H
#define PAWL_RATCHET_VETO_H

/* The case out of the judge's reason ("[confirmation: ]CASE: slower by ..."); "" when none did. */
void veto_case(const char *reason, char out[96]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * token_chain.h: kernel calls that follow each other and work token by token: norms, rotations,
 * sums, gated units, quantisation, the choice and mixing of experts. Each token depends on nothing
 * but itself (the kernel contract's batch invariance), so a thread may take a few tokens through
 * the whole chain while they lie in its cache, and nobody waits between the calls. What a later
 * call of the chain writes must not lie where an earlier one reads: the planner keeps every buffer
 * of a chain alive for all of it. Only the engine includes this. */
#ifndef PAWL_TOKEN_CHAIN_H
#define PAWL_TOKEN_CHAIN_H

#include "kernel/kernel.h"

#include <stdbool.h>

/* Whether operation `op` works token by token. */
bool token_chain_includes(uint32_t op);

/* Tokens of a call of such an operation. */
size_t token_chain_tokens(const struct kernel_call *call);

/* How many of calls[0..n-1] form a chain: of such operations, all on the same number of tokens. */
size_t token_chain_length(const struct kernel_call *const *calls, size_t n);

/* *out: the part of `call` that computes tokens first .. first + n - 1. */
void token_chain_slice(const struct kernel_call *call, size_t first, size_t n,
                       struct kernel_call *out);

#endif

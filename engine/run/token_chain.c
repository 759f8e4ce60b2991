/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/token_chain.h"

bool token_chain_includes(uint32_t op)
{
    switch (op) {
    case KERNEL_QUANTIZE:
    case KERNEL_RMS_NORM:
    case KERNEL_LAYER_NORM:
    case KERNEL_ROPE:
    case KERNEL_GLU:
    case KERNEL_ADD:
        return true;
    default:
        return false;
    }
}

/* Which extent of the first input and of the output counts tokens. */
static int token_axis(const struct kernel_call *call)
{
    return call->op == KERNEL_ROPE ? 2 : 1;
}

size_t token_chain_tokens(const struct kernel_call *call)
{
    return (size_t)call->in[0].ne[token_axis(call)];
}

size_t token_chain_length(const struct kernel_call *const *calls, size_t n)
{
    size_t length = 0;

    while (length < n && token_chain_includes(calls[length]->op) &&
           token_chain_tokens(calls[length]) == token_chain_tokens(calls[0]))
        length++;
    return length;
}

static void tensor_slice(struct kernel_tensor *t, int axis, size_t first, size_t n)
{
    t->ne[axis] = (int64_t)n;
    t->bytes = n * t->nb[axis];
    t->data = (char *)t->data + first * t->nb[axis];
}

/* The second input has tokens too, as its extent 1, but for the weights of a norm and a vector that
 * is added to every token. */
static bool second_has_tokens(const struct kernel_call *call)
{
    return call->op == KERNEL_ROPE || call->op == KERNEL_GLU ||
           (call->op == KERNEL_ADD && call->in[1].ne[1] > 1);
}

void token_chain_slice(const struct kernel_call *call, size_t first, size_t n,
                       struct kernel_call *out)
{
    *out = *call;
    tensor_slice(&out->in[0], token_axis(call), first, n);
    tensor_slice(&out->out[0], token_axis(call), first, n);
    if (second_has_tokens(call))
        tensor_slice(&out->in[1], 1, first, n);
}

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
    case KERNEL_SOFTMAX:
    case KERNEL_ADD:
    case KERNEL_TOP_K:
    case KERNEL_MIX:
        return true;
    default:
        return false;
    }
}

/* Which extent of input i counts tokens; -1: all tokens share it. */
static int input_axis(const struct kernel_call *call, uint32_t i)
{
    switch (call->op) {
    case KERNEL_ROPE:
    case KERNEL_MIX:
        return i == 0 ? 2 : 1;
    case KERNEL_RMS_NORM:
    case KERNEL_LAYER_NORM:
        return i == 0 ? 1 : -1;
    case KERNEL_ADD:
        return i == 0 || call->in[i].ne[1] > 1 ? 1 : -1;
    default:
        return 1;
    }
}

static int output_axis(const struct kernel_call *call)
{
    return call->op == KERNEL_ROPE ? 2 : 1;
}

size_t token_chain_tokens(const struct kernel_call *call)
{
    return (size_t)call->in[0].ne[input_axis(call, 0)];
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

void token_chain_slice(const struct kernel_call *call, size_t first, size_t n,
                       struct kernel_call *out)
{
    *out = *call;
    for (uint32_t i = 0; i < call->n_in; i++)
        if (input_axis(call, i) >= 0)
            tensor_slice(&out->in[i], input_axis(call, i), first, n);
    for (uint32_t i = 0; i < call->n_out; i++)
        tensor_slice(&out->out[i], output_axis(call), first, n);
}

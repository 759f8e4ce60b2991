/* SPDX-License-Identifier: Apache-2.0
 *
 * Which kernel is linked in: the digest of its object file, given by module.mk. */
#include "engine/engine.h"

const char *engine_kernel_build_id(void)
{
    return ENGINE_KERNEL_ID;
}

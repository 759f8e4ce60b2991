/* SPDX-License-Identifier: Apache-2.0
 *
 * object_code.h: the instructions of a kernel object, read from the disassembler's text. A linear
 * sweep from each symbol; instructions that leave the process, read clocks or randomness, steer
 * caches or change the state of the processor are refused, and so is a direct jump that lands
 * elsewhere than on an instruction of the sweep, because another instruction could hide there. It
 * cannot follow indirect jumps: the worker's walls are what holds there. Inside judge/ only. */
#ifndef PAWL_OBJECT_CODE_H
#define PAWL_OBJECT_CODE_H

#include "judge/compile/object.h"

struct strbuf;

/* Inspect `text`, the output of objdump with the options OBJECT_CODE_OPTIONS for the object that
 * *o describes. Sets o->n_instructions and, unless there is one already, o->fault and o->cheat. */
void object_code_inspect(struct object *o, const struct strbuf *text);

#define OBJECT_CODE_OPTIONS "-d -w -z -r -M att"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
    .section .rodata
    .balign 4096
    .globl engine_embedded_model
    .type engine_embedded_model, @object
engine_embedded_model:
    .incbin "engine/embedded/kjv-q4_k_m.gguf"
.Lend:
    .size engine_embedded_model, .Lend - engine_embedded_model
    .balign 4096
    .globl engine_embedded_model_bytes
    .type engine_embedded_model_bytes, @object
    .size engine_embedded_model_bytes, 8
engine_embedded_model_bytes:
    .quad .Lend - engine_embedded_model
    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: Apache-2.0 */
    .section .rodata
    .globl chat_render_child
    .type chat_render_child, @object
chat_render_child:
    .incbin "engine/chat/render_child.py"
    .byte 0
    .size chat_render_child, . - chat_render_child
    .section .note.GNU-stack, "", @progbits

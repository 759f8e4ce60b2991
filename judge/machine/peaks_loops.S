/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops whose speed is the machine's limit, in assembly so that no compiler can make them
 * better or worse. System V calling convention; all vector registers are the caller's to save.
 *
 *   void peaks_read_*(const void *p, size_t bytes, size_t passes)
 *       loads `bytes` (a multiple of 1024, 64-byte aligned) from front to back, `passes` times.
 *   void peaks_read4_*(...)  the same bytes as four streams, a quarter each (bytes % 4096 == 0).
 *   void peaks_f32_*(size_t n), peaks_int8_*, peaks_bf16_*
 *       n rounds over independent accumulators: more of them than latency x ports, so that
 *       throughput is what is seen. All operands are zero; the time does not depend on data.
 *
 * Operations per round stand in peaks.c beside each name. */

        .text

        .macro FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, @function
        .p2align 6
\name:
        .endm

        .macro END name
        .size   \name, . - \name
        .endm

/* rdi = p, rsi = bytes, rdx = passes. One round is 1024 bytes. */
        .macro READ name, load, reg, width
        FUNCTION \name
1:      mov     %rdi, %rax
        lea     (%rdi, %rsi), %rcx
        .p2align 5
2:
        .set    offset, 0
        .rept   1024 / \width / 8
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        \load   offset + \n * \width(%rax), %\reg\n
        .endr
        .set    offset, offset + 8 * \width
        .endr
        add     $1024, %rax
        cmp     %rcx, %rax
        jb      2b
        dec     %rdx
        jnz     1b
        .ifnc   \reg, xmm
        vzeroupper
        .endif
        ret
        END \name
        .endm

/* Four pointers a quarter apart, 128 bytes (one pair of lines) of each per round, fetched ahead. */
        .macro READ4 name, load, reg, width
        FUNCTION \name
        mov     %rsi, %r8
        shr     $2, %r8
1:      mov     %rdi, %rax
        lea     (%rdi, %r8), %rcx
        lea     (%r8, %r8, 2), %r9
        .p2align 5
2:
        prefetcht0 1024(%rax)
        prefetcht0 1024(%rax, %r8)
        prefetcht0 1024(%rax, %r8, 2)
        prefetcht0 1024(%rax, %r9)
        prefetcht0 1088(%rax)
        prefetcht0 1088(%rax, %r8)
        prefetcht0 1088(%rax, %r8, 2)
        prefetcht0 1088(%rax, %r9)
        .set    offset, 0
        .rept   128 / \width
        \load   offset(%rax), %\reg\()0
        \load   offset(%rax, %r8), %\reg\()1
        \load   offset(%rax, %r8, 2), %\reg\()2
        \load   offset(%rax, %r9), %\reg\()3
        .set    offset, offset + \width
        .endr
        add     $128, %rax
        cmp     %rcx, %rax
        jb      2b
        dec     %rdx
        jnz     1b
        .ifnc   \reg, xmm
        vzeroupper
        .endif
        ret
        END \name
        .endm

        READ    peaks_read_sse2, movaps, xmm, 16
        READ    peaks_read_avx2, vmovaps, ymm, 32
        READ    peaks_read_avx512, vmovaps, zmm, 64
        READ4   peaks_read4_sse2, movaps, xmm, 16
        READ4   peaks_read4_avx2, vmovaps, ymm, 32
        READ4   peaks_read4_avx512, vmovaps, zmm, 64

/* f32. SSE has no FMA: six chains of products beside six of sums, 48 operations a round. */
        FUNCTION peaks_f32_sse2
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
        xorps   %xmm\n, %xmm\n
        .endr
        .p2align 5
1:
        .irp    n, 0, 2, 4, 6, 8, 10
        mulps   %xmm12, %xmm\n
        .endr
        .irp    n, 1, 3, 5, 7, 9, 11
        addps   %xmm12, %xmm\n
        .endr
        dec     %rdi
        jnz     1b
        ret
        END peaks_f32_sse2

/* Sixteen-bit pairs are the widest integer dot of SSE2: four products of two a lane. The twelve
 * results are made from zeros each time, so sums are chains and products are not. */
        FUNCTION peaks_int8_sse2
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
        pxor    %xmm\n, %xmm\n
        .endr
        .p2align 5
1:
        .irp    n, 0, 1, 2, 3, 4, 5
        pmaddwd %xmm12, %xmm\n
        .endr
        .irp    n, 6, 7, 8, 9, 10, 11
        paddd   %xmm12, %xmm\n
        .endr
        dec     %rdi
        jnz     1b
        ret
        END peaks_int8_sse2

/* 12 accumulators of ymm. */
        .macro  ROUND12 name, instruction
        FUNCTION \name
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
        vpxor   %xmm\n, %xmm\n, %xmm\n
        .endr
        .p2align 5
1:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        \instruction %ymm12, %ymm12, %ymm\n
        .endr
        dec     %rdi
        jnz     1b
        vzeroupper
        ret
        END \name
        .endm

/* 16 accumulators of zmm. */
        .macro  ROUND16 name, instruction
        FUNCTION \name
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
        vpxord  %zmm\n, %zmm\n, %zmm\n
        .endr
        .p2align 5
1:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        \instruction %zmm16, %zmm16, %zmm\n
        .endr
        dec     %rdi
        jnz     1b
        vzeroupper
        ret
        END \name
        .endm

        ROUND12 peaks_f32_avx2, vfmadd231ps
        ROUND12 peaks_int8_avxvnni, "{vex} vpdpbusd"
        ROUND16 peaks_f32_avx512, vfmadd231ps
        ROUND16 peaks_int8_avx512vnni, vpdpbusd
        ROUND16 peaks_bf16_avx512, vdpbf16ps

/* Without VNNI: bytes to pairs in 16 bits, where codes of 4 bits leave room for eight of them, and those
 * at once to the sum. Four such sums a round. Codes of fewer bits leave room for more, which saves a
 * ninth of the multiplications at most: less than what RULE_CHEAT_PEAK_FACTOR leaves. */
        .macro  PAIRS name, r
        FUNCTION \name
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
        vpxor   %xmm\n, %xmm\n, %xmm\n
        .endr
        .p2align 5
1:
        .irp    n, 4, 5, 6, 7
        vpmaddubsw %\r\()12, %\r\()12, %\r\()\n
        .endr
        .rept   7
        .irp    n, 0, 1, 2, 3
        vpmaddubsw %\r\()12, %\r\()12, %\r\()\n
        .endr
        vpaddw  %\r\()0, %\r\()4, %\r\()4
        vpaddw  %\r\()1, %\r\()5, %\r\()5
        vpaddw  %\r\()2, %\r\()6, %\r\()6
        vpaddw  %\r\()3, %\r\()7, %\r\()7
        .endr
        .irp    n, 4, 5, 6, 7
        vpmaddwd %\r\()12, %\r\()\n, %\r\()\n
        .endr
        vpaddd  %\r\()4, %\r\()8, %\r\()8
        vpaddd  %\r\()5, %\r\()9, %\r\()9
        vpaddd  %\r\()6, %\r\()10, %\r\()10
        vpaddd  %\r\()7, %\r\()11, %\r\()11
        dec     %rdi
        jnz     1b
        vzeroupper
        ret
        END \name
        .endm

        PAIRS peaks_int8_avx2, ymm
        PAIRS peaks_int8_avx512, zmm /* AVX-512 BW without VNNI */

/* Tiles: two of operands, six of sums, 16 rows of 64 bytes each. */
        .section .rodata
        .p2align 6
tiles:  .byte   1, 0                    /* palette, start row */
        .zero   14
        .rept   8
        .short  64                      /* bytes of a row */
        .endr
        .zero   16
        .rept   8
        .byte   16                      /* rows */
        .endr
        .zero   8
        .text

        FUNCTION peaks_int8_amx
        ldtilecfg tiles(%rip)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        tilezero %tmm\n
        .endr
        .p2align 5
1:
        .irp    n, 0, 1, 2, 3, 4, 5
        tdpbusd %tmm7, %tmm6, %tmm\n
        .endr
        dec     %rdi
        jnz     1b
        tilerelease
        ret
        END peaks_int8_amx

        .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's page inside the program; build/plot is what page/fetch_plot.sh left there. */
    .section .rodata
    .globl report_page_html, report_page_style, report_page_script
    .globl report_plot_script, report_plot_license, report_plot_missing
report_page_html:
    .incbin "ratchet/report/page/page.html"
    .byte 0
report_page_style:
    .incbin "ratchet/report/page/page.css"
    .byte 0
report_page_script:
    .incbin "ratchet/report/page/text.js"
    .incbin "ratchet/report/page/scales.js"
    .incbin "ratchet/report/page/progress.js"
    .incbin "ratchet/report/page/gains.js"
    .incbin "ratchet/report/page/roofline.js"
    .incbin "ratchet/report/page/trust.js"
    .incbin "ratchet/report/page/attempt.js"
    .incbin "ratchet/report/page/attempts.js"
    .incbin "ratchet/report/page/app.js"
    .byte 0
report_plot_script:
    .incbin "build/plot/plot.js"
    .byte 0
report_plot_license:
    .incbin "build/plot/license.txt"
    .byte 0
report_plot_missing:
    .incbin "build/plot/missing.txt"
    .byte 0
    .section .note.GNU-stack, "", @progbits

# What every problem shares, and the problem that is shipped.
SRC_reference = $(addprefix reference/base/,err.c rng.c half.c sha256.c strbuf.c fileio.c cpu.c formats.c) \
    $(addprefix reference/problem/,problem.c instance.c patterns.c rows.c drawing.c)
SRC_inference = $(addprefix reference/inference/,inference.c cases.c survey.c draw.c weights.c rounding.c work.c \
    generate.c generate_kv.c generate_rows.c oracle_matmul.c oracle_quantize.c oracle_kv.c oracle_attention.c \
    oracle_rows.c oracle_rank.c)

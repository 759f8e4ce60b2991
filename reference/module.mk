SRC_reference = reference/base/err.c reference/base/rng.c reference/base/half.c \
    reference/base/sha256.c reference/base/strbuf.c reference/base/fileio.c reference/base/cpu.c \
    reference/formats.c reference/rounding.c reference/problem.c reference/cases.c reference/survey.c reference/draw.c \
    reference/instance.c reference/patterns.c reference/generate.c reference/generate_kv.c \
    reference/generate_rows.c reference/oracle_matmul.c reference/oracle_quantize.c \
    reference/oracle_kv.c reference/oracle_attention.c reference/oracle_rows.c reference/oracle_rank.c reference/work.c

SRC_reference = reference/base/err.c reference/base/rng.c reference/base/half.c \
    reference/base/sha256.c reference/base/strbuf.c reference/base/fileio.c reference/base/cpu.c

SRC_ratchet += \
    ratchet/history/blame.c \
    ratchet/history/blame_moves.c \
    ratchet/history/filter.c \
    ratchet/history/kernel_diff.c \
    ratchet/history/revision.c

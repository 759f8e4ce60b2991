SRC_ratchet += \
    ratchet/history/filter.c \
    ratchet/history/kernel_diff.c \
    ratchet/history/revision.c

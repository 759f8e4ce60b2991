SRC_ratchet += \
    ratchet/agent/context.c \
    ratchet/agent/likeness.c \
    ratchet/agent/near.c \
    ratchet/agent/roof.c

SRC_ratchet += \
    ratchet/agent/allowance.c \
    ratchet/agent/allowed.c \
    ratchet/agent/answer.c \
    ratchet/agent/campaign.c \
    ratchet/agent/context.c \
    ratchet/agent/ending.c \
    ratchet/agent/guard.c \
    ratchet/agent/journal.c \
    ratchet/agent/keeper.c \
    ratchet/agent/landlock.c \
    ratchet/agent/likeness.c \
    ratchet/agent/loop.c \
    ratchet/agent/near.c \
    ratchet/agent/plateau.c \
    ratchet/agent/roof.c \
    ratchet/agent/round.c \
    ratchet/agent/standing.c \
    ratchet/agent/try_rows.c \
    ratchet/agent/trying.c \
    ratchet/agent/workspace.c

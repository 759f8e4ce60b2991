SRC_ratchet += \
    ratchet/try/apply.c \
    ratchet/try/controls.c \
    ratchet/try/earlier.c \
    ratchet/try/hypothesis.c \
    ratchet/try/lease.c \
    ratchet/try/progress.c \
    ratchet/try/proposal.c \
    ratchet/try/record.c \
    ratchet/try/recover.c \
    ratchet/try/scope.c \
    ratchet/try/staging.c \
    ratchet/try/try.c

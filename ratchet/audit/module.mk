SRC_ratchet += \
    ratchet/audit/audit.c \
    ratchet/audit/audit_git.c \
    ratchet/audit/honesty.c \
    ratchet/audit/honesty_claims.c \
    ratchet/audit/rematch.c \
    ratchet/audit/replay.c

SRC_ratchet += \
    ratchet/git/change.c \
    ratchet/git/lineage.c \
    ratchet/git/logbranch.c \
    ratchet/git/ref_lock.c \
    ratchet/git/repo.c \
    ratchet/git/sealed.c \
    ratchet/git/worktree.c

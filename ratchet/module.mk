SRC_ratchet = ratchet/ratchet.c ratchet/repo.c ratchet/sealed.c ratchet/locks.c ratchet/scope.c \
    ratchet/logbranch.c ratchet/controls.c ratchet/earlier.c \
    ratchet/progress.c ratchet/worktree.c ratchet/apply.c ratchet/record.c ratchet/try.c \
    ratchet/recover.c ratchet/staging.c ratchet/audit.c ratchet/audit_git.c \
    ratchet/honesty.c ratchet/honesty_claims.c
MAIN_ratchet = ratchet/ratchet_main.c ratchet/cmd.c ratchet/cmd_try.c ratchet/cmd_log.c \
    ratchet/cmd_show.c ratchet/cmd_audit.c ratchet/cmd_honesty.c ratchet/cmd_status.c ratchet/cmd_checkpoint.c \
    ratchet/judge_bind.c

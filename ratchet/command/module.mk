# Programs: the commands, and the one place that calls the judge.
MAIN_ratchet += \
    ratchet/command/cmd.c \
    ratchet/command/cmd_agent.c \
    ratchet/command/cmd_assembly.c \
    ratchet/command/cmd_audit.c \
    ratchet/command/cmd_bisect.c \
    ratchet/command/cmd_blame.c \
    ratchet/command/cmd_checkpoint.c \
    ratchet/command/cmd_diff.c \
    ratchet/command/cmd_export.c \
    ratchet/command/cmd_honesty.c \
    ratchet/command/cmd_log.c \
    ratchet/command/cmd_replay.c \
    ratchet/command/cmd_show.c \
    ratchet/command/cmd_status.c \
    ratchet/command/cmd_try.c \
    ratchet/command/ratchet_main.c
JUDGE_ratchet = ratchet/try/judge_bind.c

SRC_judge = judge/seal.c judge/machine/peaks_loops.S $(filter-out %_main.c judge/worker/worker_%, \
    $(wildcard $(addprefix judge/,$(addsuffix /*.c,command compile worker check measure machine rule profile))))
MAIN_judge = judge/command/judge_main.c
MAIN_judge_worker = $(wildcard judge/worker/worker_*.c)

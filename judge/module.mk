SRC_judge =
MAIN_judge = judge/judge_main.c
MAIN_judge_worker = judge/worker_main.c
SRC_judge += judge/decide.c judge/verdict.c judge/machine.c judge/machine_lock.c judge/peaks.c judge/peaks_job.c judge/peaks_loops.S \
    judge/roofline.c judge/counters.c judge/slices.c judge/trial_stage.c judge/trial.c \
    judge/trial_report.c judge/bench.c judge/tables.c judge/seal.c
SRC_judge += judge/segment.c judge/side.c judge/fault.c judge/request.c judge/compare.c \
    judge/object.c judge/link_script.c judge/build.c judge/check.c judge/pool.c judge/pair.c

SRC_judge =
MAIN_judge = judge/judge_main.c
MAIN_judge_worker = judge/worker_main.c

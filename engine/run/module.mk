SRC_engine += \
    engine/run/cores.c \
    engine/run/embedding.c \
    engine/run/kernel_id.c \
    engine/run/kv_cache.c \
    engine/run/kv_pool.c \
    engine/run/plan.c \
    engine/run/plan_arena.c \
    engine/run/plan_bind.c \
    engine/run/plan_build.c \
    engine/run/plan_print.c \
    engine/run/session.c \
    engine/run/session_file.c \
    engine/run/team.c \
    engine/run/token_chain.c

MAIN_engine = engine/command/engine_main.c
SRC_engine += \
    engine/command/cmd_bench.c \
    engine/command/cmd_chat.c \
    engine/command/cmd_embed.c \
    engine/command/cmd_graph.c \
    engine/command/cmd_imatrix.c \
    engine/command/cmd_options.c \
    engine/command/cmd_pack.c \
    engine/command/cmd_perplexity.c \
    engine/command/cmd_profile.c \
    engine/command/cmd_run.c \
    engine/command/cmd_speculate.c \
    engine/command/divergence.c \
    engine/command/inspect.c \
    engine/command/logits_file.c \
    engine/command/sampler_flags.c \
    engine/command/speculation_flags.c \
    engine/command/workload.c

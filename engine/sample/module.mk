SRC_engine += \
    engine/sample/candidates.c \
    engine/sample/constraint.c \
    engine/sample/grammar.c \
    engine/sample/grammar_build.c \
    engine/sample/grammar_parse.c \
    engine/sample/sampler.c \
    engine/sample/stage_dry.c \
    engine/sample/stage_mirostat.c \
    engine/sample/stage_penalties.c \
    engine/sample/stage_temperature.c \
    engine/sample/stage_truncation.c \
    engine/sample/vocabulary.c

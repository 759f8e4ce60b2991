SRC_engine += \
    engine/sample/beam.c \
    engine/sample/candidates.c \
    engine/sample/constraint.c \
    engine/sample/grammar.c \
    engine/sample/grammar_build.c \
    engine/sample/grammar_parse.c \
    engine/sample/guidance.c \
    engine/sample/infill.c \
    engine/sample/json_integer.c \
    engine/sample/json_merge.c \
    engine/sample/json_object.c \
    engine/sample/json_pattern.c \
    engine/sample/json_schema.c \
    engine/sample/json_types.c \
    engine/sample/sampler.c \
    engine/sample/stage_dry.c \
    engine/sample/stage_infill.c \
    engine/sample/stage_mirostat.c \
    engine/sample/stage_penalties.c \
    engine/sample/stage_temperature.c \
    engine/sample/stage_truncation.c \
    engine/sample/vocabulary.c

SRC_engine += \
    engine/sample/sampler.c

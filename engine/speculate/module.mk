SRC_engine += \
    engine/speculate/acceptance.c \
    engine/speculate/draft.c \
    engine/speculate/lookup.c \
    engine/speculate/prefix.c \
    engine/speculate/speculator.c

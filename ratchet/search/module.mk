SRC_ratchet += \
    ratchet/search/gp.c \
    ratchet/search/gp_fit.c \
    ratchet/search/observed.c \
    ratchet/search/space.c \
    ratchet/search/strategy.c \
    ratchet/search/strategy_bayes.c \
    ratchet/search/strategy_evolution.c \
    ratchet/search/strategy_grid.c \
    ratchet/search/strategy_random.c \
    ratchet/search/surface.c \
    ratchet/search/tunables.c

SRC_ratchet += \
    ratchet/search/effects.c \
    ratchet/search/effects_rules.c \
    ratchet/search/gp.c \
    ratchet/search/gp_fit.c \
    ratchet/search/observed.c \
    ratchet/search/search.c \
    ratchet/search/search_learn.c \
    ratchet/search/search_report.c \
    ratchet/search/search_run.c \
    ratchet/search/shape.c \
    ratchet/search/space.c \
    ratchet/search/strategy.c \
    ratchet/search/strategy_bayes.c \
    ratchet/search/strategy_evolution.c \
    ratchet/search/strategy_grid.c \
    ratchet/search/strategy_random.c \
    ratchet/search/surface.c \
    ratchet/search/tunables.c
MAIN_ratchet += ratchet/search/cmd_search.c

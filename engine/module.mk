SRC_engine =
MAIN_engine = engine/engine_main.c

SRC_ratchet =
MAIN_ratchet = ratchet/ratchet_main.c

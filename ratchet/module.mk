SRC_ratchet = ratchet/ratchet.c
MAIN_ratchet =
include $(foreach f,git try history audit agent command,ratchet/$(f)/module.mk)

SRC_ratchet = ratchet/ratchet.c
MAIN_ratchet =
include $(foreach f,git try audit agent command,ratchet/$(f)/module.mk)

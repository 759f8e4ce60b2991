SRC_ratchet = ratchet/ratchet.c
MAIN_ratchet =
include $(foreach f,git try history audit agent command mcp,ratchet/$(f)/module.mk)

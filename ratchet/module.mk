SRC_ratchet = ratchet/ratchet.c
MAIN_ratchet =
include $(foreach f,git try history audit agent report command mcp,ratchet/$(f)/module.mk)

SRC_ratchet = ratchet/ratchet.c ratchet/printable.c
MAIN_ratchet =
include $(foreach f,git try history audit agent init lessons report search command mcp,ratchet/$(f)/module.mk)

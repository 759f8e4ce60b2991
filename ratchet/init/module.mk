# Other problems: making a folder a ratchet, and running the ratchet of one.
SRC_ratchet += \
    ratchet/init/original.c \
    ratchet/init/scaffold.c \
    ratchet/init/source_tree.c
MAIN_ratchet += \
    ratchet/init/cmd_init.c \
    ratchet/init/cmd_problem.c

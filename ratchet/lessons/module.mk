SRC_ratchet += \
    ratchet/lessons/lessons.c \
    ratchet/lessons/lessons_print.c \
    ratchet/lessons/taxonomy.c
MAIN_ratchet += ratchet/lessons/cmd_lessons.c

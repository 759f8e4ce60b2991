SRC_engine += \
    engine/gguf/gguf.c \
    engine/gguf/gguf_parse.c \
    engine/gguf/gguf_types.c \
    engine/gguf/gguf_write.c

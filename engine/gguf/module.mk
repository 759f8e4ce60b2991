SRC_engine += \
    engine/gguf/file_map.c \
    engine/gguf/file_writer.c \
    engine/gguf/gguf.c \
    engine/gguf/gguf_parse.c \
    engine/gguf/gguf_types.c \
    engine/gguf/gguf_write.c

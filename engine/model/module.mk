SRC_engine += \
    engine/model/architecture.c \
    engine/model/architecture_llama.c \
    engine/model/graph.c \
    engine/model/layout_id.c \
    engine/model/model.c \
    engine/model/resident.c \
    engine/model/rope_table.c \
    engine/model/weight_store.c

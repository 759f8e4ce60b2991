SRC_engine += \
    engine/model/architecture.c \
    engine/model/architecture_bert.c \
    engine/model/architecture_falcon.c \
    engine/model/architecture_gemma.c \
    engine/model/architecture_gemma2.c \
    engine/model/architecture_gemma3.c \
    engine/model/architecture_gpt2.c \
    engine/model/architecture_llama.c \
    engine/model/architecture_olmo2.c \
    engine/model/architecture_parts.c \
    engine/model/architecture_phi2.c \
    engine/model/architecture_phi3.c \
    engine/model/architecture_qwen2.c \
    engine/model/architecture_qwen2moe.c \
    engine/model/architecture_qwen3.c \
    engine/model/architecture_qwen3moe.c \
    engine/model/architecture_stablelm.c \
    engine/model/architecture_starcoder2.c \
    engine/model/graph.c \
    engine/model/graph_parameters.c \
    engine/model/graph_print.c \
    engine/model/layout_id.c \
    engine/model/model.c \
    engine/model/pack_file.c \
    engine/model/resident.c \
    engine/model/rope_table.c \
    engine/model/weight_store.c

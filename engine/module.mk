SRC_engine =
SRC_engine += engine/gguf.c engine/gguf_parse.c engine/gguf_types.c engine/gguf_write.c \
    engine/tokenizer.c engine/tokenizer_merge.c engine/tokenizer_spm.c engine/tokenizer_bpe.c \
    engine/encode.c engine/encode_kquant.c engine/quantize.c engine/inspect.c
SRC_engine += engine/architecture.c engine/architecture_llama.c engine/graph.c engine/plan.c \
    engine/plan_arena.c engine/plan_bind.c engine/plan_print.c engine/kv_cache.c engine/resident.c engine/cores.c \
    engine/team.c engine/token_chain.c engine/rope_table.c engine/weight_store.c engine/model.c engine/session.c \
    engine/sampler.c engine/text_stream.c engine/kernel_id.c engine/cmd_options.c \
    engine/cmd_run.c engine/cmd_bench.c engine/cmd_perplexity.c engine/cmd_graph.c

# The embedded model, when the tree has it.
ifneq ($(wildcard engine/embedded/kjv-q4_k_m.gguf),)
SRC_engine += engine/embedded.S
$(B)/engine/embedded.o: engine/embedded/kjv-q4_k_m.gguf
else
SRC_engine += engine/embedded_none.c
endif

# The id of the kernel in the program is the digest of its object file.
$(B)/engine/kernel_id.o: $(B)/kernel/kernel.o
$(B)/engine/kernel_id.o: private CFLAGS_BASE += \
    -DENGINE_KERNEL_ID='"$(shell sha256sum $(B)/kernel/kernel.o | cut -c1-40)"'
MAIN_engine = engine/engine_main.c

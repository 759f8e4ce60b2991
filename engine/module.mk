SRC_engine =
include $(foreach f,gguf tokenizer model run sample speculate chat quantize command,engine/$(f)/module.mk)

# The embedded model, when the tree has it.
ifneq ($(wildcard engine/embedded/kjv-q4_k_m.gguf),)
SRC_engine += engine/embedded/embedded.S
$(B)/engine/embedded/embedded.o: engine/embedded/kjv-q4_k_m.gguf
else
SRC_engine += engine/embedded/embedded_none.c
endif

# The id of the kernel in the program is the digest of its object file.
$(B)/engine/run/kernel_id.o: $(B)/kernel/kernel.o
$(B)/engine/run/kernel_id.o: private CFLAGS_BASE += \
    -DENGINE_KERNEL_ID='"$(shell sha256sum $(B)/kernel/kernel.o | cut -c1-40)"'
MAIN_engine = engine/command/engine_main.c

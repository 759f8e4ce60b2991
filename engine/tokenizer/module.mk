SRC_engine += \
    engine/tokenizer/pre_tokenizer.c \
    engine/tokenizer/text_stream.c \
    engine/tokenizer/tokenizer.c \
    engine/tokenizer/tokenizer_bpe.c \
    engine/tokenizer/tokenizer_merge.c \
    engine/tokenizer/tokenizer_special.c \
    engine/tokenizer/tokenizer_spm.c \
    engine/tokenizer/tokenizer_wpm.c

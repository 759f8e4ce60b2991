SRC_engine += \
    engine/quantize/encode.c \
    engine/quantize/encode_kquant.c \
    engine/quantize/quantize.c

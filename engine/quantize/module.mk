SRC_engine += \
    engine/quantize/encode.c \
    engine/quantize/encode_affine.c \
    engine/quantize/encode_linear.c \
    engine/quantize/encode_plain.c \
    engine/quantize/importance.c \
    engine/quantize/mix.c \
    engine/quantize/quantize.c

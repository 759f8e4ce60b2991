SRC_engine += \
    engine/chat/chat.c \
    engine/chat/conversation.c \
    engine/chat/literal.c \
    engine/chat/render_child.S \
    engine/chat/template.c \
    engine/chat/template_confine.c \
    engine/chat/template_reply.c
$(B)/engine/chat/render_child.o: engine/chat/render_child.py

SRC_ratchet += \
    ratchet/history/listing.c \
    ratchet/history/listing_diff.c \
    ratchet/history/bisect.c \
    ratchet/history/bisect_measure.c \
    ratchet/history/blame.c \
    ratchet/history/blame_moves.c \
    ratchet/history/export.c \
    ratchet/history/feature_path.c \
    ratchet/history/filter.c \
    ratchet/history/gain.c \
    ratchet/history/kernel_diff.c \
    ratchet/history/revision.c \
    ratchet/history/veto.c
# Programs: a command that is more than its options.
MAIN_ratchet += \
    ratchet/history/log_graph.c

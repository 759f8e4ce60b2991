# What needs no command of the program can be tested alone.
SRC_ratchet += \
    ratchet/mcp/jsonrpc.c \
    ratchet/mcp/mcp_child.c \
    ratchet/mcp/mcp_fields.c \
    ratchet/mcp/mcp_head.c \
    ratchet/mcp/mcp_proposal.c \
    ratchet/mcp/mcp_store.c
MAIN_ratchet += \
    ratchet/mcp/cmd_mcp.c \
    ratchet/mcp/mcp_attempt.c \
    ratchet/mcp/mcp_known.c \
    ratchet/mcp/mcp_resources.c \
    ratchet/mcp/mcp_run.c \
    ratchet/mcp/mcp_schemas.c \
    ratchet/mcp/mcp_server.c \
    ratchet/mcp/mcp_tools.c \
    ratchet/mcp/tool_history.c \
    ratchet/mcp/tool_judge.c \
    ratchet/mcp/tool_kernel.c \
    ratchet/mcp/tool_try.c

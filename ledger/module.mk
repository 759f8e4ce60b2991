SRC_ledger = ledger/ledger.c ledger/ledger_cases.c ledger/schema.c ledger/tsv.c ledger/chain.c ledger/rebuild.c \
    ledger/states.c

SRC_ledger =

"""The promise of the ledger, proved by breaking everything around it: see `harness`."""

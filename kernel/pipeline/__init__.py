"""The core loop: from audience to send ledger."""

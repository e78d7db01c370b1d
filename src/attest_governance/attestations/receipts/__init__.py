"""Receipts of ATTEST: what a pipeline did, signed by the one who ran it."""

"""Signed statements: DSSE envelopes, and the receipts that ATTEST exports in them."""

"""Verifies what other programs made (receipts, archives, attestations of images), and says which facts that proves."""

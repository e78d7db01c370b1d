"""Signing: keys, signatures in SSH's form, and the one sequence of bytes that is signed."""

"""Archives that carry a receipt and what it refers to: `attest-archive/v1`, `attest-evidence/v1` and `v2`."""

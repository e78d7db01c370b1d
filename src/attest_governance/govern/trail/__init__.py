"""The audit trail: what happened on this machine, in a chain that only grows, beside the records that travel."""

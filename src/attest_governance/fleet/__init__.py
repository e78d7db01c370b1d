"""The audit of a fleet: the same judgement over millions of resources of many clusters, on Ray."""

"""The audit of a cluster: every object that a policy may look at, judged as files are."""

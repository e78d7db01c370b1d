"""Policy changes (§11 `policy_approval`): which set of policies is approved, and whether it is the one in use."""

"""The GitOps controller: what Git holds is verified, judged, and applied to the cluster only where it is allowed."""

"""ATTEST policy & governance: decides whether Kubernetes resources may be deployed, and says why."""

__version__ = "0.1.0"

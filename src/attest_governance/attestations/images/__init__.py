"""Attestations and signatures of container images, and where they lie: OCI layouts and registries."""

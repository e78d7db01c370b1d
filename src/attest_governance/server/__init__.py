"""The server: Kubernetes admission, a decision API, metrics and decisions on record, on one runtime swapped whole."""

"""Ports to the outside: the clock, stores, the network, the cluster."""

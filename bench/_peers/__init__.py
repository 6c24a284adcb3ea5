"""The parts of `bench.peers`: other gateways, an upstream and a client in C, and the report."""

"""Benchmarks: what the gateway costs, measured on real sockets against simulated upstreams."""

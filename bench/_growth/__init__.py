"""The parts of `bench.growth`: what grows, the gateways that have it, and the report."""

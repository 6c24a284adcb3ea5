"""The parts of `bench.forecast`."""

"""The parts of `bench.hedge`."""

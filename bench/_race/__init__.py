"""The parts of `bench.race`: the best possible time, and the measured excess over it."""

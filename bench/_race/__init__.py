"""The parts of `bench.race`: what is the best possible, and what was measured beyond it."""

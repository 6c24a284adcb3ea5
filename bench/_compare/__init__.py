"""The parts of `bench.compare`: two trees of the source, played in turns under the same load."""

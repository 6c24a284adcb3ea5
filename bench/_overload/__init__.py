"""The parts of `bench.overload`: a cheap upstream, an open-loop client, the steps, the report."""

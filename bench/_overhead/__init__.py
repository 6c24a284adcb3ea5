"""The parts of `bench.overhead`: the requests, their cost, and the layer that causes it."""

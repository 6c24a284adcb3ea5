"""The parts of `bench.cancel`: when a client leaves, what the upstreams saw, and the verdict."""
